// PostgreSQL: reachable, new enough, durable, with room and rights. What it answers is read into `PostgresFacts`; what
// that means is decided there, purely.

internal import Postgres
internal import Tenancy

extension Examination {
    func checkPostgres() async throws -> [Finding] {
        let platform = self.platform
        let names = [
            "server_version_num", "server_version", "fsync", "synchronous_commit", "full_page_writes",
            "max_connections",
            "superuser_reserved_connections",
        ]
        var settings: [String: String] = [:]
        let rows = try await platform.query(
            "SELECT name, setting FROM pg_settings WHERE name = ANY ($1)", [.array(names)])
        for row in rows {
            settings[try row.string("name")] = try row.string("setting")
        }
        func number(_ name: String) -> Int { settings[name].flatMap { Int($0) } ?? 0 }
        let connections = try await platform.query(
            "SELECT count(*), pg_is_in_recovery() FROM pg_stat_activity WHERE backend_type = 'client backend'")
        let roles = try await platform.query(
            "SELECT rolname, rolsuper OR rolcreatedb AS creates_databases, rolsuper OR rolcreaterole AS creates_roles "
                + "FROM pg_roles WHERE rolname = current_user")
        guard let role = roles.first, let use = connections.first else {
            throw UnexpectedAnswer("the catalog does not have the current user")
        }
        return PostgresFacts(
            version: number("server_version_num"), versionName: settings["server_version"] ?? "unknown",
            fsync: settings["fsync"] ?? "unknown", synchronousCommit: settings["synchronous_commit"] ?? "unknown",
            fullPageWrites: settings["full_page_writes"] ?? "unknown",
            connectionsMax: number("max_connections") - number("superuser_reserved_connections"),
            connections: try use.int(at: 0), isStandby: try use.bool(at: 1),
            access: try await PlatformAccess(of: platform),
            createsDatabases: try role.bool("creates_databases"), createsRoles: try role.bool("creates_roles")
        ).findings(poolMax: PostgresPoolLimits().perServer)
    }
}

/// What PostgreSQL says of itself.
struct PostgresFacts: Sendable, Hashable {
    /// `server_version_num`: 150004.
    var version: Int
    var versionName: String
    var fsync: String
    var synchronousCommit: String
    var fullPageWrites: String
    /// For ordinary users.
    var connectionsMax: Int
    var connections: Int
    var isStandby: Bool
    var access: PlatformAccess
    var createsDatabases: Bool
    var createsRoles: Bool

    /// UNIQUE NULLS NOT DISTINCT, which the platform's schema uses, came with 15.
    static let versionMin = 150_000

    /// - Parameter poolMax: How many connections one process may open to a server.
    func findings(poolMax: Int) -> [Finding] {
        var findings: [Finding] = []
        findings.append(
            self.version >= Self.versionMin
                ? .ok("postgres", "version \(self.versionName)")
                : .fail(
                    "postgres", "version \(self.versionName) is too old", remedy: "use PostgreSQL 15 or newer",
                    cause: .configuration))
        if self.isStandby {
            findings.append(
                .fail(
                    "postgres", "is a standby: nothing can be written", remedy: "let DATABASE_URL name the primary",
                    cause: .configuration))
        }
        for (setting, value) in [("fsync", self.fsync), ("full_page_writes", self.fullPageWrites)] where value != "on" {
            findings.append(
                .fail(
                    "postgres", "\(setting) is \(value): a crash of the machine can destroy every database",
                    remedy: "set \(setting) = on in postgresql.conf and reload", cause: .configuration))
        }
        if self.synchronousCommit == "off" {
            findings.append(
                .warn(
                    "postgres",
                    "synchronous_commit is off: a crash may lose the last enqueues, though they were "
                        + "acknowledged", remedy: "set synchronous_commit = on"))
        }
        if self.fsync == "on", self.fullPageWrites == "on", self.synchronousCommit != "off" {
            findings.append(.ok("postgres", "commits are durable (fsync, full_page_writes, synchronous_commit)"))
        }
        findings += self.connectionFindings(poolMax: poolMax) + self.rightFindings + [self.opennessFinding]
        return findings
    }

    private func connectionFindings(poolMax: Int) -> [Finding] {
        let use = "\(self.connections) of \(self.connectionsMax) connections in use"
        if self.connections * 10 >= self.connectionsMax * 8 {
            return [.warn("postgres", use, remedy: "raise max_connections, or run fewer processes")]
        }
        if self.connectionsMax < poolMax {
            return [
                .warn(
                    "postgres", "\(use); one process may open \(poolMax)",
                    remedy: "raise max_connections above \(poolMax) for each worker and API process")
            ]
        }
        return [.ok("postgres", use)]
    }

    /// Nothing is readable to who connects (no table is granted to PUBLIC), so it is no failure; but a family's
    /// password should open the family's database alone.
    private var opennessFinding: Finding {
        guard self.access.isOpenToPublic else {
            return .ok("postgres", "database \(self.access.database) is closed to PUBLIC")
        }
        return .warn(
            "postgres",
            "PUBLIC may connect to the platform's database \(self.access.database): every family's role may",
            remedy: self.access.closing)
    }

    private var rightFindings: [Finding] {
        let missing = [self.createsDatabases ? nil : "CREATEDB", self.createsRoles ? nil : "CREATEROLE"]
            .compactMap { $0 }
        guard missing.isEmpty else {
            return [
                .warn(
                    "postgres",
                    "role \(self.access.role) lacks \(missing.joined(separator: " and ")): it cannot make "
                        + "families' databases on this server",
                    remedy:
                        "ALTER ROLE \(self.access.role) \(missing.joined(separator: " ")); or give database_servers an "
                        + "admin_user that may")
            ]
        }
        return [.ok("postgres", "role \(self.access.role) may create databases and roles")]
    }
}
