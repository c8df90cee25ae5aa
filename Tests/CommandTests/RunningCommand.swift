// The built executable, run as a person would, with a database and a Redis namespace of the test's own.

import JobModel
import JobQueue
import Logging
import Postgres
import Processes
import Redis
import TestSupport
import Testing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension JSONValue {
    /// Of an array.
    var elements: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
}

/// What a command left.
struct CommandResult: Sendable {
    let exit: Int32?
    let output: String
    let error: String

    /// Standard output as JSON.
    func document() throws -> JSONValue { try JSONText.decode(JSONValue.self, from: Array(self.output.utf8)) }

    /// The error document of standard error.
    func failure() throws -> JSONValue? {
        try JSONText.decode(JSONValue.self, from: Array(self.error.utf8))["error"]
    }
}

/// A platform that commands are run on.
struct CommandPlatform: Sendable {
    let servers: TestServers
    let database: PostgresDatabase
    let namespace: String
    private let directory: String

    /// Lends a platform whose server is its fleet, as `chorewheel migrate platform` leaves it; or nothing yet.
    static func with(migrated: Bool = true, _ body: (CommandPlatform) async throws -> Void) async throws {
        try await TestDatabase.with(migrated ? .platform : .nothing, prefix: "commands_") { lent in
            let directory = "\(lent.servers.directory)/\(lent.name)"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
            let pool = PostgresPool(
                limits: .init(acquireTimeout: .seconds(60)),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            do {
                let database = PostgresDatabase(pool: pool, configuration: try PostgresConfiguration(url: lent.url))
                if migrated {
                    let own = database.configuration
                    try await database.query(
                        """
                        INSERT INTO database_servers (name, host, port, maintenance_database)
                        VALUES ('platform', $1, $2, $3)
                        """, [.text(own.host), .int(own.port), .text(own.database)])
                }
                try await body(
                    CommandPlatform(
                        servers: lent.servers, database: database, namespace: lent.name, directory: directory))
                await pool.close()
            } catch {
                await pool.close()
                throw error
            }
        }
    }

    /// Runs `chorewheel` with these arguments and waits for its end.
    func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> CommandResult {
        try await self.run(arguments, environment: environment)
    }

    /// Runs `chorewheel` with these arguments and waits for its end.
    func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> CommandResult {
        let call = "\(self.directory)/\(String(UInt64.random(in: .min ... .max), radix: 36))"
        var settings = [
            "DATABASE_URL": self.database.configuration.url, "REDIS_URL": self.servers.redisURL,
            "CHOREWHEEL_NAMESPACE": self.namespace, "CHOREWHEEL_MIGRATIONS": MigrationsInSource.directory,
            "PATH": "/usr/local/bin:/usr/bin:/bin", "CALL": call,
        ]
        settings.merge(environment) { _, own in own }
        let script = #"exec "$0" "$@" >"$CALL.out" 2>"$CALL.err" </dev/null"#
        var command = ChildProcess.Configuration("/bin/sh", ["-c", script, self.servers.executable] + arguments)
        command.environment = .exactly(settings)
        let status = try await ChildProcess.spawn(command, leash: self.servers.executable).wait()
        let code: Int32? = if case .exited(let code) = status { code } else { nil }
        return CommandResult(
            exit: code, output: String(decoding: try Data(contentsOf: URL(filePath: "\(call).out")), as: UTF8.self),
            error: String(decoding: try Data(contentsOf: URL(filePath: "\(call).err")), as: UTF8.self))
    }

    /// Tells the doors of a kind, as a worker's start does.
    func register(
        kind: String, durability: Durability = .durable, target: TargetRule = .either, schema: String? = nil
    ) async throws {
        try await Ledger(database: self.database).register(kinds: [
            KindRegistration(
                kind: kind, queue: "drills", durability: durability, target: target, maxAttempts: 3,
                payloadSchema: schema)
        ])
    }

    /// Makes queues known, as a worker's start does.
    func register(queues: [QueueName]) async throws {
        try await Ledger(database: self.database).register(queues: queues)
    }

    /// Makes fast jobs that died in their queue, as a worker leaves them; newest last.
    func makeDeadFastJobs(_ count: Int, kind: JobKind = "drill.fast", in queue: QueueName) async throws -> [JobID] {
        let redis = RedisClient(
            configuration: try RedisConfiguration(url: self.servers.redisURL),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let index = DispatchIndex(redis: redis, namespace: self.namespace)
        let client = JobQueueClient(ledger: Ledger(database: self.database), index: index)
        try await client.open([queue])
        let session = SessionID.mint()
        var ids: [JobID] = []
        for number in 0..<count {
            let request = try JobRequest(
                kind: kind, target: .platform, payload: Array(#"{"number":\#(number)}"#.utf8),
                options: EnqueueOptions(queue: queue))
            ids.append(try await client.enqueue(request, durability: .fast).id)
            for entry in try await index.claim(upTo: 1, from: queue, session: session, settled: []).entries().fast {
                let error = AttemptError(type: "Oops", message: "it broke")
                _ = try await index.settle([.dead(entry, .attemptsExhausted, error)], of: queue, session: session)
            }
        }
        await redis.close()
        return ids
    }

    /// A number that the database tells.
    func count(_ sql: String) async throws -> Int {
        try #require(try await self.database.query(sql).first).int(at: 0)
    }
}
