// Real programs of `chorewheel` whose wall clock is wrong; preloaded_clock.c says how.

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

/// How a program sees the time.
enum WorkerClock: Sendable, Hashable, CaseIterable {
    case right
    case hourAhead
    case hourBehind
    /// As it is told while it runs.
    case jumping

    var words: String {
        switch self {
        case .right: "right"
        case .hourAhead: "an hour ahead"
        case .hourBehind: "an hour behind"
        case .jumping: "jumps by hours"
        }
    }

    /// Seconds from the right time, at first.
    fileprivate var error: Int64 {
        switch self {
        case .right, .jumping: 0
        case .hourAhead: 3600
        case .hourBehind: -3600
        }
    }
}

/// Programs of `chorewheel` on one queue.
struct ClockedPrograms: Sendable {
    let queue: QueueFixture
    private let library: String
    private let executable: String

    init(_ queue: QueueFixture) async throws {
        self.queue = queue
        self.executable = try BuiltExecutable.path()
        self.library = try await PreloadedClock.compile(into: queue.servers.directory, leash: self.executable)
        for clock in WorkerClock.allCases { try self.write(clock.error, of: clock) }
    }

    private func file(of clock: WorkerClock) -> String { "\(self.queue.servers.directory)/clock-\(clock)" }

    /// Writes a clock's error in place: programs have mapped the file. One aligned word is read whole.
    private func write(_ seconds: Int64, of clock: WorkerClock) throws {
        let descriptor = open(self.file(of: clock), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw ProofFailure("cannot write \(self.file(of: clock)): errno \(errno)") }
        defer { close(descriptor) }
        var seconds = seconds
        guard pwrite(descriptor, &seconds, MemoryLayout<Int64>.size, 0) == MemoryLayout<Int64>.size else {
            throw ProofFailure("cannot write \(self.file(of: clock)): errno \(errno)")
        }
    }

    /// Sets the jumping clock, for programs that run and those to come: seconds from the right time.
    func jump(to seconds: Int64) throws { try self.write(seconds, of: .jumping) }

    /// - Parameter log: Where it writes what it says.
    func spawn(_ clock: WorkerClock, _ arguments: [String], log: String) throws -> ChildProcess {
        // By `env`: the leash, which is a program of ours, too, keeps the right time.
        var command = ChildProcess.Configuration(
            "/usr/bin/env",
            ["LD_PRELOAD=\(self.library)", "CLOCK_ERROR=\(self.file(of: clock))", self.executable]
                + arguments)
        command.environment = .inherited(adding: [
            "DATABASE_URL": self.queue.platform.configuration.url, "REDIS_URL": self.queue.servers.redisURL,
            "CHOREWHEEL_NAMESPACE": self.queue.index.namespace, "CHOREWHEEL_MIGRATIONS": MigrationsInSource.directory,
            "CHOREWHEEL_LOG_LEVEL": "info",
            "CHOREWHEEL_SECRET_KEYS": "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "CHOREWHEEL_TOKEN": Self.token,
        ])
        command.output = .file(log)
        command.grace = .seconds(20)
        return try ChildProcess.spawn(command, leash: self.executable)
    }

    /// What opens the API.
    static let token = "for-the-drill-alone-0123456789abcdef"

    func log(_ name: String) -> String { "\(self.queue.servers.directory)/\(name).log" }
}
