// What the family workers and the control plane hold in common: the platform's database, the way to the families', the
// secrets, and the migrations. A value: copy it freely.

public import JobModel
public import Logging
public import Postgres

/// The families' side of a process.
public struct Tenancy: Sendable {
    public let platform: PostgresDatabase
    public let secrets: SecretBox
    /// The family schema's migrations.
    public let migrations: MigrationSet
    public let families: FamilyStore
    /// Also the runtime's `FamilyDatabaseProvider`.
    public let databases: FamilyDatabases

    /// - Throws: `TenancyError(.migrationFile)` if the directory is not sound.
    public init(platform: PostgresDatabase, secrets: SecretBox, familyMigrations directory: String) throws {
        self.init(platform: platform, secrets: secrets, migrations: try MigrationSet(directory: directory))
    }

    public init(platform: PostgresDatabase, secrets: SecretBox, migrations: MigrationSet) {
        self.platform = platform
        self.secrets = secrets
        self.migrations = migrations
        self.families = FamilyStore(platform: platform)
        self.databases = FamilyDatabases(platform: platform, secrets: secrets)
    }

    /// For who reads, and starts jobs.
    ///
    /// Without keys it gets one that nobody else has: such a process opens no family's secret, and a sealed one that it
    /// does meet is refused with a message that names the key it would take.
    ///
    /// - Throws: `TenancyError(.migrationFile)`, `TenancyError(.secret)`.
    public init(reading platform: PostgresDatabase, keys: String?, familyMigrations directory: String) throws {
        try self.init(
            platform: platform, secrets: SecretBox(keys: keys ?? SecretBox.makeKey(id: "none")),
            familyMigrations: directory)
    }

    /// Makes the platform's own server the first of the fleet, if there is none. Call it after the platform's
    /// migration.
    public func bootstrap() async throws {
        let own = self.platform.configuration
        try await self.platform.query(
            EmbeddedText.bootstrapServer, [.text(own.host), .int(own.port), .text(own.database)])
    }

    /// A server, with the administrator's password opened.
    ///
    /// - Throws: `TenancyError`: `.notFound`, `.secret`.
    public func server(_ id: UUIDBytes) async throws -> DatabaseServer {
        let rows = try await self.platform.query(EmbeddedText.findServer, [.text(id.description)])
        guard let row = rows.first else { throw TenancyError(.notFound, "there is no database server \(id)") }
        var configuration = self.platform.configuration
        configuration.host = try row.string("host")
        configuration.port = try row.int("port")
        configuration.database = try row.string("maintenance_database")
        if let user = try row.optionalString("admin_user") {
            configuration.user = user
            configuration.password = try row.optionalString("admin_password_sealed").map {
                try self.secrets.open($0, owner: id, purpose: .serverAdminPassword)
            }
        }
        return DatabaseServer(
            id: id, name: try row.string("name"), host: configuration.host, port: configuration.port,
            administration: configuration)
    }

    /// The server that a family's database is on, or is to be on.
    ///
    /// - Throws: `TenancyError(.notFound)` when it has no place yet.
    public func server(of family: Family) async throws -> DatabaseServer {
        guard let id = family.serverID else {
            throw TenancyError(.notFound, "family \(family.slug) has no database server yet")
        }
        return try await self.server(id)
    }

    /// Reserves a server and a database name for a family; the same ones again when it has them.
    ///
    /// - Throws: `TenancyError`: `.fleetFull`, `.invalid` (a name too long), `.notFound` (no such family, or deleted).
    public func place(_ family: Family, logger: Logger) async throws -> (DatabaseServer, FamilyDatabaseName) {
        let names = try FamilyDatabaseName(slug: Slug(validating: family.slug))
        let server = try await self.platform.transaction { connection in
            let known = try await connection.query(
                "SELECT server_id FROM families WHERE id = $1 AND deleted_at IS NULL FOR UPDATE",
                [.text(family.id.description)])
            guard let row = known.first else { throw TenancyError(.notFound, "there is no family \(family.id)") }
            if let server = try row.optionalString("server_id").flatMap({ UUIDBytes($0) }) { return server }
            let loads = try await connection.query(EmbeddedText.lockActiveServers).map { row in
                ServerLoad(
                    server: try row.uuid("id"), name: try row.string("name"), databases: try row.int("databases"),
                    databasesMax: try row.int("max_databases"), alertPercent: try row.int("alert_percent"))
            }
            let chosen = try ServerPlacement.choose(among: loads)
            if chosen.isNearlyFull {
                logger.warning(
                    "a database server is nearly full: add another",
                    metadata: ["server": "\(chosen.name)", "databases": "\(chosen.databases)/\(chosen.databasesMax)"])
            }
            try await connection.query(
                "UPDATE families SET server_id = $2, db_name = $3 WHERE id = $1",
                [.text(family.id.description), .text(chosen.server.description), .text(names.database)])
            return chosen.server
        }
        return (try await self.server(server), names)
    }
}
