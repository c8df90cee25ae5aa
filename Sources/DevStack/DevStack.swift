// A whole Chorewheel on one machine: private Redis and PostgreSQL, the platform's schema, the API and workers, all as
// children that die with their parent. For development, demonstrations and drills.
//
// Everything is in one state directory; a second stack on it is refused; after any end the next start finds the data.

internal import JobModel
internal import LocalServers
public import Logging
internal import Postgres
internal import Processes
internal import Synchronization
internal import Tenancy

/// A running stack.
public final class DevStack: Sendable {
    /// What to start, and where.
    public struct Configuration: Sendable {
        /// The state directory.
        public var directory: String
        /// The `chorewheel` executable: API, workers and leashes.
        public var executable: String
        /// Holds `platform/` and `family/`.
        public var migrations: String
        /// Worker processes, each under one supervisor's watch.
        public var workers: Int
        /// Handlers at once in each worker process.
        public var concurrency: Int
        /// Worker and API lines go here; nil: to standard error.
        public var log: String?
        /// A family fleet's own choice of PostgreSQL settings, on top of the defaults.
        public var postgresSettings: [String: String]
        /// The data is not needed afterwards: PostgreSQL stops without a last checkpoint, which takes up to a quarter
        /// of a minute for a fleet of databases on a busy disk. Started again, it recovers; nothing committed is lost.
        public var isTemporary: Bool

        public init(
            directory: String, executable: String, migrations: String, workers: Int = 2, concurrency: Int = 16,
            log: String? = nil, postgresSettings: [String: String] = [:], isTemporary: Bool = false
        ) {
            self.directory = directory
            self.executable = executable
            self.migrations = migrations
            self.workers = workers
            self.concurrency = concurrency
            self.log = log
            self.postgresSettings = postgresSettings
            self.isTemporary = isTemporary
        }
    }

    public let configuration: Configuration
    /// What a client's shell needs: REDIS_URL, DATABASE_URL, CHOREWHEEL_URL, CHOREWHEEL_TOKEN, STRIPE_WEBHOOK_SECRET …
    public let environment: [String: String]
    private let lock: DirectoryLock
    let redis: LocalRedis
    let postgres: LocalPostgres
    let api: ChildProcess
    /// The workers' supervisor; another one after a deployment (DevStack+Deploy).
    let workers: Mutex<ChildProcess>

    public var apiURL: String { self.environment["CHOREWHEEL_URL"] ?? "" }
    public var environmentFile: String { "\(self.configuration.directory)/env" }

    private init(
        configuration: Configuration, environment: [String: String], lock: DirectoryLock, redis: LocalRedis,
        postgres: LocalPostgres, api: ChildProcess, workers: ChildProcess
    ) {
        self.configuration = configuration
        self.environment = environment
        self.lock = lock
        self.redis = redis
        self.postgres = postgres
        self.api = api
        self.workers = Mutex(workers)
    }

    /// Starts everything, and returns when the API answers.
    ///
    /// - Throws: `ProcessError` (a missing program, a locked directory, a server that does not start), `TenancyError`
    ///   (migrations); when the task is cancelled, what the step that was on makes of it. What was started is stopped.
    public static func start(_ configuration: Configuration, logger: Logger) async throws -> DevStack {
        try FileSystem.makeDirectory(configuration.directory, mode: 0o755)
        let lock = try DirectoryLock.acquire(directory: configuration.directory)
        let secrets = try DevSecrets.loadOrMake(in: configuration.directory)
        let (redis, postgres) = try Self.prepareServers(configuration, logger: logger)
        do {
            async let redisStart: Void = redis.start()
            try await postgres.start()
            try await redisStart
            return try await Self.start(configuration, secrets, lock, redis, postgres, logger: logger)
        } catch {
            async let redisStop: Void = redis.stop()
            async let postgresStop: Void = postgres.stop()
            _ = await (redisStop, postgresStop)
            lock.release()
            throw error
        }
    }

    private static func prepareServers(
        _ configuration: Configuration, logger: Logger
    ) throws -> (LocalRedis, LocalPostgres) {
        var settings = LocalPostgres.Configuration()
        settings.maxConnections = 300
        settings.settings = configuration.postgresSettings
        if configuration.isTemporary {
            settings.syncsNewCluster = false
            settings.stopSignal = .quit
        }
        let redis = try LocalRedis(
            directory: "\(configuration.directory)/redis", leash: configuration.executable, logger: logger)
        let postgres = try LocalPostgres(
            directory: "\(configuration.directory)/postgres", configuration: settings,
            leash: configuration.executable, logger: logger)
        return (redis, postgres)
    }

    /// The second half of the start: what needs the servers.
    private static func start(
        _ configuration: Configuration, _ secrets: DevSecrets, _ lock: DirectoryLock, _ redis: LocalRedis,
        _ postgres: LocalPostgres, logger: Logger
    ) async throws -> DevStack {
        guard let redisURL = redis.url, let maintenance = postgres.url(database: "postgres"),
            let platform = postgres.url(database: Self.platformDatabase)
        else { throw ProcessError(.startFailed, "a private server stopped right after its start") }

        try await Self.migratePlatform(maintenance, platform, configuration, logger: logger)
        try await Self.bootstrapServers(platform, configuration, secrets, logger: logger)

        let port = try LoopbackPort.choose(rememberedIn: "\(configuration.directory)/api.port")
        var environment = secrets.environment
        environment["REDIS_URL"] = redisURL
        environment["DATABASE_URL"] = platform
        environment["CHOREWHEEL_URL"] = "http://127.0.0.1:\(port)"
        environment["CHOREWHEEL_MIGRATIONS"] = configuration.migrations
        try Self.write(environment, to: "\(configuration.directory)/env")

        try Task.checkCancellation()
        let program = StackProgram(configuration: configuration, environment: environment)
        let api = try program.startAPI(port: port)
        let workers: ChildProcess
        do {
            workers = try program.startWorkers()
        } catch {
            await api.stop(grace: StackProgram.apiGrace)
            throw error
        }
        let stack = DevStack(
            configuration: configuration, environment: environment, lock: lock, redis: redis, postgres: postgres,
            api: api, workers: workers)
        do {
            try await ReadyProbe(port: port).wait(within: .seconds(60)) {
                if let status = api.exitStatus { throw ProcessError(.startFailed, "the API ended: \(status)") }
                if let status = workers.exitStatus { throw ProcessError(.startFailed, "the workers ended: \(status)") }
            }
        } catch {
            await stack.stop()
            throw error
        }
        return stack
    }

    /// Waits until one of the parts ends, which is a failure of the stack unless it is being stopped.
    ///
    /// - Returns: Which part, and how; nil when the task was cancelled.
    public func waitForFailure() async -> String? {
        let (endings, told) = AsyncStream.makeStream(of: String.self)
        // Owner: this stack. Each task ends with its child, at the latest in `stop`.
        Task { told.yield("the API \(await self.api.wait())") }
        Task { told.yield("the workers' supervisor \(await self.waitForWorkers())") }
        Task { if let status = await self.redis.waitForExit() { told.yield("redis-server \(status)") } }
        Task { if let status = await self.postgres.waitForExit() { told.yield("postgres \(status)") } }
        for await ending in endings { return ending }
        return nil
    }

    /// Stops everything: workers drain, then the API, then the servers.
    public func stop() async {
        let supervisor = self.workers.withLock { $0 }
        async let workers = supervisor.stop(signal: .terminate, grace: StackProgram.workersGrace)
        async let api = self.api.stop(signal: .terminate, grace: StackProgram.apiGrace)
        _ = await (workers, api)
        async let redis: Void = self.redis.stop()
        async let postgres: Void = self.postgres.stop()
        _ = await (redis, postgres)
        self.lock.release()
    }

    static let platformDatabase = "chorewheel"

    private static func migratePlatform(
        _ maintenance: String, _ platform: String, _ configuration: Configuration, logger: Logger
    ) async throws {
        let server = try await PostgresConnection.connect(PostgresConfiguration(url: maintenance), logger: logger)
        let known = try await server.query(
            "SELECT 1 FROM pg_database WHERE datname = $1", [.text(Self.platformDatabase)])
        if known.isEmpty { try await server.query("CREATE DATABASE \(quoteIdentifier(Self.platformDatabase))") }
        // A family's role is to see its own database only.
        for database in [Self.platformDatabase, "postgres", "template1"] {
            try await server.query("REVOKE CONNECT, TEMPORARY ON DATABASE \(quoteIdentifier(database)) FROM PUBLIC")
        }
        await server.close()
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url: platform), logger: logger)
        do {
            let set = try MigrationSet(directory: "\(configuration.migrations)/platform")
            _ = try await Migrator(set, logger: logger).migrate(on: connection)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    /// The platform's own server is the first that families are placed on.
    private static func bootstrapServers(
        _ platform: String, _ configuration: Configuration, _ secrets: DevSecrets, logger: Logger
    ) async throws {
        let pool = PostgresPool(logger: logger)
        let database = PostgresDatabase(pool: pool, configuration: try PostgresConfiguration(url: platform))
        do {
            let keys = try SecretBox(keys: secrets.environment["CHOREWHEEL_SECRET_KEYS"] ?? "")
            let files = "\(configuration.migrations)/family"
            try await Tenancy(platform: database, secrets: keys, familyMigrations: files).bootstrap()
        } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }

    private static func write(_ environment: [String: String], to path: String) throws(ProcessError) {
        let lines = environment.sorted { $0.key < $1.key }.map { name, value in
            // A quote inside of quotes: end them, an escaped one, begin again.
            let parts = value.split(separator: "'", omittingEmptySubsequences: false)
            return "export \(name)='\(parts.joined(separator: "'\\''"))'\n"
        }
        try FileSystem.write(
            "# Made by chorewheel dev; to be sourced by a shell.\n" + lines.joined(), to: path, mode: 0o600)
    }
}
