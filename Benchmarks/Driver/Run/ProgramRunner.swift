// Runs one program of the benchmarks to its end, within its time, and reads the one JSON object that it prints.

internal import JobQueue
internal import Processes

/// Runs programs on one workload's servers.
struct ProgramRunner {
    let servers: BenchServers
    let isQuick: Bool
    /// The `chorewheel` executable, for the workloads that need it.
    let chorewheel: String
    /// This executable: our side of the measurements, and the leash.
    let driver: String

    /// How long a program may take beyond its own limit, which it should heed by itself.
    private static let patience: Duration = .seconds(20)

    /// - Returns: The members of the result.
    /// - Throws: `BenchFailure` with the last thing it said, when it failed, was over its time or printed no result;
    ///   what the servers throw.
    func run(_ subject: Subject, of workload: Workload) async throws -> [String: Figure] {
        try await self.servers.emptyRedis()
        var command = self.command(subject, limitSeconds: workload.limitSeconds)
        let log = "\(self.servers.directory)/program.log"
        command.output = .file(log)
        // What a killed program leaves goes with the servers' directory.
        command.environment = .inherited(adding: ["TMPDIR": self.servers.directory])
        try FileSystem.write("", to: log, mode: 0o600)
        let status = try await ChildProcess.run(
            command, leash: self.driver, limit: .seconds(workload.limitSeconds) + Self.patience)
        let lines = try FileSystem.text(of: log)?.split(whereSeparator: \.isNewline) ?? []
        guard status.isSuccess else {
            throw BenchFailure("\(status): \(lines.suffix(3).joined(separator: " | ").prefix(300))")
        }
        guard let line = lines.last(where: { $0.hasPrefix("{") }) else { throw BenchFailure("printed no result") }
        let result = try JSONText.decode([String: Figure].self, from: Array(line.utf8))
        try self.check(result)
        return result
    }

    /// A program's own check is in its status; this one is that it did what it was asked.
    private func check(_ result: [String: Figure]) throws {
        guard let jobs = result["jobs"]?.number, let settled = result["settled"]?.number else {
            throw BenchFailure("the result lacks `jobs` or `settled`")
        }
        guard settled == 0 || settled == jobs else { throw BenchFailure("\(settled) of \(jobs) jobs were settled") }
    }

    private func command(_ subject: Subject, limitSeconds: Int) -> ChildProcess.Configuration {
        var arguments = self.isQuick ? subject.quickArguments ?? subject.arguments : subject.arguments
        for store in subject.stores {
            switch store {
            case .redis: arguments += ["--redis", self.servers.redisURL]
            case .database: arguments += ["--database", self.servers.databaseURL]
            }
        }
        if let jobs = self.isQuick ? subject.quickJobs : subject.jobs { arguments += ["--jobs", "\(jobs)"] }
        switch subject.role {
        case .ours:
            return .init(self.driver, arguments + ["--chorewheel", self.chorewheel])
        case .floor:
            let limit = ["--limit-seconds", "\(limitSeconds)"]
            return .init("Benchmarks/floors/.build/\(arguments[0])", Array(arguments.dropFirst()) + limit)
        case .peer:
            return .init("Benchmarks/peers/run", arguments + ["--limit-seconds", "\(limitSeconds)"])
        }
    }
}
