// The queue under measurement: its stores, its worker processes, and what is asked of them.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres
internal import Processes
internal import Redis
internal import Tenancy

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// One measurement's queue: a database of its own, migrated, and an empty Redis.
struct OurQueue {
    static let queue: QueueName = "bench"
    let redisURL: String
    let databaseURL: String
    let pool: PostgresPool
    let platform: PostgresDatabase
    let redis: RedisClient
    let client: JobQueueClient
    /// Holds the board; removed by `close`.
    let directory: String

    init(redisURL: String, databaseURL: String) async throws {
        var logger = Logger(label: "bench")
        logger.logLevel = .error
        var configuration = try PostgresConfiguration(url: databaseURL)
        configuration.applicationName = "chorewheel-bench"
        let pool = PostgresPool(logger: logger)
        let server = PostgresDatabase(pool: pool, configuration: configuration)
        configuration.database = "chorewheel_bench"
        try await server.query("DROP DATABASE IF EXISTS chorewheel_bench WITH (FORCE)")
        try await server.query("CREATE DATABASE chorewheel_bench TEMPLATE template0 ENCODING 'UTF8'")
        self.redisURL = redisURL
        self.databaseURL = configuration.url
        self.pool = pool
        self.platform = PostgresDatabase(pool: pool, configuration: configuration)
        self.redis = RedisClient(configuration: try RedisConfiguration(url: redisURL), logger: logger)
        self.client = JobQueueClient(
            ledger: Ledger(database: self.platform), index: DispatchIndex(redis: self.redis))
        guard try await self.redis.send(RedisCommand("DBSIZE")).int == 0 else {
            throw BenchFailure("--redis must name an empty database")
        }
        let migrations = try MigrationSet(directory: "migrations/platform")
        let connection = try await PostgresConnection.connect(configuration, logger: logger)
        _ = try await Migrator(migrations, logger: logger).migrate(on: connection)
        await connection.close()
        var template = Array("/tmp/bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw BenchFailure("cannot make a directory in /tmp") }
        self.directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func close() async throws {
        _ = try await self.redis.send(RedisCommand("FLUSHDB"))
        unlink("\(self.directory)/board")
        rmdir(self.directory)
        await self.redis.close()
        await self.pool.close()
    }

    func makeBoard(jobs: Int) throws -> Board {
        try Board(path: "\(self.directory)/board", jobs: jobs, create: true)
    }

    /// Runs one worker process while `body` runs.
    func withWorker<Result>(
        jobs: Int, concurrency: Int?, _ body: (ChildProcess) async throws -> Result
    ) async throws -> Result {
        let executable = try Executable.current()
        var command = ChildProcess.Configuration(
            executable, ["work", "--board", "\(self.directory)/board", "--jobs", "\(jobs)"])
        var environment = [
            "DATABASE_URL": self.databaseURL, "REDIS_URL": self.redisURL, "CHOREWHEEL_LOG_LEVEL": "error",
        ]
        environment["CHOREWHEEL_CONCURRENCY"] = concurrency.map(String.init)
        command.environment = .inherited(adding: environment)
        let worker = try ChildProcess.spawn(command, leash: executable)
        do {
            let result = try await body(worker)
            await worker.stop(grace: .seconds(30))
            return result
        } catch {
            await worker.stop(grace: .seconds(1))
            throw error
        }
    }

    /// Waits until the condition holds; the worker must live meanwhile.
    func wait(
        _ worker: ChildProcess, every pause: Duration, until condition: () async throws -> Bool
    ) async throws {
        while !(try await condition()) {
            if let status = worker.exitStatus { throw BenchFailure("the worker ended by itself: \(status)") }
            try await Task.sleep(for: pause)
        }
    }

    /// Whether a worker's session is registered.
    func hasWorker() async throws -> Bool {
        try await self.client.ledger.sessions().contains { $0.endReason == nil }
    }

    /// Whether Redis holds no job of the queue, waiting, delayed or running.
    func isRedisSettled() async throws -> Bool {
        let audit = try await self.client.index.audit(Self.queue)
        guard audit.durableWaiting + audit.fastWaiting + audit.fastDelayed == 0 else { return false }
        for session in try await self.client.ledger.sessions() {
            guard let id = SessionID(session.id) else { continue }
            if !(try await self.client.index.running(of: id, in: Self.queue)).isEmpty { return false }
        }
        return true
    }

    func count(_ sql: String) async throws -> Int { try await self.platform.query(sql).first?.int(at: 0) ?? 0 }
}
