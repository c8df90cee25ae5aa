// The last word before a family's database counts as there: a connection as the application's own role, with the
// password that will be kept, sees what it must see and no more.

internal import Logging
internal import Postgres
internal import Tenancy

struct ApplicationRoleProof {
    let configuration: PostgresConfiguration
    let schemaVersion: Int
    let logger: Logger

    /// - Throws: `TenancyError(.unproven)`, saying what is not as it must be.
    func run() async throws {
        let connection = try await self.connect()
        do {
            try await self.check(connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    private func connect() async throws -> PostgresConnection {
        do throws(PostgresError) {
            return try await PostgresConnection.connect(self.configuration, logger: self.logger)
        } catch {
            guard error.sqlState != nil else { throw error }
            // The server spoke: it is up, and does not let the role in.
            throw TenancyError(
                .unproven, "role \(self.configuration.user) cannot connect to \(self.configuration.database)",
                underlying: error)
        }
    }

    private func check(_ connection: PostgresConnection) async throws {
        guard let row = try await connection.query(EmbeddedText.proveAccess).first else {
            throw TenancyError(.unproven, "the database gave no answer")
        }
        let database = try row.string("database_name")
        let user = try row.string("user_name")
        let version = try row.int("schema_version")
        let findings = [
            (database == self.configuration.database, "is connected to \(database)"),
            (user == self.configuration.user, "is \(user)"),
            (version == self.schemaVersion, "sees schema version \(version), not \(self.schemaVersion)"),
            (try !row.bool("public_connects"), "shares its database with PUBLIC, which may connect"),
            (try !row.bool("creates_objects"), "may create objects"),
            (try !row.bool("is_privileged"), "is a superuser, or may make roles or databases"),
            (try !row.bool("changes_migrations"), "may change schema_migrations"),
            (try row.bool("uses_tables"), "may not read and write all tables"),
        ]
        let wrong = findings.filter { !$0.0 }.map(\.1)
        guard wrong.isEmpty else {
            throw TenancyError(.unproven, "role \(self.configuration.user) \(wrong.joined(separator: "; "))")
        }
    }
}
