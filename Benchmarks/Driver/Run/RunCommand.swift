// `chorewheel-bench run`: every program of every workload, in turn, on private servers; the report.
//
// A program that fails is a row that says so; the others go on, and the status at the end is not 0. A target that is
// missed is no failure: the report says by how much.

internal import ArgumentParser
internal import JobQueue
internal import Processes

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Runs the workloads beside their floors and peers, and writes the report.",
        discussion: "To be called in the checkout's root. Floors, peers and `chorewheel` must have been built.")

    @Argument(help: "Which workloads, \(Workload.names.joined(separator: " ")). Default: all.")
    var workloads: [String] = []

    @Flag(help: "Few jobs, one run, no peers; the report goes to standard output.")
    var quick = false

    @Option(help: "How often each program runs. Default: 5.")
    var runs: Int?

    @Flag(name: .customLong("no-peers"), help: "Leave the peers out.")
    var skipsPeers = false

    @Flag(name: .customLong("no-floors"), help: "Leave the floors out.")
    var skipsFloors = false

    @Option(help: "The report's file. Default: docs/benchmarks.md; with --quick: standard output.")
    var output: String?

    @Option(help: "The chorewheel executable, for W10 and W11. Default: beside this program.")
    var chorewheel: String?

    private static let resultsDirectory = ".build/bench"

    mutating func validate() throws {
        for name in self.workloads where !Workload.names.contains(name) {
            throw ValidationError("there is no workload \(name), only \(Workload.names.joined(separator: ", "))")
        }
        guard (1...100).contains(self.runs ?? 1) else { throw ValidationError("--runs must be 1 to 100") }
    }

    func run() async throws {
        let driver = try Executable.current()
        let chorewheel = self.chorewheel ?? "\(FileSystem.parent(of: driver))/chorewheel"
        let startedAt = await self.says("date", ["-u", "+%Y-%m-%d %H:%M UTC"], leash: driver)
        let loadBefore = MachineDescription.load()
        let chosen = Workload.all.filter { self.workloads.isEmpty || self.workloads.contains($0.name) }
        var done: [WorkloadRuns] = []
        var versions: (postgres: String, redis: String) = ("unknown", "unknown")
        // A quick run has one pair of servers for all: starting some for each takes longer than measuring.
        var servers: BenchServers?
        for workload in chosen {
            let current = if let servers { servers } else { try await BenchServers.start(leash: driver) }
            versions = try await current.versions()
            let runner = ProgramRunner(
                servers: current, isQuick: self.quick, chorewheel: chorewheel, driver: driver)
            done.append(await self.run(workload, with: runner))
            if self.quick { servers = current } else { await current.stop() }
        }
        await servers?.stop()
        let report = BenchReport(
            machine: .current(),
            versions: [
                ("PostgreSQL", versions.postgres), ("Redis", versions.redis),
                ("Swift", await self.swiftVersion(leash: driver)),
                ("revision", await self.says("git", ["describe", "--always", "--dirty"], leash: driver)),
            ],
            command: self.commandLine, startedAt: startedAt, runs: self.runsWanted, loadBefore: loadBefore,
            loadAfter: MachineDescription.load(), workloads: done)
        try self.write(report)
        let failures = done.flatMap(\.failures)
        guard failures.isEmpty else {
            say("\(failures.count) program run(s) failed")
            throw ExitCode.failure
        }
    }

    private var runsWanted: Int { self.runs ?? (self.quick ? 1 : 5) }

    private func run(_ workload: Workload, with runner: ProgramRunner) async -> WorkloadRuns {
        let subjects = workload.subjects.filter { subject in
            switch subject.role {
            case .ours: true
            case .floor: !self.skipsFloors
            case .peer: !self.skipsPeers && !self.quick
            }
        }
        var runs = WorkloadRuns(workload, subjects: subjects)
        for number in 1...self.runsWanted {
            for (index, subject) in subjects.enumerated() {
                let start = Board.now()
                var ending = "done"
                do {
                    runs.subjects[index].results.append(try await runner.run(subject, of: workload))
                } catch {
                    ending = "FAILED (\(error))"
                    runs.subjects[index].failures.append("\(error)")
                }
                let seconds = numberText(Board.now() - start, digits: 1)
                say("\(workload.name), run \(number) of \(self.runsWanted): \(subject.name): \(ending), \(seconds) s")
            }
        }
        return runs
    }

    private func write(_ report: BenchReport) throws {
        try FileSystem.makeDirectory(Self.resultsDirectory, mode: 0o755)
        let results = "\(Self.resultsDirectory)/results.json"
        try FileSystem.write(try JSONText.string(report.document) + "\n", to: results, mode: 0o644)
        if let path = self.output ?? (self.quick ? nil : "docs/benchmarks.md") {
            try FileSystem.write(report.markdown, to: path, mode: 0o644)
            say("wrote \(path) and \(results)")
        } else {
            print(report.markdown)
        }
    }

    /// As it was typed, without the program's directory.
    private var commandLine: String {
        (["chorewheel-bench"] + CommandLine.arguments.dropFirst()).joined(separator: " ")
    }

    /// Of the compiler that is here: the one that built this program, unless somebody changed it since.
    private func swiftVersion(leash: String) async -> String {
        let words = await self.says("swift", ["--version"], leash: leash).split(separator: " ")
        return words.firstIndex(of: "version").flatMap { words[($0 + 1)...].first }.map(String.init) ?? "unknown"
    }

    /// The first line that a program prints; "unknown" when it fails.
    private func says(_ program: String, _ arguments: [String], leash: String) async -> String {
        let log = "\(Self.resultsDirectory)/said"
        do {
            try FileSystem.makeDirectory(Self.resultsDirectory, mode: 0o755)
            try FileSystem.write("", to: log, mode: 0o600)
            var command = ChildProcess.Configuration(program, arguments)
            command.output = .file(log)
            let status = try await ChildProcess.run(command, leash: leash, limit: .seconds(30))
            let line = try FileSystem.text(of: log)?.split(whereSeparator: \.isNewline).first
            return status.isSuccess ? line.map(String.init) ?? "unknown" : "unknown"
        } catch {
            return "unknown"
        }
    }

    /// Progress goes to standard error: the report may go to standard output.
    private func say(_ text: String) { _ = FileSystem.writeAll(Array("bench: \(text)\n".utf8), to: 2) }
}
