// A queue with real workers behind a proxy: a supervisor in this process, which is never the one that dies, and its
// `chorewheel work` children, whose way to both stores leads through the proxy. This process' own does not.

internal import JobModel
internal import JobQueue
internal import LocalServers
internal import Logging
internal import Postgres
internal import Processes
internal import QueueTestSupport
internal import Synchronization
internal import TestSupport
internal import WorkerRuntime

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// One queue, one proxy, one pool of one worker.
final class CrashStack: Sendable {
    let queue: QueueFixture
    let proxy: ChaosProxy
    let oracle: QueueOracle
    /// A way to the stores of its own, for whoever enqueues.
    let clientProxy: ChaosProxy
    /// What starts a worker whose stores are the proxy's.
    private let script: String
    private let pidFile: String
    let log: String
    private let family = Mutex<CrashFamily?>(nil)

    private init(queue: QueueFixture, proxy: ChaosProxy, clientProxy: ChaosProxy) throws {
        self.queue = queue
        self.proxy = proxy
        self.clientProxy = clientProxy
        self.oracle = QueueOracle(platform: queue.platform, redis: queue.redis, namespace: queue.index.namespace)
        let base = "\(queue.servers.directory)/\(JobID.mint())"
        self.script = "\(base).sh"
        self.pidFile = "\(base).pid"
        self.log = "\(base).log"
        let executable = queue.servers.executable
        let lines =
            ["#!/bin/sh", "# A worker, or a leash, behind the proxy; the worker's process id is written down."]
            + Self.variables(queue, proxy).sorted { $0.key < $1.key }.map { "export \($0.key)='\($0.value)'" } + [
                "case $1 in work) echo $$ >'\(self.pidFile).new' && mv '\(self.pidFile).new' '\(self.pidFile)'",
                "    exec '\(executable)' \"$@\" >>'\(self.log)' 2>&1;; esac", "exec '\(executable)' \"$@\"", "",
            ]
        try FileSystem.write(lines.joined(separator: "\n"), to: self.script, mode: 0o700)
    }

    /// What a process finds its stores by.
    static func variables(_ queue: QueueFixture, _ proxy: ChaosProxy) -> [String: String] {
        [
            "DATABASE_URL": proxy.postgresURL(queue.platform.configuration.url),
            "REDIS_URL": proxy.redisURL(queue.servers.redisURL),
            "CHOREWHEEL_NAMESPACE": queue.index.namespace,
            "CHOREWHEEL_SECRET_KEYS": "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "CHOREWHEEL_MIGRATIONS": MigrationsInSource.directory,
            "CHOREWHEEL_LOG_LEVEL": "info",
        ]
    }

    /// Lends a stack.
    static func with(logger: Logger, _ body: @escaping @Sendable (CrashStack) async throws -> Void) async throws {
        try await QueueFixture.with { queue in
            let upstream = ChaosProxy.Upstream(queue.servers)
            let platform = queue.platform.configuration.database
            let proxy = try await ChaosProxy.start(upstream, platform: platform, logger: logger)
            let client = try await ChaosProxy.start(upstream, platform: platform, logger: logger)
            let result: Swift.Result<Void, any Error>
            do {
                // The fleet: the one server, reached through the proxy.
                try await queue.platform.query(
                    """
                    INSERT INTO database_servers (name, host, port, max_databases) VALUES ('s', '127.0.0.1', $1, 9999)
                    """,
                    [.int(proxy.postgresPort)])
                let stack = try CrashStack(queue: queue, proxy: proxy, clientProxy: client)
                result = .success(try await body(stack))
            } catch {
                result = .failure(error)
            }
            try await proxy.stop()
            try await client.stop()
            return try result.get()
        }
    }

    /// Runs one supervised worker while `body` runs, then stops it.
    func withWorkers(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let supervisor = try WorkerSupervisor(
            configuration: .init(
                processes: 1, executable: self.script,
                arguments: ["work", "--diagnostics", "--concurrency", "4", "--lease", "3", "--grace", "5"],
                queues: ["diagnostics"], grace: .seconds(30), hurriedGrace: .seconds(10)),
            client: self.queue.client, logger: self.queue.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await supervisor.run() }
            try await self.waitForWorker()
            try await body()
            group.cancelAll()
            while let one = await group.nextResult() {
                if case .failure(let error) = one, !(error is CancellationError) { throw error }
            }
        }
    }

    /// Waits until a worker is there that began its session after the given ones.
    func waitForWorker() async throws {
        try await eventually("a worker is there", within: .seconds(60)) {
            try await self.queue.count("SELECT count(*) FROM worker_sessions WHERE ended_at IS NULL") == 1
        }
    }

    /// Ends the worker as the kernel would.
    var killWorker: @Sendable () -> Void { self.signalWorker(SIGKILL) }

    func signalWorker(_ signal: Int32) -> @Sendable () -> Void {
        let file = self.pidFile
        return {
            let text = FileSystem.text(ofFileThatMayVanish: file) ?? ""
            guard let pid = Int32(text.filter(\.isNumber)), pid > 1 else { return }
            kill(pid, signal)
        }
    }

    /// Another database of the server, as the superuser, past the proxy.
    func database(_ name: String) throws -> PostgresDatabase {
        guard let url = self.queue.servers.postgres.url(database: name) else {
            throw ProofFailure("PostgreSQL has no address")
        }
        return PostgresDatabase(pool: self.queue.pool, configuration: try PostgresConfiguration(url: url))
    }

    /// The family that all trials of this stack share; made by its worker when it is first asked for.
    func sharedFamily() async throws -> CrashFamily {
        if let family = self.family.withLock({ $0 }) { return family }
        let family = try await CrashFamily.signUp(on: self)
        try await self.queue.wait(for: family.job, toBe: .succeeded, within: .seconds(60))
        self.family.withLock { $0 = family }
        return family
    }
}

/// A family that signed up.
struct CrashFamily: Sendable {
    let id: FamilyID
    let job: JobID
    let databaseName: String
    var roleName: String { self.databaseName + "_app" }

    static func signUp(on stack: CrashStack) async throws -> CrashFamily {
        let slug = "t" + String(UInt64.random(in: .min ... .max), radix: 36)
        let rows = try await stack.queue.platform.query(
            "SELECT family_id::text, job_id::text FROM sign_up_family($1, 'The Crashes', $1 || '@example.com')",
            [.text(slug)])
        guard let id = FamilyID(try rows[0].string(at: 0)), let job = JobID(try rows[0].string(at: 1)) else {
            throw ProofFailure("sign_up_family returned no ids")
        }
        return CrashFamily(id: id, job: job, databaseName: "family_\(slug)")
    }

    /// Takes its database and its role off the server.
    func drop(on stack: CrashStack) async throws {
        let server = try stack.database("postgres")
        try await server.withConnection { connection in
            try await connection.execute(script: "DROP DATABASE IF EXISTS \(self.databaseName) WITH (FORCE)")
            try await connection.execute(script: "DROP ROLE IF EXISTS \(self.roleName)")
        }
    }
}
