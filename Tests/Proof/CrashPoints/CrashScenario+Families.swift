// The kinds that make, migrate and measure families' databases.

internal import JobModel
internal import JobQueue
internal import Postgres
internal import QueueTestSupport

extension CrashScenario {
    static let families: [CrashScenario] = [
        CrashScenario(kind: "family.provision") { stack, arm in
            arm()
            let family = try await CrashFamily.signUp(on: stack)
            return CrashSubject(
                durable: [family.job: .succeeded], check: { try await $0.provisionedOnce(family) },
                cleanUp: { try await family.drop(on: $0) })
        },
        CrashScenario(kind: "family.migrate") { stack, arm in
            let family = try await stack.sharedFamily()
            try await stack.putBack(family)
            arm()
            let id = try await stack.enqueue("family.migrate", family: family.id)
            return CrashSubject(durable: [id: .succeeded], check: { try await $0.migratedOnce(family, by: id) })
        },
        CrashScenario(kind: "family.compute_stats") { stack, arm in
            let family = try await stack.sharedFamily()
            try await stack.queue.platform.query("DELETE FROM family_usage_metrics")
            try await stack.queue.platform.query("DELETE FROM platform_analytics")
            arm()
            let id = try await stack.enqueue("family.compute_stats", family: family.id)
            return CrashSubject(
                durable: [id: .succeeded],
                check: { stack in
                    try await stack.expect(
                        1...1, "days of the family", "I3",
                        "SELECT count(*) FROM family_usage_metrics WHERE family_id = $1::uuid AND member_count = 1",
                        [.text(family.id.description)])
                        + stack.expect(
                            3...3, "figures of the family", "I3",
                            "SELECT count(*) FROM platform_analytics WHERE family_id = $1::uuid",
                            [.text(family.id.description)])
                })
        },
        CrashScenario(kind: "platform.compute_stats") { stack, arm in
            _ = try await stack.sharedFamily()
            try await stack.queue.platform.query("DELETE FROM platform_analytics")
            arm()
            let id = try await stack.enqueue("platform.compute_stats")
            return CrashSubject(
                durable: [id: .succeeded],
                check: { stack in
                    try await stack.expect(
                        1...1, "counts of all families", "I3",
                        """
                        SELECT count(*) FROM platform_analytics
                        WHERE metric_name = 'total_families' AND plan IS NULL AND metric_value >= 1
                        """, [])
                        + stack.expect(
                            0...0, "figures that are there twice", "I3",
                            """
                            SELECT count(*) - count(DISTINCT (metric_date, metric_name, family_id, plan))
                            FROM platform_analytics
                            """, [])
                })
        },
    ]
}

extension CrashStack {
    /// One role, one database, every migration once, the first rows once; and its own role can use it.
    fileprivate func provisionedOnce(_ family: CrashFamily) async throws -> [Violation] {
        let id = PostgresValue.text(family.id.description)
        let name = PostgresValue.text(family.databaseName)
        let role = PostgresValue.text(family.roleName)
        var found = try await self.expect(
            1...1, "families on trial", "I3",
            "SELECT count(*) FROM families WHERE id = $1::uuid AND status = 'trial' AND db_name = $2 AND db_user = $3",
            [id, name, role])
        found += try await self.expect(
            1...1, "databases", "I3",
            "SELECT count(*) FROM pg_database WHERE datname = $1 AND datallowconn AND datconnlimit <> -2", [name])
        found += try await self.expect(
            1...1, "roles", "I3", "SELECT count(*) FROM pg_roles WHERE rolname = $1 AND rolcanlogin", [role])
        found += try await self.expect(
            1...1, "audit rows", "I3",
            "SELECT count(*) FROM audit_logs WHERE family_id = $1::uuid AND action = 'family.provisioned'", [id])
        guard found.isEmpty else { return found }
        let database = try self.database(family.databaseName)
        found += try await self.currentOnce(database)
        found += try await self.expect(
            1...1, "owners", "I3", "SELECT count(*) FROM users WHERE is_parent", [], in: database)
        found += try await self.expect(1...1, "calendars", "I3", "SELECT count(*) FROM calendars", [], in: database)
        // With the password that was kept.
        let effect = try await self.enqueue("diagnostic.effect", family: family.id)
        try await self.queue.wait(for: effect, toBe: .succeeded, within: .seconds(30))
        return try await found + self.oneEffect(of: effect, family)
    }

    /// Every migration is applied, none is half done.
    private func currentOnce(_ database: PostgresDatabase) async throws -> [Violation] {
        try await self.expect(
            0...0, "migrations missing or unfinished", "I3",
            """
            SELECT count(*) FILTER (WHERE state <> 'applied') + abs(max(version) - count(*)) + abs(max(version) - 11)
            FROM schema_migrations
            """, [], in: database)
            + self.expect(
                3...3, "indexes of the last migration that are whole", "I3",
                """
                SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid
                AND c.relname IN ('messages_sender', 'activity_log_user', 'activity_log_occurred')
                """, [], in: database)
    }

    /// Takes the last two migrations back, one with and one without a transaction.
    fileprivate func putBack(_ family: CrashFamily) async throws {
        let database = try self.database(family.databaseName)
        try await database.withConnection { connection in
            try await connection.execute(
                script: """
                    DROP INDEX IF EXISTS messages_sender, activity_log_user, activity_log_occurred;
                    DROP TABLE IF EXISTS diagnostic_effects;
                    DELETE FROM schema_migrations WHERE version >= 10;
                    """)
        }
        try await self.queue.platform.query(
            "UPDATE families SET schema_version = 9 WHERE id = $1::uuid", [.text(family.id.description)])
    }

    fileprivate func migratedOnce(_ family: CrashFamily, by job: JobID) async throws -> [Violation] {
        try await self.currentOnce(self.database(family.databaseName))
            + self.expect(
                11...11, "the family's version", "I3", "SELECT schema_version FROM families WHERE id = $1::uuid",
                [.text(family.id.description)])
            // None when a crash came between the migration and its record: the next attempt finds nothing to do.
            + self.expect(
                0...1, "audit rows", "I3", "SELECT count(*) FROM audit_logs WHERE job_id = $1::uuid",
                [.text(job.description)])
    }
}
