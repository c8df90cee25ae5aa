// The checks that look into the PostgreSQL server and the families' databases.

internal import JobModel
internal import Logging
internal import Postgres
internal import Tenancy

extension DemoChecks {
    /// The server's catalog against `families`.
    func databasesAndRoles(of families: [SignedUp]) async throws -> Finding {
        let ledger = self.stage.ledger
        let databases = try await ledger.texts("SELECT datname FROM pg_database WHERE datname LIKE 'family\\_%'")
        let roles = try await ledger.texts("SELECT rolname FROM pg_roles WHERE rolname LIKE 'family\\_%'")
        let routedDatabases = try await ledger.texts("SELECT COALESCE(db_name, 'none: ' || slug) FROM families")
        let routedRoles = try await ledger.texts("SELECT COALESCE(db_user, 'none: ' || slug) FROM families")
        var wrong = Self.difference(databases, routedDatabases, "database")
        wrong += Self.difference(roles, routedRoles, "role")
        if routedDatabases.count != families.count { wrong.append("there are \(routedDatabases.count) families") }
        return .none(of: wrong, "\(databases.count) databases, \(roles.count) roles")
    }

    private static func difference(_ found: [String], _ routed: [String], _ what: String) -> [String] {
        Set(found).subtracting(routed).sorted().map { "\(what) \($0) is no family's" }
            + Set(routed).subtracting(found).sorted().map { "\(what) \($0) is missing" }
            + (Set(routed).count == routed.count ? [] : ["two families share a \(what)"])
    }

    func publicIsKeptOut() async throws -> Finding {
        let open = try await self.stage.ledger.texts(
            "SELECT datname FROM pg_database WHERE datname LIKE 'family\\_%' "
                + "AND has_database_privilege('public', oid, 'CONNECT')")
        return .none(of: open.map { "PUBLIC may connect to \($0)" })
    }

    /// Asks the catalog for every pair, and tries the door itself: each role at its own database and at the next one.
    func rolesKeepToTheirOwn(_ families: [SignedUp]) async throws -> Finding {
        var wrong = try await self.stage.ledger.texts(
            "SELECT db_user || ' may connect to ' || datname FROM families CROSS JOIN pg_database "
                + "WHERE datname LIKE 'family\\_%' AND has_database_privilege(db_user, oid, 'CONNECT') "
                + "AND datname <> db_name")
        let databases = try self.stage.tenancy().databases
        var configurations: [PostgresConfiguration] = []
        for family in families {
            configurations.append(try await databases.database(of: family.id, minimumSchemaVersion: 0).configuration)
        }
        for (index, own) in configurations.enumerated() {
            if let refusal = try await self.refusal(of: own) { wrong.append("\(own.user) at its own: \(refusal)") }
            var other = own
            other.database = configurations[(index + 1) % configurations.count].database
            switch try await self.refusal(of: other) {
            case .some(.insufficientPrivilege): continue
            case .some(let state): wrong.append("\(own.user) at \(other.database): \(state)")
            case nil: wrong.append("\(own.user) has connected to \(other.database)")
            }
        }
        return .none(of: wrong, "\(2 * families.count) doors tried")
    }

    /// How the server refuses a connection; nil: it does not.
    private func refusal(of configuration: PostgresConfiguration) async throws -> SQLState? {
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(configuration, logger: self.stage.logger)
            await connection.close()
            return nil
        } catch {
            guard let state = error.sqlState else { throw error }
            return state
        }
    }

    /// The version that the platform knows, and the one that the database itself records.
    func schemas(of families: [SignedUp], at version: Int) async throws -> Finding {
        let ledger = self.stage.ledger
        var wrong = try await ledger.texts(
            "SELECT slug || ' is at version ' || schema_version FROM families WHERE schema_version <> $1",
            [.int(version)])
        for database in try await ledger.texts("SELECT db_name FROM families") {
            var configuration = ledger.platform.configuration
            configuration.database = database
            let connection = try await PostgresConnection.connect(configuration, logger: self.stage.logger)
            do {
                let applied = try await connection.query(
                    "SELECT max(version) FROM schema_migrations WHERE state = 'applied'"
                ).first?.optionalInt(at: 0)
                let columns = try await connection.query(
                    "SELECT FROM information_schema.columns WHERE table_name = 'chores' AND column_name = 'praise'")
                if applied != version || columns.count != 1 {
                    wrong.append("\(database) is at version \(applied ?? 0), with \(columns.count) new columns")
                }
                await connection.close()
            } catch {
                await connection.close()
                throw error
            }
        }
        return .none(of: wrong)
    }

    /// Successes and effects, counted where they were written.
    func nothingTwice(_ families: [SignedUp], version: Int) async throws -> Finding {
        let ledger = self.stage.ledger
        // A success leaves no attempt behind; one that is recorded beside a later attempt would be a second one.
        var wrong = try await ledger.texts(
            "SELECT 'job ' || job_id || ' has succeeded before its last attempt' FROM job_attempts a "
                + "JOIN jobs j ON j.id = a.job_id WHERE a.outcome = 'succeeded' AND a.epoch < j.epoch")
        wrong += try await ledger.texts(
            "SELECT action || ' of ' || resource_id || ' is audited ' || count(*) || ' times' FROM audit_logs "
                + "WHERE action IN ('signup', 'family.provisioned', 'family.migrated') "
                + "GROUP BY action, resource_id, changes HAVING count(*) > 1")
        for action in ["signup", "family.provisioned", "family.migrated"] {
            let count = try await ledger.number("SELECT count(*) FROM audit_logs WHERE action = $1", [.text(action)])
            if count != families.count { wrong.append("\(count) times \(action)") }
        }
        wrong += try await ledger.texts(
            "SELECT 'one key has ' || count(*) || ' jobs: ' || idempotency_key FROM jobs "
                + "WHERE idempotency_key IS NOT NULL GROUP BY kind, family_id, idempotency_key HAVING count(*) > 1")
        for database in try await ledger.texts("SELECT db_name FROM families") {
            var configuration = ledger.platform.configuration
            configuration.database = database
            let connection = try await PostgresConnection.connect(configuration, logger: self.stage.logger)
            do {
                let doubles = try await connection.query(
                    "SELECT (SELECT count(*) - count(DISTINCT job_id) FROM job_inbox) "
                        + "+ (SELECT count(*) - count(DISTINCT name) FROM chore_categories) "
                        + "+ (SELECT count(*) - 1 FROM calendars) + (SELECT count(*) - 1 FROM users)"
                ).first?.int(at: 0)
                if doubles != 0 { wrong.append("\(database) has \(doubles ?? 0) row(s) too many") }
                await connection.close()
            } catch {
                await connection.close()
                throw error
            }
        }
        return .none(of: wrong, "successes, audit rows, idempotency keys, inboxes, first rows")
    }
}
