// The private servers that the model is held against. They, and their directory, are gone when this process is.

internal import JobModel
internal import JobQueue
internal import LocalServers
internal import Logging
internal import Postgres
internal import Redis
internal import TestSupport

/// A pair of servers for the ledger, and a Redis with a clock of its own for each lane.
struct ModelServers {
    let servers: TestServers
    /// For LD_PRELOAD.
    private let library: String

    static func start() async throws -> ModelServers {
        var postgres = LocalPostgres.Configuration.forTests
        postgres.fsync = false
        let servers = try await TestServers.start(postgres: postgres)
        let library = try await PreloadedClock.compile(into: servers.directory, leash: servers.executable)
        return ModelServers(servers: servers, library: library)
    }

    func stop() async { await self.servers.stop() }

    /// Lends a lane's Redis.
    func withIndex<Value: Sendable>(
        lane: Int, _ body: (IndexMachine) async throws -> Value
    ) async throws -> Value {
        let clock = try FrozenClock(file: "\(self.servers.directory)/clock-\(lane)", library: self.library)
        clock.set(microseconds: 1)
        var configuration = LocalRedis.Configuration()
        configuration.environment = clock.environment
        // Nothing of it is to last; and hashes keep the order of insertion, which is that of claiming.
        configuration.settings = [
            "appendonly": "no", "hash-max-listpack-entries": "100000", "hash-max-listpack-value": "100000",
        ]
        let redis = try LocalRedis(
            directory: "\(self.servers.directory)/redis-\(lane)", configuration: configuration,
            leash: self.servers.executable)
        try await redis.start()
        guard let url = redis.url else { throw ProofFailure("redis-server has started without an address") }
        let logger = Logger(label: "model") { _ in SwiftLogNoOpLogHandler() }
        var settings = try RedisConfiguration(url: url)
        settings.connectTimeout = .seconds(60)
        settings.commandTimeout = .seconds(60)
        let client = RedisClient(configuration: settings, logger: logger)
        let dedicated = client.makeDedicatedClient()
        // Fast jobs of declared kinds never ask the ledger: nothing is connected to it.
        let pool = PostgresPool(limits: .init(), logger: logger)
        let platform = PostgresDatabase(
            pool: pool, configuration: try PostgresConfiguration(url: self.servers.databaseURL))
        let ids = IndexSubject.IDBox()
        let subject = IndexSubject(
            client: JobQueueClient(
                ledger: Ledger(database: platform),
                index: DispatchIndex(redis: client, namespace: IndexSubject.namespace),
                mintIDs: { (0..<$0).map { _ in ids.next() } }),
            clock: clock, ids: ids, dedicated: dedicated)
        do {
            let value = try await body(IndexMachine(subject: subject))
            await Self.close([client, dedicated], pool, redis)
            return value
        } catch {
            await Self.close([client, dedicated], pool, redis)
            throw error
        }
    }

    private static func close(_ clients: [RedisClient], _ pool: PostgresPool, _ redis: LocalRedis) async {
        for client in clients { await client.close() }
        await pool.close()
        await redis.kill9()
    }
}
