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
    /// The database of the URL that was given, on the same server.
    let server: PostgresDatabase
    let redis: RedisClient
    let client: JobQueueClient
    /// Temporary: holds the board; removed by `close`.
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
        self.server = server
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
        let place = CurrentEnvironment.variables()["TMPDIR"] ?? "/tmp"
        var template = Array("\(place)/chorewheel-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw BenchFailure("cannot make a directory in \(place)") }
        self.directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func close() async throws {
        _ = try await self.redis.send(RedisCommand("FLUSHDB"))
        try DirectoryRemoval.removeTree(self.directory)
        await self.redis.close()
        await self.pool.close()
    }

    /// A new board, in place of an earlier one.
    func makeBoard(jobs: Int) throws -> Board {
        unlink("\(self.directory)/board")
        return try Board(path: "\(self.directory)/board", jobs: jobs, create: true)
    }

    /// Runs one worker process while `body` runs.
    func withWorker<Result>(
        jobs: Int, concurrency: Int?, _ body: (ChildProcess) async throws -> Result
    ) async throws -> Result {
        let worker = try self.spawnWorker(jobs: jobs, concurrency: concurrency)
        do {
            let result = try await body(worker)
            await worker.stop(grace: .seconds(30))
            return result
        } catch {
            await worker.stop(grace: .seconds(1))
            throw error
        }
    }

    /// Starts a worker process on the board.
    ///
    /// - Parameter familyServer: URL of the server that families' databases are on; nil: the platform's stands for all.
    func spawnWorker(jobs: Int, concurrency: Int?, familyServer: String? = nil) throws -> ChildProcess {
        let executable = try Executable.current()
        var command = ChildProcess.Configuration(
            executable, ["work", "--board", "\(self.directory)/board", "--jobs", "\(jobs)"])
        var environment = [
            "DATABASE_URL": self.databaseURL, "REDIS_URL": self.redisURL, "CHOREWHEEL_LOG_LEVEL": "error",
        ]
        environment["CHOREWHEEL_CONCURRENCY"] = concurrency.map(String.init)
        environment[BenchFamilies.variable] = familyServer
        command.environment = .inherited(adding: environment)
        return try ChildProcess.spawn(command, leash: executable)
    }

    /// Waits until the condition holds; the worker must live meanwhile.
    func wait(
        _ worker: ChildProcess, every pause: Duration, until condition: () async throws -> Bool
    ) async throws {
        try await self.wait([worker], every: pause, until: condition)
    }

    /// Waits until the condition holds; all of the processes must live meanwhile.
    func wait(
        _ processes: [ChildProcess], every pause: Duration, until condition: () async throws -> Bool
    ) async throws {
        while !(try await condition()) {
            for process in processes {
                if let status = process.exitStatus { throw BenchFailure("a process ended by itself: \(status)") }
            }
            try await Task.sleep(for: pause)
        }
    }

    /// How many workers' sessions live.
    func workerCount() async throws -> Int {
        try await self.client.ledger.sessions().count { $0.endReason == nil }
    }

    /// Whether Redis holds no job of the queue, waiting or running, and no more than those delayed.
    func isRedisSettled(delayed: Int = 0) async throws -> Bool {
        let audit = try await self.client.index.audit(Self.queue)
        guard audit.durableWaiting + audit.fastWaiting == 0, audit.fastDelayed == delayed else { return false }
        for session in try await self.client.ledger.sessions() {
            guard let id = SessionID(session.id) else { continue }
            if !(try await self.client.index.running(of: id, in: Self.queue)).isEmpty { return false }
        }
        return true
    }

    /// Puts what the ledger holds into Redis, as at any moment of a busy queue: dispatch is not what is measured.
    func dispatchAll() async throws {
        let dispatcher = Dispatcher(
            ledger: self.client.ledger, index: self.client.index, logger: Logger(label: "bench"))
        try await dispatcher.dispatchDue()
    }

    /// Bytes of Redis' data: without the buffers of clients and of the append-only file, which shrink in a moment.
    func dataBytes() async throws -> Double {
        try await Task.sleep(for: .milliseconds(500))
        let info = RedisInfo(try await self.redis.send(RedisCommand("INFO", "memory")).string ?? "")
        return info.number("used_memory") - info.number("mem_clients_normal") - info.number("mem_aof_buffer")
    }

    /// Has Redis write its append-only file anew, and waits for the end of that.
    func rewriteAppendOnlyFile() async throws {
        // One that Redis began by itself comes first: it refuses two at once.
        try await self.waitForRewrite()
        _ = try await self.redis.send(RedisCommand("BGREWRITEAOF"))
        try await self.waitForRewrite()
    }

    private func waitForRewrite() async throws {
        while true {
            let info = RedisInfo(try await self.redis.send(RedisCommand("INFO", "persistence")).string ?? "")
            if info.number("aof_rewrite_in_progress") + info.number("aof_rewrite_scheduled") == 0 { return }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// How many jobs of the ledger succeeded at their first attempt.
    func succeededAtOnce() async throws -> Int {
        try await self.count("SELECT count(*) FROM jobs WHERE state = 'succeeded' AND attempt = 1")
    }

    func count(_ sql: String) async throws -> Int { try await self.platform.query(sql).first?.int(at: 0) ?? 0 }
}
