// A database of a test's own on the shared private server.

import Logging
import Postgres
import TestSupport
import Testing

/// Lends an empty database whose name needs quoting.
func withTestDatabase(
    limits: PostgresPoolLimits = .init(), _ body: @Sendable (PostgresDatabase) async throws -> Void
) async throws {
    try await TestDatabase.with(.nothing, prefix: "test \"") { database in
        let pool = PostgresPool(
            limits: limits, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        do {
            let configuration = try PostgresConfiguration(url: database.url)
            try await body(PostgresDatabase(pool: pool, configuration: configuration))
        } catch {
            Issue.record(error)
        }
        await pool.close()
    }
}

/// The error that the body throws.
func postgresError(_ body: () async throws -> Void) async throws -> PostgresError {
    try #require(await #expect(throws: PostgresError.self) { try await body() })
}
