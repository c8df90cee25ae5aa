// The migrated database that each test's own is cloned from: made once for each pair of servers.

internal import JobModel
internal import Logging
internal import Postgres
internal import Synchronization
internal import Tenancy
internal import TestSupport

/// A template on one PostgreSQL server.
struct Template: Sendable {
    let configuration: PostgresConfiguration
    private let logger: Logger

    private static let name = "chorewheel_test_template"
    private static let made = Mutex<[String: Task<Template, any Error>]>([:])

    /// The server's template; made when it is first asked for.
    static func of(_ servers: TestServers, logger: Logger) async throws -> Template {
        let url = servers.databaseURL
        let task = self.made.withLock { made in
            // Owner: the test process. Ends when the template is made.
            let task = made[url] ?? Task { try await Self.make(url, logger: logger) }
            made[url] = task
            return task
        }
        return try await task.value
    }

    private static func make(_ url: String, logger: Logger) async throws -> Template {
        var server = try PostgresConfiguration(url: url)
        server.connectTimeout = .seconds(60)
        let template = Template(configuration: server, logger: logger)
        try await template.onServer { connection in
            let known = try await connection.query("SELECT 1 FROM pg_database WHERE datname = $1", [.text(Self.name)])
            if known.isEmpty { try await connection.query("CREATE DATABASE \(try quoteIdentifier(Self.name))") }
        }
        var configuration = template.configuration
        configuration.database = Self.name
        let connection = try await PostgresConnection.connect(configuration, logger: logger)
        do {
            let migrations = try MigrationSet(directory: try MigrationsInSource.directory() + "/platform")
            _ = try await Migrator(migrations, logger: logger).migrate(on: connection)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
        return template
    }

    /// Clones may not overlap with a session on the template, so they take turns with its making only.
    func clone(to name: String) async throws {
        try await self.onServer { connection in
            try await connection.query(
                "CREATE DATABASE \(try quoteIdentifier(name)) TEMPLATE \(try quoteIdentifier(Self.name))")
        }
    }

    func drop(_ name: String) async throws {
        try await self.onServer { connection in
            try await connection.query("DROP DATABASE IF EXISTS \(try quoteIdentifier(name)) WITH (FORCE)")
        }
    }

    private func onServer(_ body: @Sendable (PostgresConnection) async throws -> Void) async throws {
        let connection = try await PostgresConnection.connect(self.configuration, logger: self.logger)
        do {
            try await body(connection)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }
}

/// The migrations of this source tree.
public enum MigrationsInSource {
    /// The `migrations` directory, found from this file.
    public static func directory(file: StaticString = #filePath) throws -> String {
        let parts = "\(file)".split(separator: "/", omittingEmptySubsequences: false)
        return parts.dropLast(3).joined(separator: "/") + "/migrations"
    }
}
