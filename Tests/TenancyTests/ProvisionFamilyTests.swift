// Provisioning on a real server: once, whatever breaks it off, and closed to everybody else.

import JobModel
import Postgres
import ProvisionFamilyWorker
import TestSupport
import Testing
import WorkerKit

@testable import Tenancy

@Suite struct ProvisionFamilyTests {
    private func provision(
        _ family: Family, _ job: JobID, on platform: TestPlatform, _ attempt: TestAttempt = TestAttempt()
    ) async throws -> ProvisionedFamily {
        try await platform.run(
            ProvisionFamily(family: family.id), as: ProvisionedFamily.self,
            with: ProvisionFamilyPlugin(tenancy: platform.tenancy), id: job, attempt: attempt)
    }

    /// What must be true of a family whose provisioning succeeded, however often it was tried.
    private func expectProvisioned(_ id: FamilyID, on platform: TestPlatform) async throws {
        let family = try await platform.family(id)
        #expect(family.status == .trial)
        #expect(family.schemaVersion == platform.tenancy.migrations.latestVersion)
        #expect(family.trialEndsAt != nil)
        let objects = try await platform.serverObjects(of: family)
        #expect(objects.databases == 1 && objects.roles == 1)
        #expect(
            try await platform.count(
                "SELECT count(*) FROM audit_logs WHERE family_id = $1 AND action = 'family.provisioned'",
                [.text(id.description)]) == 1)
        let database = try await platform.tenancy.databases.database(
            of: id, minimumSchemaVersion: platform.tenancy.migrations.latestVersion)
        let owners = try await database.query("SELECT display_name FROM users WHERE is_parent")
        #expect(try owners.map { try $0.string(at: 0) } == ["Ada"])
        #expect(try await database.query("SELECT count(*) FROM chore_categories").first?.int(at: 0) == 10)
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'job %' AND datname = $1"
        // A server process outlives its closed connection by a moment.
        try await eventually("the job's own connections are gone") {
            try await platform.count(sessions, [.text(family.databaseName)]) == 0
        }
    }

    @Test func `a family gets its own database, and the way to it`() async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            let result = try await self.provision(family, job, on: platform)
            #expect(result.schemaVersion == platform.tenancy.migrations.latestVersion)
            #expect(result.databaseName == "family_\(family.slug)")
            try await self.expectProvisioned(family.id, on: platform)
        }
    }

    @Test func `the application's role may work with rows and nothing else`() async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            _ = try await self.provision(family, job, on: platform)
            let database = try await platform.tenancy.databases.database(of: family.id, minimumSchemaVersion: 1)
            try await database.query("INSERT INTO job_inbox (job_id, kind, epoch) VALUES (gen_random_uuid(), 'k', 1)")
            try await database.query("INSERT INTO diagnostic_effects (job_id) VALUES (gen_random_uuid())")
            for statement in [
                "CREATE TABLE x ()", "DROP TABLE chores", "ALTER TABLE chores ADD x integer", "CREATE SCHEMA x",
                "DELETE FROM schema_migrations", "TRUNCATE chores", "CREATE TEMPORARY TABLE x ()",
            ] {
                let error = await #expect(throws: PostgresError.self, "\(statement)") {
                    try await database.query(statement)
                }
                #expect(error?.sqlState == .insufficientPrivilege, "\(statement)")
            }
        }
    }

    @Test func `another family's role, and PUBLIC, cannot connect`() async throws {
        try await TestPlatform.with { platform in
            let (first, firstJob) = try await platform.signUp()
            let (second, secondJob) = try await platform.signUp()
            _ = try await self.provision(first, firstJob, on: platform)
            _ = try await self.provision(second, secondJob, on: platform)
            let own = try await platform.tenancy.databases.database(of: first.id, minimumSchemaVersion: 1)
            var foreign = own.configuration
            foreign.database = try #require(try await platform.family(second.id).databaseName)
            await #expect(throws: PostgresError.self) {
                try await PostgresConnection.connect(foreign, logger: quietLogger)
            }
            let open = """
                SELECT count(*) FROM pg_database WHERE datname = $1 AND has_database_privilege('public', oid, 'CONNECT')
                """
            #expect(try await platform.count(open, [.text(foreign.database)]) == 0)
        }
    }

    @Test(arguments: 0...5)
    func `broken off at any stage, the next attempt ends with one database and one role`(stage: Int) async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            let attempt = TestAttempt()
            attempt.breakOff(atStage: stage)
            let broken = Task { try await self.provision(family, job, on: platform, attempt) }
            await #expect(throws: (any Error).self) { try await broken.value }
            #expect(attempt.stages.last == stage)
            #expect(try await platform.family(family.id).status == .provisioning)

            attempt.breakOff(atStage: nil)
            _ = try await self.provision(family, job, on: platform, attempt)
            try await self.expectProvisioned(family.id, on: platform)
        }
    }

    @Test func `broken off between an act and its record, or in the effect, it is done once`() async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            let attempt = TestAttempt()
            attempt.breakOffBeforeStepIsKept()
            await #expect(throws: TestAttempt.BrokenOff.self) {
                try await self.provision(family, job, on: platform, attempt)
            }
            attempt.breakOffBeforeCommit()
            await #expect(throws: TestAttempt.BrokenOff.self) {
                try await self.provision(family, job, on: platform, attempt)
            }
            #expect(try await platform.family(family.id).status == .provisioning)
            _ = try await self.provision(family, job, on: platform, attempt)
            try await self.expectProvisioned(family.id, on: platform)
        }
    }

    @Test func `a database that was made and not yet opened is opened`() async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            try await platform.database.withConnection { connection in
                try await connection.execute(
                    script: """
                        CREATE ROLE family_\(family.slug)_app;
                        COMMENT ON ROLE family_\(family.slug)_app IS 'chorewheel family \(family.id)';
                        """)
                try await connection.execute(
                    script: "CREATE DATABASE family_\(family.slug) TEMPLATE template0 ALLOW_CONNECTIONS false")
            }
            _ = try await self.provision(family, job, on: platform)
            try await self.expectProvisioned(family.id, on: platform)
        }
    }

    @Test func `a dead attempt's session that still holds the lock is ended`() async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            let attempt = TestAttempt()
            var dead = platform.database.configuration
            dead.applicationName = "job \(job) \(attempt.nextEpoch())"
            let holder = try await PostgresConnection.connect(dead, logger: quietLogger)
            try await holder.query(
                "SELECT pg_advisory_lock(hashtextextended($1, 0))", [.text("family database family_\(family.slug)")])
            _ = try await self.provision(family, job, on: platform, attempt)
            try await self.expectProvisioned(family.id, on: platform)
            await #expect(throws: PostgresError.self) { try await holder.query("SELECT 1") }
            await holder.close()
        }
    }

    @Test func `two jobs for one family make one database`() async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            let other = JobID(UUIDBytes(high: job.uuid.high, low: ~job.uuid.low))
            async let first = self.provision(family, job, on: platform)
            async let second = self.provision(family, other, on: platform)
            let results = try await [first, second]
            #expect(Set(results.map(\.databaseName)).count == 1)
            #expect(results.count { $0.milliseconds == 0 } == 1)
            try await self.expectProvisioned(family.id, on: platform)
        }
    }

    @Test func `a database or role of the name that is not the family's is left alone`() async throws {
        try await TestPlatform.with { platform in
            for script in ["CREATE DATABASE family_%", "CREATE ROLE family_%_app"] {
                let (family, job) = try await platform.signUp()
                let parts = script.split(separator: "%", omittingEmptySubsequences: false)
                try await platform.database.withConnection {
                    try await $0.execute(script: parts.joined(separator: family.slug))
                }
                let failure = await #expect(throws: JobFailure.self) {
                    try await self.provision(family, job, on: platform)
                }
                guard case .discard(let message) = failure else {
                    Issue.record("\(failure as Any)")
                    continue
                }
                #expect(message.contains("not this family's"))
            }
        }
    }

    @Test func `a family that was deleted is gone, and its job says so`() async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            try await platform.database.query(
                "UPDATE families SET deleted_at = now() WHERE id = $1", [.text(family.id.description)])
            let failure = await #expect(throws: JobFailure.self) { try await self.provision(family, job, on: platform) }
            guard case .familyGone = failure else {
                Issue.record("\(failure as Any)")
                return
            }
        }
    }

    @Test func `a family that paid while it was provisioned begins as its subscription says`() async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            try await platform.database.query(
                """
                INSERT INTO subscriptions (family_id, plan, status, amount_cents, stripe_subscription_id)
                VALUES ($1, 'premium', 'active', 1500, 'sub_1')
                """, [.text(family.id.description)])
            _ = try await self.provision(family, job, on: platform)
            #expect(try await platform.family(family.id).status == .active)
        }
    }

    @Test func `parked jobs of the family are due once it is ready`() async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            try await platform.database.query(
                """
                INSERT INTO job_dispatches (job_id, seq, due_at, parked_family_id)
                VALUES (gen_random_uuid(), 1, now() + interval '1 day', $1)
                """, [.text(family.id.description)])
            _ = try await self.provision(family, job, on: platform)
            let due = """
                SELECT count(*) FROM job_dispatches WHERE parked_family_id IS NOT NULL AND due_at <= clock_timestamp()
                """
            #expect(try await platform.count(due) == 1)
        }
    }

    @Test func `no plaintext password is in the steps, the rows or the server's catalog`() async throws {
        try await TestPlatform.with { platform in
            let (family, job) = try await platform.signUp()
            let attempt = TestAttempt()
            _ = try await self.provision(family, job, on: platform, attempt)
            let database = try await platform.tenancy.databases.database(of: family.id, minimumSchemaVersion: 1)
            let password = try #require(database.configuration.password)
            #expect(!attempt.keptSteps.contains(password))
            #expect(
                try await platform.count(
                    "SELECT count(*) FROM families f WHERE strpos(f::text, $1) > 0", [.text(password)]) == 0)
            let stored = try await platform.database.query(
                "SELECT rolpassword FROM pg_authid WHERE rolname = $1", [.text(database.configuration.user)])
            #expect(try stored.first?.string(at: 0).hasPrefix("SCRAM-SHA-256$4096:") == true)
        }
    }
}
