// A database of a test's own on the shared private server.

import Logging
import Postgres
import TestSupport
import Testing

/// Makes a database with a random name, runs the body, and drops it.
func withTestDatabase(
    limits: PostgresPoolLimits = .init(), _ body: @Sendable (PostgresDatabase) async throws -> Void
) async throws {
    let servers = try await TestServers.shared()
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let administration = PostgresPool(logger: logger)
    var server = try PostgresConfiguration(url: servers.databaseURL)
    // All tests connect at once, perhaps on a machine that is busy otherwise.
    server.connectTimeout = .seconds(60)
    let admin = PostgresDatabase(pool: administration, configuration: server)
    var configuration = server
    configuration.database = "test \"\(UInt64.random(in: 0 ... .max))"
    let name = try quoteIdentifier(configuration.database)
    let pool = PostgresPool(limits: limits, logger: logger)
    try await admin.query("CREATE DATABASE \(name)")
    do {
        try await body(PostgresDatabase(pool: pool, configuration: configuration))
    } catch {
        Issue.record(error)
    }
    await pool.close()
    try await admin.query("DROP DATABASE \(name) WITH (FORCE)")
    await administration.close()
}

/// The error that the body throws.
func postgresError(_ body: () async throws -> Void) async throws -> PostgresError {
    try #require(await #expect(throws: PostgresError.self) { try await body() })
}
