// The built executable, run as a person would, with a database and a Redis namespace of the test's own.

import JobModel
import JobQueue
import Logging
import Postgres
import Processes
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

    /// The repository's, wherever the executable is.
    private static let migrations =
        "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/migrations"

    /// Lends an empty database; drops it afterwards.
    static func with(migrated: Bool = true, _ body: (CommandPlatform) async throws -> Void) async throws {
        let servers = try await TestServers.shared()
        let name = "commands_" + String(UInt64.random(in: .min ... .max), radix: 36)
        let pool = PostgresPool(logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let server = PostgresDatabase(pool: pool, configuration: try PostgresConfiguration(url: servers.databaseURL))
        var configuration = server.configuration
        configuration.database = name
        let directory = "\(servers.directory)/\(name)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        try await server.execute(script: "CREATE DATABASE \(try quoteIdentifier(name)) TEMPLATE template0")
        let platform = CommandPlatform(
            servers: servers, database: PostgresDatabase(pool: pool, configuration: configuration), namespace: name,
            directory: directory)
        var outcome: Result<Void, any Error> = .success(())
        do {
            if migrated {
                let result = try await platform.run("migrate", "platform")
                try #require(result.exit == 0, "\(result.error)")
            }
            try await body(platform)
        } catch {
            outcome = .failure(error)
        }
        try await server.execute(script: "DROP DATABASE \(try quoteIdentifier(name)) WITH (FORCE)")
        await pool.close()
        try outcome.get()
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
            "CHOREWHEEL_NAMESPACE": self.namespace, "CHOREWHEEL_MIGRATIONS": Self.migrations,
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
    func register(kind: String, target: TargetRule = .either, schema: String? = nil) async throws {
        try await Ledger(database: self.database).register(kinds: [
            KindRegistration(
                kind: kind, queue: "drills", durability: .durable, target: target, maxAttempts: 3,
                payloadSchema: schema)
        ])
    }

    /// Makes queues known, as a worker's start does.
    func register(queues: [QueueName]) async throws {
        try await Ledger(database: self.database).register(queues: queues)
    }

    /// A number that the database tells.
    func count(_ sql: String) async throws -> Int {
        try #require(try await self.database.query(sql).first).int(at: 0)
    }
}
