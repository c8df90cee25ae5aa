// The servers of the fleet: room for families, and what their catalogs say of each family's database. A family's
// database that everybody may connect to, that is half dropped, or that is not there, is found here.

internal import JobModel
internal import Logging
internal import Postgres
internal import Tenancy

extension Examination {
    func checkServers() async throws -> [Finding] {
        let tenancy = try self.tenancy()
        let rows = try await self.platform.query(
            "SELECT id, name, status, max_databases, alert_percent FROM database_servers WHERE status <> 'retired' "
                + "ORDER BY name")
        guard !rows.isEmpty else {
            return [
                .fail(
                    "servers", "there is no database server: no family can be provisioned",
                    remedy: "chorewheel migrate platform adds the platform's own; or insert one into database_servers",
                    cause: .configuration)
            ]
        }
        var findings: [Finding] = []
        for row in rows {
            guard let id = UUIDBytes(try row.string("id")) else {
                throw UnexpectedAnswer("a server's id is not a UUID")
            }
            let families = try await self.platform.query(
                "SELECT count(*) FROM families WHERE server_id = $1::uuid AND deleted_at IS NULL",
                [.text(id.description)])
            let load = ServerFacts(
                name: try row.string("name"), isActive: try row.string("status") == "active",
                families: try families.first?.int(at: 0) ?? 0, familiesMax: try row.int("max_databases"),
                alertPercent: try row.int("alert_percent"))
            findings.append(load.finding)
            let expected = try await self.expectedDatabases(server: id)
            do {
                let server = try await tenancy.server(id)
                let there = try await familyDatabases(on: server, logger: self.logger)
                findings += databaseFindings(server: load.name, expected: expected, there: there)
            } catch {
                let why = self.explain(error)
                findings.append(
                    .fail(
                        "server \(load.name)", why.text,
                        remedy: "mend its row in database_servers, or the server", cause: why.cause))
            }
        }
        return findings
    }
}

/// How full a server is.
struct ServerFacts: Sendable, Hashable {
    let name: String
    let isActive: Bool
    let families: Int
    let familiesMax: Int
    let alertPercent: Int

    var finding: Finding {
        let text = "\(self.families) of \(self.familiesMax) places taken"
        guard self.isActive else { return .ok("server \(self.name)", "\(text); takes no new families") }
        return self.families * 100 >= self.familiesMax * self.alertPercent
            ? .warn("server \(self.name)", text, remedy: "add a server to database_servers")
            : .ok("server \(self.name)", text)
    }
}

/// A family's database as its server's catalog has it.
struct DatabaseFacts: Sendable, Hashable {
    let name: String
    let allowsConnections: Bool
    /// -1: none; -2: half dropped (PostgreSQL's mark of an invalid database).
    let connectionLimit: Int
    let isOpenToPublic: Bool
}

extension Examination {
    private func expectedDatabases(server: UUIDBytes) async throws -> [String] {
        try await self.platform.query(
            "SELECT db_name FROM families WHERE server_id = $1::uuid AND deleted_at IS NULL AND db_name IS NOT NULL "
                + "AND status NOT IN ('provisioning', 'cancelled') ORDER BY db_name", [.text(server.description)]
        ).map { try $0.string("db_name") }
    }
}

private func familyDatabases(on server: DatabaseServer, logger: Logger) async throws -> [DatabaseFacts] {
    let connection = try await PostgresConnection.connect(server.administration, logger: logger)
    let rows: PostgresRows
    do {
        rows = try await connection.query(
            "SELECT datname, datallowconn, datconnlimit, has_database_privilege('public', oid, 'CONNECT') AS is_open "
                + "FROM pg_database WHERE datname LIKE 'family\\_%' ORDER BY datname")
    } catch {
        await connection.close()
        throw error
    }
    await connection.close()
    return try rows.map { row in
        DatabaseFacts(
            name: try row.string("datname"), allowsConnections: try row.bool("datallowconn"),
            connectionLimit: try row.int("datconnlimit"), isOpenToPublic: try row.bool("is_open"))
    }
}

/// Pure.
///
/// - Parameters:
///   - expected: The databases of families that people use.
///   - there: What the server has by a family's name.
func databaseFindings(server: String, expected: [String], there: [DatabaseFacts]) -> [Finding] {
    let subject = "server \(server)"
    let names = Set(there.map(\.name))
    var findings: [Finding] = []
    for name in expected where !names.contains(name) {
        findings.append(
            .fail(subject, "database \(name) is not there, though its family is", remedy: "restore it from a backup"))
    }
    for database in there where expected.contains(database.name) {
        if database.connectionLimit == -2 {
            findings.append(
                .fail(
                    subject, "database \(database.name) is half dropped: nobody can connect",
                    remedy: "drop it, and restore it from a backup"))
        } else if !database.allowsConnections {
            findings.append(
                .fail(
                    subject, "database \(database.name) allows no connections",
                    remedy: "ALTER DATABASE \(database.name) ALLOW_CONNECTIONS true, if that was not meant"))
        }
        if database.isOpenToPublic {
            findings.append(
                .fail(
                    subject, "PUBLIC may connect to database \(database.name)",
                    remedy: "REVOKE ALL ON DATABASE \(database.name) FROM PUBLIC", cause: .noPermission))
        }
    }
    if findings.isEmpty { findings.append(.ok(subject, "\(expected.count) families' databases are there and closed")) }
    // A family that is being provisioned, or was cancelled, has one that is not expected: only this is looked at.
    for database in there where !expected.contains(database.name) && database.connectionLimit == -2 {
        findings.append(
            .warn(subject, "database \(database.name) is half dropped", remedy: "DROP DATABASE \(database.name)"))
    }
    return findings
}
