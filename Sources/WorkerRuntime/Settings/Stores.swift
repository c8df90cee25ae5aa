// The stores of a process, opened from its settings.

public import JobQueue
public import Logging
public import Postgres
public import Redis

/// The stores of a process, opened from its settings.
///
/// A worker's ledger has a small pool of its own: handlers that hold every connection of theirs must not keep a session
/// from beating, or it would be taken for dead with all its jobs.
public struct Stores: Sendable {
    /// For handlers, requests, families.
    public let pool: PostgresPool
    private let ledgerPool: PostgresPool
    public let platform: PostgresDatabase
    public let redis: RedisClient
    public let client: JobQueueClient

    /// Statements of the ledger are short, and batched: a few connections are enough.
    static let ledgerLimits = PostgresPoolLimits(perDatabase: 4, perServer: 4, total: 4)

    /// Opens nothing yet: both connect when they are first used, and again when they were away.
    ///
    /// - Parameter reservingForLedger: A worker's choice; `chorewheel.connections` then bounds the others.
    /// - Throws: `InvalidSetting` naming `database.url`, `redis.url`, `chorewheel.connections` or
    ///   `chorewheel.namespace`.
    public init(
        settings: Settings, application: String, limits: PostgresPoolLimits = .init(),
        reservingForLedger: Bool = false, logger: Logger
    ) throws(InvalidSetting) {
        var database: PostgresConfiguration
        do {
            database = try PostgresConfiguration(url: try settings.requiredString("database.url"))
        } catch let error as PostgresError {
            throw InvalidSetting(field: "database.url", rule: error.message)
        } catch let error as InvalidSetting {
            throw error
        } catch {
            throw InvalidSetting(field: "database.url", rule: "\(error)")
        }
        database.applicationName = database.applicationName ?? application
        let redis: RedisConfiguration
        do {
            redis = try RedisConfiguration(url: try settings.requiredString("redis.url"))
        } catch let error as RedisError {
            throw InvalidSetting(field: "redis.url", rule: error.message)
        } catch let error as InvalidSetting {
            throw error
        } catch {
            throw InvalidSetting(field: "redis.url", rule: "\(error)")
        }
        let namespace = settings.string("chorewheel.namespace") ?? "chorewheel"
        guard namespace.utf8.count <= 64, !namespace.contains(where: { "{}: ".contains($0) }) else {
            throw InvalidSetting(
                field: "chorewheel.namespace", rule: "must be at most 64 bytes without '{', '}', ':', ' '")
        }
        var limits = limits
        if reservingForLedger, let connections = try settings.connections() {
            limits.perServer = connections
            limits.perDatabase = min(limits.perDatabase, connections)
            limits.total = max(limits.total, connections)
        }
        self.pool = PostgresPool(limits: limits, logger: logger)
        self.platform = PostgresDatabase(pool: self.pool, configuration: database)
        self.redis = RedisClient(configuration: redis, logger: logger)
        self.ledgerPool = reservingForLedger ? PostgresPool(limits: Self.ledgerLimits, logger: logger) : self.pool
        self.client = JobQueueClient(
            ledger: Ledger(database: PostgresDatabase(pool: self.ledgerPool, configuration: database)),
            index: DispatchIndex(redis: self.redis, namespace: namespace))
    }

    /// Lends a connection of its own to the platform's database, without a statement timeout: for migrations.
    public func withPlatformConnection<Value: Sendable>(
        logger: Logger, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        var configuration = self.platform.configuration
        configuration.statementTimeout = nil
        let connection = try await PostgresConnection.connect(configuration, logger: logger)
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Closes every connection.
    public func close() async {
        await self.redis.close()
        await self.pool.close()
        await self.ledgerPool.close()
    }
}
