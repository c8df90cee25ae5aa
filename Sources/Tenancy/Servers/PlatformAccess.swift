// Who may connect to the platform's database. A new database lets PUBLIC in, that is, whoever has a login on the
// server: each family's own role too. `chorewheel dev` closes the one it makes; one that somebody else made is looked
// at.

public import Postgres

/// What the platform's server says of the platform's database.
public struct PlatformAccess: Sendable, Hashable {
    /// Its name, quoted where SQL wants it.
    public let database: String
    /// The role that asked, quoted likewise.
    public let role: String
    public let isOpenToPublic: Bool

    public init(database: String, role: String, isOpenToPublic: Bool) {
        self.database = database
        self.role = role
        self.isOpenToPublic = isOpenToPublic
    }

    /// Asks.
    public init(of platform: PostgresDatabase) async throws {
        let rows = try await platform.query(
            "SELECT quote_ident(current_database()) AS database, quote_ident(current_user) AS role, "
                + "has_database_privilege('public', current_database(), 'CONNECT') AS is_open")
        guard let row = rows.first else { throw PostgresError(.decoding, "current_database() returned no row") }
        self.init(
            database: try row.string("database"), role: try row.string("role"),
            isOpenToPublic: try row.bool("is_open"))
    }

    /// The statements that close it to all but the role that asked, for the database's owner.
    public var closing: String {
        "REVOKE ALL ON DATABASE \(self.database) FROM PUBLIC; "
            + "GRANT CONNECT, TEMPORARY ON DATABASE \(self.database) TO \(self.role);"
    }
}
