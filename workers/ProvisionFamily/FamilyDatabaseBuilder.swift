// Role and database of one family, made and secured by the administrator's session that holds the lock on the name.
//
// 1. Whose a name is, is said by the comment on the role: CREATE ROLE and COMMENT commit together, which CREATE
// DATABASE
//    and a comment on it cannot. A database is only made after its role, so a database beside our role is ours.
// 2. The database lets nobody in until PUBLIC's rights are revoked (a template's ACL is not copied).
// 3. Identifiers and literals in statements that take no parameters go through the two quoting functions.

internal import JobModel
internal import Postgres
internal import Tenancy
internal import WorkerKit

struct FamilyDatabaseBuilder {
    let session: PostgresConnection
    let names: FamilyDatabaseName
    let family: FamilyID

    /// What the server has under the names.
    private struct Observation {
        var roleExists: Bool
        var roleComment: String?
        var databaseExists: Bool
        /// A DROP DATABASE was broken off (PostgreSQL marks it so): it can only be dropped.
        var databaseIsBroken: Bool
        var databaseIsOpen: Bool
    }

    /// The application's role with this password: made, or, when an earlier attempt made it, given the password again.
    ///
    /// - Throws: `JobFailure.discard` when role or database are there and not this family's.
    func createRole(password: DatabasePassword) async throws {
        let observed = try await self.observe()
        let role = try quoteIdentifier(self.names.role)
        let verifier = try quoteLiteral(SCRAMVerifier(password: password).text)
        if observed.roleExists {
            guard observed.roleComment == self.mark else {
                throw JobFailure.discard("role \(self.names.role) is there, and not this family's: rename or remove it")
            }
            try await self.session.execute(script: "ALTER ROLE \(role) LOGIN PASSWORD \(verifier)")
        } else {
            guard !observed.databaseExists else {
                throw JobFailure.discard(
                    "database \(self.names.database) is there, and not this family's: rename or remove it")
            }
            // One script is one transaction: the role is never there without its mark.
            try await self.session.execute(
                script: """
                    CREATE ROLE \(role) LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD \(verifier);
                    COMMENT ON ROLE \(role) IS \(try quoteLiteral(self.mark));
                    """)
        }
    }

    /// The database, empty or as an earlier attempt left it, open to its application role and not to PUBLIC.
    func createDatabase() async throws {
        let observed = try await self.observe()
        let database = try quoteIdentifier(self.names.database)
        let role = try quoteIdentifier(self.names.role)
        if observed.databaseIsBroken {
            try await self.session.execute(script: "DROP DATABASE \(database)")
        }
        if !observed.databaseExists || observed.databaseIsBroken {
            try await self.session.execute(
                script: "CREATE DATABASE \(database) TEMPLATE template0 ENCODING 'UTF8' ALLOW_CONNECTIONS false")
        }
        if !observed.databaseIsOpen || observed.databaseIsBroken {
            try await self.session.execute(
                script: """
                    REVOKE ALL ON DATABASE \(database) FROM PUBLIC;
                    GRANT CONNECT ON DATABASE \(database) TO \(role);
                    COMMENT ON DATABASE \(database) IS \(try quoteLiteral(self.mark));
                    ALTER DATABASE \(database) ALLOW_CONNECTIONS true;
                    """)
        }
    }

    private var mark: String { "chorewheel family \(self.family)" }

    private func observe() async throws -> Observation {
        let rows = try await self.session.query(
            EmbeddedText.observeDatabase, [.text(self.names.role), .text(self.names.database)])
        guard let row = rows.first else { throw TenancyError(.unproven, "the server's catalog gave no answer") }
        return Observation(
            roleExists: try row.bool("role_exists"), roleComment: try row.optionalString("role_comment"),
            databaseExists: try row.bool("database_exists"), databaseIsBroken: try row.bool("database_is_broken"),
            databaseIsOpen: try row.bool("database_is_open"))
    }
}
