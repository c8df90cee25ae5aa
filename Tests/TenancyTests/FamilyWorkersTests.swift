// The migrate and statistics handlers on real databases.

import JobModel
import MigrateSchemaWorker
import Postgres
import ProvisionFamilyWorker
import TestSupport
import Testing
import WorkerKit

@testable import ComputeStatsWorker
@testable import Tenancy

/// A provisioned family.
private func provisionedFamily(on platform: TestPlatform) async throws -> Family {
    let (family, job) = try await platform.signUp()
    _ = try await platform.run(
        ProvisionFamily(family: family.id), as: ProvisionedFamily.self,
        with: ProvisionFamilyPlugin(tenancy: platform.tenancy), id: job, attempt: TestAttempt())
    return try await platform.family(family.id)
}

private func anyJob() -> JobID {
    JobID(UUIDBytes(high: .random(in: .min ... .max), low: .random(in: .min ... .max)))
}

@Suite struct MigrateSchemaTests {
    /// The family's migrations, and one more.
    private static func newerSet(up: String = "CREATE TABLE extras (id integer);") throws -> MigrationSet {
        let set = try MigrationSet(directory: migrationsDirectory("family"))
        var files: [String: String] = [:]
        for migration in set.migrations {
            files[migration.up.fileName] = migration.up.text
            files[migration.down.fileName] = migration.down.text
        }
        let number = String("000\(set.latestVersion + 1)".suffix(4))
        files["\(number)_make_extras.up.sql"] = up
        files["\(number)_make_extras.down.sql"] = "DROP TABLE extras;"
        return try migrationSet(files)
    }

    /// The same platform as a worker of a newer version sees it.
    private func newer(_ platform: TestPlatform, _ set: MigrationSet) -> TestPlatform {
        TestPlatform(
            tenancy: Tenancy(platform: platform.database, secrets: platform.tenancy.secrets, migrations: set))
    }

    private func migrate(
        _ family: Family, _ job: MigrateSchema = .init(), on platform: TestPlatform, id: JobID = anyJob(),
        _ attempt: TestAttempt = TestAttempt()
    ) async throws -> MigratedFamily {
        try await platform.run(
            job, as: MigratedFamily.self,
            with: MigrateSchemaPlugin(tenancy: platform.tenancy, options: hastyOptions), target: .family(family.id),
            id: id, attempt: attempt)
    }

    @Test func `a fleet run migrates every family, and its status says so`() async throws {
        try await TestPlatform.with { old in
            let families = [try await provisionedFamily(on: old), try await provisionedFamily(on: old)]
            let platform = self.newer(old, try Self.newerSet())
            let target = platform.tenancy.migrations.latestVersion
            let run = try await platform.tenancy.startFleetRun(startedBy: "a test")
            #expect(run.families == 2 && run.targetVersion == target)
            #expect(try await platform.tenancy.fleetRunStatus(run.id).count(.pending) == 2)
            for entry in try await platform.tenancy.fleetRunStatus(run.id).families {
                let family = try #require(families.first { $0.id == entry.family })
                let result = try await self.migrate(
                    family, .init(toVersion: target, fleetRun: run.id), on: platform, id: entry.job)
                #expect(result.fromVersion == target - 1 && result.toVersion == target)
            }
            let status = try await platform.tenancy.fleetRunStatus(run.id)
            #expect(status.isOver && status.count(.succeeded) == 2)
            #expect(try await platform.family(families[0].id).schemaVersion == target)
            // The application's role may use what the migration made.
            let database = try await platform.tenancy.databases.database(
                of: families[0].id, minimumSchemaVersion: target)
            try await database.query("INSERT INTO extras VALUES (1)")
            #expect(try await platform.tenancy.startFleetRun().families == 0)
        }
    }

    @Test func `a job whose kill came before its record finds the database current`() async throws {
        try await TestPlatform.with { old in
            let family = try await provisionedFamily(on: old)
            let platform = self.newer(old, try Self.newerSet())
            let attempt = TestAttempt()
            attempt.breakOffBeforeCommit()
            let id = anyJob()
            await #expect(throws: TestAttempt.BrokenOff.self) {
                try await self.migrate(family, on: platform, id: id, attempt)
            }
            let result = try await self.migrate(family, on: platform, id: id, attempt)
            #expect(result.fromVersion == result.toVersion)
            #expect(try await platform.family(family.id).schemaVersion == platform.tenancy.migrations.latestVersion)
            // What the killed attempt did is in the audit, and only once.
            let audited = try await platform.database.query(
                """
                SELECT changes->'schema_version'->>0 AS before, changes->'schema_version'->>1 AS after FROM audit_logs
                WHERE action = 'family.migrated' AND family_id = $1::uuid
                """, [.text(family.id.description)])
            #expect(audited.count == 1)
            #expect(try audited.first?.string("before") == "\(result.toVersion - 1)")
            #expect(try audited.first?.string("after") == "\(result.toVersion)")
        }
    }

    @Test func `a lock in the way snoozes the job and is noted in the run`() async throws {
        try await TestPlatform.with { old in
            let family = try await provisionedFamily(on: old)
            let platform = self.newer(old, try Self.newerSet(up: "ALTER TABLE chores ADD x integer;"))
            let run = try await platform.tenancy.startFleetRun()
            let entry = try #require(try await platform.tenancy.fleetRunStatus(run.id).families.first)
            let database = try await platform.tenancy.databases.database(of: family.id, minimumSchemaVersion: 1)
            try await database.transaction { other in
                try await other.query("SELECT count(*) FROM chores")
                let failure = await #expect(throws: JobFailure.self) {
                    try await self.migrate(family, .init(fleetRun: run.id), on: platform, id: entry.job)
                }
                guard case .snooze = failure else {
                    Issue.record("\(failure as Any)")
                    return
                }
            }
            let status = try await platform.tenancy.fleetRunStatus(run.id)
            #expect(status.count(.deferred) == 1 && status.families.first?.note?.contains("lock") == true)
        }
    }

    @Test func `a migration that fails, and a schema that drifted, end the job with the reason`() async throws {
        try await TestPlatform.with { old in
            let family = try await provisionedFamily(on: old)
            let broken = self.newer(old, try Self.newerSet(up: "SELECT nothing;"))
            let failed = await #expect(throws: JobFailure.self) { try await self.migrate(family, on: broken) }
            guard case .discard = failed else {
                Issue.record("\(failed as Any)")
                return
            }

            var administration = old.database.configuration
            administration.database = try #require(family.databaseName)
            try await PostgresDatabase(pool: old.database.pool, configuration: administration)
                .query("CREATE TABLE by_hand (id integer)")
            let platform = self.newer(old, try Self.newerSet())
            let drifted = await #expect(throws: JobFailure.self) { try await self.migrate(family, on: platform) }
            guard case .discard(let message) = drifted else {
                Issue.record("\(drifted as Any)")
                return
            }
            #expect(message.contains("changed it by hand"))
        }
    }

    @Test func `a worker without the files for a version leaves the job to a newer one`() async throws {
        try await TestPlatform.with { platform in
            let family = try await provisionedFamily(on: platform)
            let failure = await #expect(throws: JobFailure.self) {
                try await self.migrate(family, .init(toVersion: 999), on: platform)
            }
            guard case .notReady = failure else {
                Issue.record("\(failure as Any)")
                return
            }
        }
    }

    @Test func `a handler that needs a newer schema has its job parked`() async throws {
        try await TestPlatform.with { platform in
            let family = try await provisionedFamily(on: platform)
            let failure = await #expect(throws: JobFailure.self) {
                try await platform.tenancy.databases.database(of: family.id, minimumSchemaVersion: 999)
            }
            guard case .notReady(.schemaTooOld, _) = failure else {
                Issue.record("\(failure as Any)")
                return
            }
        }
    }
}

@Suite struct ComputeStatsTests {
    private func compute(_ family: Family, day: String? = nil, on platform: TestPlatform) async throws -> FamilyStats {
        try await platform.run(
            ComputeFamilyStats(day: day), as: FamilyStats.self, with: ComputeStatsPlugin(), target: .family(family.id),
            id: anyJob(), attempt: TestAttempt())
    }

    private func computePlatform(day: String, on platform: TestPlatform) async throws -> PlatformStats {
        try await platform.run(
            ComputePlatformStats(day: day), as: PlatformStats.self, with: ComputeStatsPlugin(), id: anyJob(),
            attempt: TestAttempt())
    }

    @Test func `figures are those of the day, and the same however often they are computed`() async throws {
        try await TestPlatform.with { platform in
            let family = try await provisionedFamily(on: platform)
            let database = try await platform.tenancy.databases.database(of: family.id, minimumSchemaVersion: 1)
            try await database.transaction { connection in
                try await connection.query(
                    """
                    INSERT INTO users (username, display_name) VALUES ('kim', 'Kim')
                    """)
                try await connection.query("INSERT INTO chores (title) VALUES ('Dishes')")
                try await connection.query(
                    """
                    INSERT INTO assignments (chore_id, assigned_to, status, completed_at)
                    SELECT c.id, u.id, 'completed', d.at FROM chores c, users u,
                        (VALUES (timestamptz '2026-03-30 23:59:59Z'), ('2026-03-31 00:00:00Z'),
                                ('2026-03-31 12:00:00Z'), ('2026-04-01 00:00:00Z')) AS d (at)
                    WHERE u.username = 'kim'
                    """)
                try await connection.query(
                    """
                    INSERT INTO activity_log (user_id, action, occurred_at)
                    SELECT id, 'opened', '2026-03-31 08:00:00Z' FROM users WHERE username = 'kim'
                    """)
            }
            let first = try await self.compute(family, day: "2026-03-31", on: platform)
            #expect(first.memberCount == 2 && first.activeUsers == 1 && first.choresCompleted == 2)
            #expect(first.lastActivityAt == "2026-03-31T08:00:00.000000Z")
            #expect(first.storageBytes > 1_000_000)
            let second = try await self.compute(family, day: "2026-03-31", on: platform)
            #expect(second.choresCompleted == 2)

            let row = try await platform.family(family.id)
            #expect(row.memberCount == 2 && row.storageUsedMB > 0 && row.lastActivityAt == "2026-03-31T08:00:00.000Z")
            #expect(try await platform.count("SELECT count(*) FROM family_usage_metrics") == 1)
            let metrics = "SELECT count(*) FROM platform_analytics WHERE family_id IS NOT NULL"
            #expect(try await platform.count(metrics) == 3)
            let stored = "SELECT metric_value::int FROM platform_analytics WHERE metric_name = 'chores_completed_daily'"
            #expect(try await platform.count(stored) == 2)
        }
    }

    @Test func `the platform's figures are sums over the day, written once`() async throws {
        try await TestPlatform.with { platform in
            for _ in 0..<2 {
                let family = try await provisionedFamily(on: platform)
                _ = try await self.compute(family, day: "2026-03-31", on: platform)
                try await platform.database.query(
                    """
                    INSERT INTO subscriptions (family_id, plan, status, amount_cents)
                    VALUES ($1, 'premium', 'active', 1500)
                    """, [.text(family.id.description)])
            }
            _ = try await platform.signUp()
            _ = try await self.computePlatform(day: "2026-03-31", on: platform)
            let stats = try await self.computePlatform(day: "2026-03-31", on: platform)
            #expect(stats.metrics["total_families"] == 2)
            #expect(stats.metrics["revenue_mrr"] == 30)
            #expect(stats.metrics["active_users_daily"] == 0)
            #expect(
                Set(stats.metrics.keys) == [
                    "total_families", "revenue_mrr", "active_users_daily", "chores_completed_daily", "storage_used_gb",
                ])
            #expect(
                try await platform.count(
                    "SELECT count(*) FROM platform_analytics WHERE family_id IS NULL AND plan IS NULL") == 5)
        }
    }

    @Test(arguments: ["yesterday", "2026-3-31", "2026-13-01", "2026-03-32", "2026-03-31T00:00:00Z", ""])
    func `a day that is none ends the job with the reason`(day: String) {
        #expect(throws: JobFailure.discard("payload.day must be a date, YYYY-MM-DD")) { try checkedDay(day) }
    }
}
