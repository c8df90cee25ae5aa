// Real worker processes on servers of their own, for tests that kill what others share.

import JobModel
import JobQueue
import Postgres
import Processes
import QueueTestSupport
import TestSupport

/// `chorewheel work` processes of one test.
final class WorkerPool: Sendable {
    let queue: QueueFixture
    /// The worker, or the supervisor.
    let child: ChildProcess

    private init(queue: QueueFixture, child: ChildProcess) {
        self.queue = queue
        self.child = child
    }

    /// Runs workers while `body` runs.
    ///
    /// - Parameters:
    ///   - processes: More than one, or a supervised one; nil: a single process without a supervisor.
    ///   - log: Where they write what they do; nil: nowhere.
    static func with(
        _ queue: QueueFixture, processes: Int?, concurrency: Int = 8, grace: Int = 5, log: WorkerLog? = nil,
        _ body: @Sendable (WorkerPool) async throws -> Void
    ) async throws {
        let pool = WorkerPool(
            queue: queue,
            child: try Self.spawn(queue, processes: processes, concurrency: concurrency, grace: grace, log: log))
        do {
            try await pool.waitForSessions(processes ?? 1)
            try await body(pool)
            await pool.child.stop(signal: .terminate, grace: .seconds(30))
        } catch {
            await pool.child.stop(signal: .terminate, grace: .seconds(1))
            throw error
        }
    }

    /// Starts `chorewheel work` on the queue.
    static func spawn(
        _ queue: QueueFixture, processes: Int?, concurrency: Int, grace: Int = 5, arguments: [String] = [],
        log: WorkerLog? = nil
    ) throws -> ChildProcess {
        let executable = try BuiltExecutable.path()
        var command = ChildProcess.Configuration(
            executable,
            ["work", "--diagnostics", "--concurrency", "\(concurrency)", "--lease", "3", "--grace", "\(grace)"]
                + (processes.map { ["--processes", "\($0)"] } ?? []) + arguments)
        command.environment = .inherited(adding: [
            "DATABASE_URL": queue.platform.configuration.url,
            "REDIS_URL": queue.servers.redisURL,
            "CHOREWHEEL_NAMESPACE": queue.index.namespace,
            "CHOREWHEEL_SECRET_KEYS": "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "CHOREWHEEL_MIGRATIONS": MigrationsInSource.directory,
            "CHOREWHEEL_LOG_LEVEL": log == nil ? "error" : "info",
        ])
        command.output = log.map { .file($0.path) } ?? .discarded
        command.grace = .seconds(30)
        return try ChildProcess.spawn(command, leash: executable)
    }

    /// Sessions that have not ended.
    func sessions() async throws -> [SessionRecord] {
        try await self.queue.ledger.sessions().filter { $0.endReason == nil }
    }

    func waitForSessions(_ count: Int) async throws {
        try await eventually("\(count) workers are there", within: .seconds(60)) {
            try await self.sessions().count == count
        }
    }

    /// The process that runs the job.
    func processRunning(_ id: JobID) async throws -> Int32 {
        let session = try await self.queue.ledger.job(id)?.sessionID
        guard let pid = try await self.sessions().first(where: { $0.id == session })?.pid else {
            throw TimeLimitExceeded(what: "no session runs job \(id)", limit: .zero)
        }
        return Int32(pid)
    }
}

/// What workers wrote: the lines of a supervisor and of its children, in one file.
struct WorkerLog: Sendable {
    let path: String

    /// A new one, which goes away with the servers.
    init(on servers: TestServers) {
        self.path = "\(servers.directory)/\(JobID.mint()).log"
    }

    /// The lines that hold all of these texts.
    func lines(_ texts: String...) throws -> [Substring] {
        try (FileSystem.text(of: self.path) ?? "").split(whereSeparator: \.isNewline)
            .filter { line in texts.allSatisfy { line.contains($0) } }
    }
}

extension QueueFixture {
    /// Enqueues a diagnostic job on the platform.
    func diagnostic(_ kind: JobKind, _ payload: String = "{}") async throws -> JobID {
        try await self.ledger.enqueue(
            JobRequest(
                kind: kind, target: .platform, payload: Array(payload.utf8),
                options: EnqueueOptions(queue: "diagnostics"))
        ).id
    }

    func counter(_ name: String) async throws -> Int {
        try await self.index.counters().filter { $0.name == name }.reduce(0) { $0 + $1.value }
    }
}
