// The settings that every Chorewheel process shares: flags over the environment over a file. A setting `a.b` is the
// variable `A_B` and the member `b` of the object `a` in the JSON file.
//
//   database.url            DATABASE_URL             the platform database
//   redis.url               REDIS_URL                redis://, rediss://, redis+sentinel://, redis+cluster://,
//   redis+unix:// chorewheel.namespace    CHOREWHEEL_NAMESPACE     first part of every Redis key; default chorewheel
//   chorewheel.config       CHOREWHEEL_CONFIG        the file; default none
//   … and each process's own, read through the same `Settings`.

internal import Configuration
internal import JobModel
public import JobQueue
public import Logging
public import Postgres
public import Redis

/// Reads settings.
public struct Settings: Sendable {
    private let reader: ConfigReader

    /// Reads the environment, and the file that a flag or `CHOREWHEEL_CONFIG` names.
    ///
    /// - Parameter flags: What flags gave, by setting name; they win.
    /// - Throws: `InvalidSetting` for a file that is missing or not JSON.
    public init(flags: [String: String] = [:], file: String? = nil) async throws {
        let given = InMemoryProvider(
            values: Dictionary(
                uniqueKeysWithValues: flags.map {
                    (AbsoluteConfigKey(ConfigKey($0.key)), ConfigValue(.string($0.value), isSecret: true))
                }))
        let environment = EnvironmentVariablesProvider()
        let first = ConfigReader(providers: [given, environment])
        guard let path = file ?? first.string(forKey: "chorewheel.config") else {
            self.reader = first
            return
        }
        do {
            let place = ConfigReader(
                provider: InMemoryProvider(values: ["filePath": .init(.string(path), isSecret: false)]))
            let file = try await FileProvider<JSONSnapshot>(config: place)
            self.reader = ConfigReader(providers: [given, environment, file])
        } catch {
            throw InvalidSetting(field: "chorewheel.config", rule: "must name a JSON file: \(path): \(error)")
        }
    }

    /// A text; nil when it is not set, or set to nothing.
    public func string(_ name: String) -> String? {
        guard let text = self.reader.string(forKey: ConfigKey(name), isSecret: true), !text.isEmpty else { return nil }
        return text
    }

    /// A text that must be there.
    public func requiredString(_ name: String) throws(InvalidSetting) -> String {
        guard let text = self.string(name) else {
            throw InvalidSetting(
                field: name, rule: "must be set: by \(Self.variable(name)), or in the file that CHOREWHEEL_CONFIG names"
            )
        }
        return text
    }

    /// A whole number within bounds.
    public func int(_ name: String, in range: ClosedRange<Int>) throws(InvalidSetting) -> Int? {
        if let number = self.reader.int(forKey: ConfigKey(name)), range.contains(number) { return number }
        guard let text = self.string(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw InvalidSetting(
                field: name,
                rule: "must be a whole number from \(range.lowerBound) to \(range.upperBound), is \"\(text)\"")
        }
        return number
    }

    /// Texts, separated by commas.
    public func strings(_ name: String) -> [String] {
        (self.string(name) ?? "").split(separator: ",").map { String($0.trimming(" ")) }.filter { !$0.isEmpty }
    }

    /// The variable of a setting.
    public static func variable(_ name: String) -> String {
        String(name.map { $0 == "." ? "_" : Character($0.uppercased()) })
    }
}

extension Substring {
    fileprivate func trimming(_ character: Character) -> Substring {
        var text = self.drop { $0 == character }
        while text.last == character { text.removeLast() }
        return text
    }
}

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
    private static let ledgerLimits = PostgresPoolLimits(perDatabase: 4, perServer: 4, total: 4)

    /// Opens nothing yet: both connect when they are first used, and again when they were away.
    ///
    /// - Parameter reservingForLedger: A worker's choice.
    /// - Throws: `InvalidSetting` naming `database.url` or `redis.url`.
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
        self.pool = PostgresPool(limits: limits, logger: logger)
        self.platform = PostgresDatabase(pool: self.pool, configuration: database)
        self.redis = RedisClient(configuration: redis, logger: logger)
        self.ledgerPool = reservingForLedger ? PostgresPool(limits: Self.ledgerLimits, logger: logger) : self.pool
        self.client = JobQueueClient(
            ledger: Ledger(database: PostgresDatabase(pool: self.ledgerPool, configuration: database)),
            index: DispatchIndex(redis: self.redis, namespace: namespace))
    }

    /// Closes every connection.
    public func close() async {
        await self.redis.close()
        await self.pool.close()
        await self.ledgerPool.close()
    }
}
