// Looks at everything that the queue needs and promises, and says what to do. It changes nothing.
//
// Each file beside this one has the checks of one subject, as functions that return findings; what an answer means is
// decided by pure ones. A check that throws is a finding, too. What needs a server that cannot be reached is not looked
// at.

internal import JobQueue
public import Logging
internal import Postgres
internal import Redis
public import Tenancy
public import WorkerRuntime

/// One look at a platform.
public struct Examination: Sendable {
    /// An error in words for people.
    public struct Explanation: Sendable {
        let cause: Finding.Cause
        let text: String
        /// The text without the field's name.
        let rule: String

        public init(cause: Finding.Cause, text: String, rule: String) {
            self.cause = cause
            self.text = text
            self.rule = rule
        }
    }

    let settings: Settings
    let stores: Stores
    let logger: Logger
    /// Where the migration files are.
    let migrations: @Sendable () throws -> MigrationsDirectory
    let explain: @Sendable (any Error) -> Explanation

    var platform: PostgresDatabase { self.stores.platform }
    var redis: RedisClient { self.stores.redis }
    var client: JobQueueClient { self.stores.client }
    var families: FamilyStore { FamilyStore(platform: self.stores.platform) }

    /// Looks at the settings, and, where they are good enough to reach them, at the stores and all that is in them.
    ///
    /// - Parameters:
    ///   - migrations: Finds the migration files; an error is a finding.
    ///   - explain: Puts an error into words.
    public static func run(
        settings: Settings, logger: Logger, migrations: @escaping @Sendable () throws -> MigrationsDirectory,
        explain: @escaping @Sendable (any Error) -> Explanation
    ) async -> Diagnosis {
        var diagnosis = Diagnosis(findings: checkSettings(settings, explain))
        do {
            let stores = try Stores(settings: settings, application: "chorewheel doctor", logger: logger)
            let examination = Examination(
                settings: settings, stores: stores, logger: logger, migrations: migrations, explain: explain)
            diagnosis.findings += await examination.checkStores()
            await stores.close()
        } catch {
            // `checkSettings` has mostly said so already.
            if diagnosis.failure == nil { diagnosis.findings.append(Self.finding("settings", explain(error))) }
        }
        return diagnosis
    }

    private func checkStores() async -> [Finding] {
        let redis = await self.findings("redis", self.checkRedis)
        let postgres = await self.findings("postgres", self.checkPostgres)
        var all = postgres + redis
        let hasRedis = !redis.contains { $0.cause == .unreachable || $0.cause == .noPermission }
        guard !postgres.contains(where: { $0.cause != nil && $0.cause != .broken }) else {
            return all + [
                .warn("ledger", "was not looked at: PostgreSQL does not let us in", remedy: "mend that first")
            ]
        }
        all += await self.findings("migrations", self.checkPlatformMigrations)
        // An edited file or a changed schema can be looked at all the same; tables that are not there cannot.
        guard !all.contains(where: { $0.subject == "migrations" && $0.cause == .configuration }) else {
            return all + [
                .warn("ledger", "was not looked at: the platform database is not migrated", remedy: "mend that first")
            ]
        }
        all += await self.findings("workers", self.checkWorkers)
        all += await self.findings("ledger", self.checkLedger)
        if hasRedis {
            all += await self.findings("queues", self.checkQueues)
            all += await self.findings("clocks", self.checkClocks)
        }
        all += await self.findings("families", self.checkFamilies)
        all += await self.findings("servers", self.checkServers)
        return all
    }

    /// The findings of one subject; an error is one.
    private func findings(_ subject: String, _ check: () async throws -> [Finding]) async -> [Finding] {
        do {
            return try await check()
        } catch {
            return [Self.finding(subject, self.explain(error))]
        }
    }

    private static func finding(_ subject: String, _ why: Explanation) -> Finding {
        .fail(subject, why.text, remedy: why.cause.remedy, cause: why.cause)
    }

    /// The families' side, for reading.
    func tenancy() throws -> Tenancy {
        try Tenancy(
            reading: self.platform, keys: self.settings.string("chorewheel.secret.keys"),
            familyMigrations: try self.migrations().family)
    }
}

/// A server's answer is not of the shape that it always has.
struct UnexpectedAnswer: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Finding.Cause {
    /// What usually helps.
    fileprivate var remedy: String {
        switch self {
        case .unreachable: "start the server, or mend its address in the settings; see its log"
        case .noPermission: "mend the user, the password or its rights"
        case .configuration: "mend the setting"
        case .temporary: "run this again in a moment"
        case .broken: "read the message; report it if it makes no sense"
        }
    }
}
