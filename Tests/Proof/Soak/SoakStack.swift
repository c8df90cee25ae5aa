// The servers of a soak, its platform database and its families. The directory stays when the run fails.

import Glibc
import JobModel
import JobQueue
import LocalServers
import Logging
import Postgres
import Processes
import Redis
import TestSupport

/// A family with a database.
struct SoakFamily: Sendable {
    let id: FamilyID
    let database: String
}

/// Private servers, and the ways to them.
final class SoakStack: Sendable {
    /// Holds the servers' directories, the workers' logs and the record.
    let directory: String
    let postgres: LocalPostgres
    let redis: LocalRedis
    /// Path of the `chorewheel` that is proven.
    let executable: String
    let platform: PostgresDatabase
    let client: JobQueueClient
    /// The platform database's URL as it was at the start; a server that came back elsewhere would end the run.
    let databaseURL: String
    let redisURL: String
    let logger: Logger

    static let database = "soak"

    static func start() async throws -> SoakStack {
        let executable = try BuiltExecutable.path()
        let directory = try self.makeDirectory()
        var configuration = LocalPostgres.Configuration.forTests
        configuration.settings = ["log_min_messages": "warning"]
        let leash = try Executable.current()
        let postgres = try LocalPostgres(
            directory: "\(directory)/postgres", configuration: configuration, leash: leash)
        var redisConfiguration = LocalRedis.Configuration()
        // One file only ever grows, so that its end can be cut off.
        redisConfiguration.settings = ["auto-aof-rewrite-percentage": "0"]
        let redis = try LocalRedis(directory: "\(directory)/redis", configuration: redisConfiguration, leash: leash)
        try await redis.start()
        try await postgres.start()
        guard let server = postgres.url, let url = postgres.url(database: Self.database), let redisURL = redis.url
        else { throw ProofFailure("the servers have started without addresses") }
        var logger = Logger(label: "soak")
        logger.logLevel = .critical
        let admin = try await PostgresConnection.connect(PostgresConfiguration(url: server), logger: logger)
        try await admin.query("CREATE DATABASE \(Self.database) TEMPLATE template0 ENCODING 'UTF8'")
        await admin.close()
        let stack = try SoakStack(
            directory: directory, postgres: postgres, redis: redis, executable: executable, databaseURL: url,
            redisURL: redisURL, logger: logger)
        try await stack.migrate()
        return stack
    }

    private init(
        directory: String, postgres: LocalPostgres, redis: LocalRedis, executable: String, databaseURL: String,
        redisURL: String, logger: Logger
    ) throws {
        self.directory = directory
        self.postgres = postgres
        self.redis = redis
        self.executable = executable
        self.databaseURL = databaseURL
        self.redisURL = redisURL
        self.logger = logger
        self.platform = PostgresDatabase(
            pool: PostgresPool(limits: .init(perDatabase: 16), logger: logger),
            configuration: try PostgresConfiguration(url: databaseURL))
        self.client = JobQueueClient(
            ledger: Ledger(database: self.platform),
            index: DispatchIndex(
                redis: RedisClient(configuration: try RedisConfiguration(url: redisURL), logger: logger)))
    }

    /// The variables of every `chorewheel` here.
    ///
    /// - Parameters: Other ways to the servers; nil: straight.
    func environment(databaseURL: String? = nil, redisURL: String? = nil) -> ChildProcess.Environment {
        .inherited(adding: [
            "DATABASE_URL": databaseURL ?? self.databaseURL,
            "REDIS_URL": redisURL ?? self.redisURL,
            "CHOREWHEEL_SECRET_KEYS": "soak:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "CHOREWHEEL_MIGRATIONS": MigrationsInSource.directory,
            "CHOREWHEEL_LOG_LEVEL": "info",
        ])
    }

    /// Runs `chorewheel` to its end.
    func run(_ arguments: [String], log: String) async throws -> ExitStatus {
        var command = ChildProcess.Configuration(self.executable, arguments)
        command.environment = self.environment()
        command.output = .file("\(self.directory)/\(log)")
        return try await ChildProcess.run(command, leash: try Executable.current(), limit: .seconds(120))
    }

    private func migrate() async throws {
        let status = try await self.run(["migrate", "platform"], log: "migrate.log")
        guard status.isSuccess else {
            throw ProofFailure("migrate platform \(status): \(self.lastLines(of: "migrate.log"))")
        }
    }

    /// What `chorewheel doctor` found to be broken, with what it says last.
    func failures(of log: String) -> String {
        let lines = FileSystem.text(ofFileThatMayVanish: "\(self.directory)/\(log)") ?? ""
        let broken = lines.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("fail") }
        return broken.isEmpty ? self.lastLines(of: log) : broken.joined(separator: "; ")
    }

    func lastLines(of log: String) -> String { FileSystem.lastLines(10, of: "\(self.directory)/\(log)") }

    /// Signs families up; a worker has to be there to give them their databases.
    func signUp(_ slug: String) async throws {
        try await self.platform.query(
            "SELECT family_id FROM sign_up_family($1, $2, $3)",
            [.text(slug), .text("Family \(slug)"), .text("\(slug)@example.com")])
    }

    /// The families that have a database.
    func families() async throws -> [SoakFamily] {
        try await self.platform.query(
            "SELECT id::text, db_name FROM families WHERE provisioned_at IS NOT NULL ORDER BY created_at"
        ).compactMap { row in
            guard let id = FamilyID(try row.string(at: 0)) else { return nil }
            return SoakFamily(id: id, database: try row.string(at: 1))
        }
    }

    /// A connection of its own, which no pool holds.
    func withConnection<Value: Sendable>(
        to database: String = SoakStack.database, _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        guard let url = self.postgres.url(database: database) else { throw ProofFailure("PostgreSQL has no address") }
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url), logger: self.logger)
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    func count(_ sql: String) async throws -> Int { try await self.platform.query(sql).first?.int(at: 0) ?? 0 }

    /// Stops the servers; deletes everything unless it is to be kept.
    func stop(keep: Bool) async throws {
        await self.client.index.redis.close()
        await self.platform.pool.close()
        await self.postgres.stop()
        await self.redis.stop()
        if !keep { try DirectoryRemoval.removeTree(self.directory) }
    }

    /// Directly in /tmp: short enough for Unix sockets, and PostgreSQL's user can pass through.
    private static func makeDirectory() throws -> String {
        var template = Array("/tmp/chorewheel-soak-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil, chmod(template, 0o711) == 0 else {
            throw ProofFailure("cannot make a directory in /tmp: errno \(errno)")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
