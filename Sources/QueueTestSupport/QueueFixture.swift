// A queue of its own for each test: a database with the platform's schema and a Redis namespace, so that tests run in
// parallel and see nobody else's jobs.

public import JobModel
public import JobQueue
public import Logging
public import Postgres
public import Redis
public import TestSupport
public import WorkerKit
public import WorkerRuntime

/// One test's queue.
public final class QueueFixture: Sendable {
    public let servers: TestServers
    public let pool: PostgresPool
    public let platform: PostgresDatabase
    public let redis: RedisClient
    public let client: JobQueueClient
    public let logger: Logger

    public var ledger: Ledger { self.client.ledger }
    public var index: DispatchIndex { self.client.index }

    private init(_ database: TestDatabase) throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pool = PostgresPool(limits: .init(perDatabase: 12, acquireTimeout: .seconds(60)), logger: logger)
        // Generous bounds: hundreds of tests share two cores, and some of them compute for seconds.
        var redisConfiguration = try RedisConfiguration(url: database.servers.redisURL)
        redisConfiguration.connectTimeout = .seconds(60)
        redisConfiguration.commandTimeout = .seconds(60)
        let redis = RedisClient(configuration: redisConfiguration, logger: logger)
        self.servers = database.servers
        self.pool = pool
        self.platform = PostgresDatabase(pool: pool, configuration: try PostgresConfiguration(url: database.url))
        self.redis = redis
        self.client = JobQueueClient(
            ledger: Ledger(database: self.platform),
            index: DispatchIndex(redis: redis, namespace: "test-\(JobID.mint())"))
        self.logger = logger
    }

    /// Lends a queue; its database is dropped afterwards.
    ///
    /// - Parameter servers: nil: the shared ones.
    public static func with<Result: Sendable>(
        servers: TestServers? = nil, _ body: @Sendable (QueueFixture) async throws -> Result
    ) async throws -> Result {
        try await TestDatabase.with(.platform, prefix: "queue_", on: servers) { database in
            let fixture = try QueueFixture(database)
            do {
                try await fixture.client.open([.default])
                let result = try await body(fixture)
                await fixture.close()
                return result
            } catch {
                await fixture.close()
                throw error
            }
        }
    }

    private func close() async {
        await self.redis.close()
        await self.pool.close()
    }

    /// Runs a worker in this process while `body` runs, then drains it.
    public func withWorker<Result: Sendable>(
        plugins: [any WorkerPlugin], configuration: WorkerConfiguration = .forTests,
        families: (any FamilyDatabaseProvider)? = nil,
        _ body: @escaping @Sendable (Worker) async throws -> Result
    ) async throws -> Result {
        let worker = try Worker(
            configuration: configuration, registry: HandlerRegistry(plugins: plugins), families: families,
            client: self.client, logger: self.logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            do {
                let result = try await body(worker)
                worker.drain()
                try await group.waitForAll()
                return result
            } catch {
                group.cancelAll()
                throw error
            }
        }
    }

    /// Waits until the job is in the state.
    public func wait(for id: JobID, toBe state: JobState, within limit: Duration = .seconds(60)) async throws {
        try await eventually("job \(id) is \(state)", within: limit) {
            try await self.ledger.job(id)?.state == state.rawValue
        }
    }

    /// One number from the platform database.
    public func count(_ sql: String, _ values: [PostgresValue] = []) async throws -> Int {
        try await self.platform.query(sql, values).first?.int(at: 0) ?? 0
    }
}

extension WorkerConfiguration {
    /// A short lease, so that tests of dead workers take seconds.
    public static var forTests: WorkerConfiguration {
        WorkerConfiguration(
            lease: .seconds(3), beat: .milliseconds(300), grace: .seconds(10), cancellationGrace: .seconds(2))
    }
}
