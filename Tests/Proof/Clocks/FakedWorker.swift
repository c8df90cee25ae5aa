// Real worker processes whose wall clock is wrong: run under libfaketime, which answers in the kernel's place when a
// process asks for the time.

internal import JobQueue
internal import LocalServers
internal import Postgres
internal import Processes
internal import QueueTestSupport
internal import TestSupport

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// How a process sees the time.
enum FakedClock: Sendable, Hashable, CaseIterable {
    case right
    case hourAhead
    case hourBehind
    /// As its file says, which is written anew while it runs.
    case jumping
    /// The monotonic clock, too: no machine has such a one, but nothing of the queue should need it to be ours.
    case monotonicAhead

    var words: String {
        switch self {
        case .right: "right"
        case .hourAhead: "an hour ahead"
        case .hourBehind: "an hour behind"
        case .jumping: "jumps by hours"
        case .monotonicAhead: "an hour ahead, and its monotonic clock"
        }
    }

    /// The library's directory differs from machine to machine, its name does not.
    static func library() throws -> String {
        let directories =
            ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib/faketime"]
            + ["/usr/lib64/faketime", "/usr/local/lib/faketime"]
        // The one for programs with threads.
        let names = directories.map { "\($0)/libfaketimeMT.so.1" }
        guard let found = names.first(where: { access($0, R_OK) == 0 }) else {
            throw ProofFailure(
                "libfaketime is not installed (looked for \(names.joined(separator: ", "))): "
                    + "deploy/install-dependencies --proof installs it")
        }
        return found
    }

    /// What `env` sets for a program. - Parameter shared: See `FakedPrograms`. - Parameter file: of a jumping clock.
    func variables(library: String, shared: String, file: String) -> [String] {
        let both = ["LD_PRELOAD=\(library)", "FAKETIME_SHARED=\(shared)"]
        let wallOnly = both + ["FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"]
        return switch self {
        case .right: []
        case .hourAhead: wallOnly + ["FAKETIME=+3600"]
        case .hourBehind: wallOnly + ["FAKETIME=-3600"]
        case .jumping: wallOnly + ["FAKETIME_TIMESTAMP_FILE=\(file)", "FAKETIME_CACHE_DURATION=1"]
        case .monotonicAhead: both + ["FAKETIME=+3600"]
        }
    }
}

/// Programs of `chorewheel` on one queue.
struct FakedPrograms: Sendable {
    let queue: QueueFixture
    let library: String
    /// What a jumping clock reads.
    let jumps: String
    private let executable: String
    /// For each clock the names of a semaphore and a piece of memory, which libfaketime makes and tells programs of by
    /// a variable. One that has to set the variable itself changes the environment before Swift has found its arguments
    /// beside it, and the program runs without them; so it is told of these. (One semaphore for all clocks would make
    /// their processes wait for each other.)
    private let shared: [FakedClock: String]
    /// Made them; they sleep.
    private let makers: [ChildProcess]

    init(_ queue: QueueFixture) async throws {
        self.queue = queue
        self.library = try FakedClock.library()
        self.jumps = "\(queue.servers.directory)/jumps"
        self.executable = try BuiltExecutable.path()
        var shared: [FakedClock: String] = [:]
        var makers: [ChildProcess] = []
        for clock in FakedClock.allCases where clock != .right {
            let names = "\(queue.servers.directory)/faketime-\(clock)"
            var command = ChildProcess.Configuration(
                "faketime",
                [
                    "-f", "+0", "sh", "-c", #"echo "$FAKETIME_SHARED" >"$0.new"; mv "$0.new" "$0"; exec sleep 600"#,
                    names,
                ])
            command.output = .discarded
            command.grace = .seconds(1)
            makers.append(try ChildProcess.spawn(command, leash: self.executable))
            try await eventually("faketime runs") { FileSystem.exists(names) }
            shared[clock] = (try FileSystem.text(of: names) ?? "").filter { $0 != "\n" }
        }
        self.shared = shared
        self.makers = makers
        try self.jump(to: "+0")
    }

    func close() async {
        for maker in self.makers { await maker.stop(grace: .seconds(1)) }
        // What they would have removed if they had ended by themselves.
        for names in self.shared.values {
            let names = names.split(separator: " ").map { $0.drop { $0 == "/" } }
            guard names.count == 2 else { continue }
            unlink("/dev/shm/sem.\(names[0])")
            unlink("/dev/shm/\(names[1])")
        }
    }

    /// Sets the jumping clock: seconds from the right time.
    func jump(to offset: String) throws {
        // Put in place as a whole: a reader finds the old text or the new.
        try FileSystem.write("\(offset)\n", to: "\(self.jumps).new", mode: 0o644)
        guard rename("\(self.jumps).new", self.jumps) == 0 else { throw ProofFailure("cannot write \(self.jumps)") }
    }

    /// - Parameter log: Where it writes what it says.
    func spawn(_ clock: FakedClock, _ arguments: [String], log: String) throws -> ChildProcess {
        // By `env`: the leash, which is a program of ours, too, keeps the right time.
        var command = ChildProcess.Configuration(
            "/usr/bin/env",
            clock.variables(library: self.library, shared: self.shared[clock] ?? "", file: self.jumps)
                + [self.executable] + arguments)
        command.environment = .inherited(adding: [
            "DATABASE_URL": self.queue.platform.configuration.url, "REDIS_URL": self.queue.servers.redisURL,
            "CHOREWHEEL_NAMESPACE": self.queue.index.namespace, "CHOREWHEEL_MIGRATIONS": MigrationsInSource.directory,
            "CHOREWHEEL_LOG_LEVEL": "info",
            "CHOREWHEEL_SECRET_KEYS": "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ])
        command.output = .file(log)
        command.grace = .seconds(20)
        return try ChildProcess.spawn(command, leash: self.executable)
    }

    func log(_ name: String) -> String { "\(self.queue.servers.directory)/\(name).log" }
}
