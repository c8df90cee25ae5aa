// Sign-up and look-up of families.

import JobModel
import JobQueue
import MigrateSchemaWorker
import Postgres
import ProvisionFamilyWorker
import TestSupport
import Testing
import WorkerKit

@testable import Tenancy

@Suite struct FamilyStoreTests {
    private func request(_ slug: String, email: String = "a@example.com", name: String = "The Smiths") throws -> SignUp
    {
        SignUp(slug: try Slug(validating: slug), name: name, ownerEmail: email)
    }

    @Test func `a sign-up makes family, owner, membership, audit row and job together`() async throws {
        try await TestPlatform.with { platform in
            let store = platform.tenancy.families
            let made = try await store.signUp(self.request("smith-nyc"))
            let family = try #require(try await store.family(slug: Slug(validating: "smith-nyc")))
            #expect(family.id == made.family)
            #expect(family.status == .provisioning)
            #expect(family.provisionJob == made.provisionJob)
            #expect(family.databaseName == nil)
            #expect(try await store.families(status: .provisioning).map(\.slug) == ["smith-nyc"])
            #expect(try await store.families(status: .active).isEmpty)
            for (table, expected) in [
                ("jobs WHERE kind = 'family.provision' AND queue = 'provisioning'", 1),
                ("job_dispatches", 1), ("family_memberships WHERE role = 'owner'", 1), ("audit_logs", 1), ("users", 1),
            ] {
                #expect(try await platform.count("SELECT count(*) FROM \(table)") == expected, "\(table)")
            }
        }
    }

    @Test func `an owner's account is reused, whatever the case of the address`() async throws {
        try await TestPlatform.with { platform in
            let first = try await platform.tenancy.families.signUp(self.request("one", email: "A@Example.com"))
            let second = try await platform.tenancy.families.signUp(self.request("two", email: "a@example.COM"))
            #expect(first.owner == second.owner)
            #expect(first.family != second.family)
        }
    }

    @Test func `a taken slug is refused in words, and nothing of the second sign-up stays`() async throws {
        try await TestPlatform.with { platform in
            _ = try await platform.tenancy.families.signUp(self.request("smith"))
            let error = await #expect(throws: TenancyError.self) {
                try await platform.tenancy.families.signUp(self.request("smith", email: "b@example.com"))
            }
            #expect(error?.code == .taken && error?.field == "slug")
            #expect(try await platform.count("SELECT count(*) FROM users") == 1)
            #expect(try await platform.count("SELECT count(*) FROM jobs") == 1)
        }
    }

    @Test func `the slug of a removed family is taken as long as its database is kept`() async throws {
        try await TestPlatform.with { platform in
            let first = try await platform.tenancy.families.signUp(self.request("smith"))
            try await platform.database.query(
                """
                UPDATE families SET deleted_at = now(), server_id = (SELECT id FROM database_servers LIMIT 1),
                    db_name = 'family_smith' WHERE id = $1::uuid
                """, [.text(first.family.description)])
            let error = await #expect(throws: TenancyError.self) {
                try await platform.tenancy.families.signUp(self.request("smith", email: "b@example.com"))
            }
            #expect(error?.code == .taken && error?.field == "slug")
            try await platform.database.query("UPDATE families SET server_id = NULL, db_name = NULL")
            _ = try await platform.tenancy.families.signUp(self.request("smith", email: "b@example.com"))
        }
    }

    @Test func `of many sign-ups for one slug at once exactly one wins`() async throws {
        try await TestPlatform.with { platform in
            let outcomes = await withTaskGroup(of: TenancyError.Code?.self) { group in
                for index in 0..<8 {
                    group.addTask {
                        do {
                            _ = try await platform.tenancy.families.signUp(
                                self.request("race", email: "r\(index)@example.com"))
                            return nil
                        } catch {
                            return (error as? TenancyError)?.code ?? .notFound
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == nil } == 1)
            #expect(outcomes.count { $0 == .taken } == 7)
            let families = try await platform.count("SELECT count(*) FROM families")
            #expect(families == 1)
        }
    }

    @Test func `the same sign-up sent again with its id gives the first answer`() async throws {
        try await TestPlatform.with { platform in
            var request = try self.request("again")
            request.id = FamilyID(UUIDBytes(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001))
            let first = try await platform.tenancy.families.signUp(request)
            #expect(try await platform.tenancy.families.signUp(request) == first)
            // What became of the family since then is not compared.
            try await platform.database.query("UPDATE families SET name = 'Renamed', plan = 'premium'")
            try await platform.database.query("UPDATE users SET email = 'b@example.com'")
            #expect(try await platform.tenancy.families.signUp(request) == first)
            let slug = try Slug(validating: "other")
            let changes: [@Sendable (inout SignUp) -> Void] = [
                { $0.slug = slug }, { $0.name = "Others" }, { $0.ownerEmail = "c@example.com" },
                { $0.ownerFirstName = "A" }, { $0.ownerLastName = "S" }, { $0.plan = "premium" },
            ]
            for change in changes {
                var other = request
                change(&other)
                let error = await #expect(throws: TenancyError.self) {
                    try await platform.tenancy.families.signUp(other)
                }
                #expect(error?.code == .taken && error?.field == "id", "\(other)")
            }
        }
    }

    @Test func `what sign-ups and fleet runs enqueue is what the workers' doors would take`() async throws {
        try await TestPlatform.with { platform in
            _ = try await platform.tenancy.families.signUp(self.request("smith"))
            try await platform.database.query(
                """
                UPDATE families SET status = 'trial', db_host = 'h', db_port = 1, db_name = 'd', db_user = 'u',
                    db_password_encrypted = 'x', schema_version = 0
                """)
            _ = try await platform.tenancy.startFleetRun()
            let schemas = [
                "family.provision": try #require(ProvisionFamily.payloadSchema),
                "family.migrate": try #require(MigrateSchema.payloadSchema),
            ]
            let jobs = try await platform.database.query("SELECT kind, payload::text AS payload FROM jobs")
            #expect(jobs.count == 2)
            for job in jobs {
                let schema = try #require(schemas[try job.string("kind")])
                #expect(schema.contains("\"additionalProperties\":false"))
                try PayloadSchema.check(Array(try job.string("payload").utf8), against: schema)
            }
        }
    }

    @Test func `the SQL function has the rules of the Swift types`() async throws {
        try await TestPlatform.with { platform in
            for (slug, name, email, plan, field) in [
                ("api", "N", "a@b", "free", "slug"), ("a", "N", "a@b", "free", "slug"),
                ("a-b-c", "N", "a@b", "free", "slug"), ("Ab", "N", "a@b", "free", "slug"),
                (String(repeating: "a", count: 51), "N", "a@b", "free", "slug"), ("ok", " ", "a@b", "free", "name"),
                ("ok", String(repeating: "n", count: 101), "a@b", "free", "name"),
                ("ok", "N", "ab", "free", "owner_email"),
                ("ok", "N", "a@b@c", "free", "owner_email"), ("ok", "N", "a@b", "gold", "plan"),
            ] {
                let error = await #expect(throws: PostgresError.self) {
                    try await platform.database.query(
                        "SELECT sign_up_family($1, $2, $3, plan => $4)",
                        [.text(slug), .text(name), .text(email), .text(plan)])
                }
                #expect(error?.sqlState == "CW002" && error?.hint == field, "\(slug) \(name) \(email) \(plan)")
            }
            let families = try await platform.count("SELECT count(*) FROM families")
            #expect(families == 0)
        }
    }

    @Test func `the table refuses what the function would`() async throws {
        try await TestPlatform.with { platform in
            for slug in ["api", "a-b-c", "a", "-a"] {
                let error = await #expect(throws: PostgresError.self) {
                    try await platform.database.query(
                        "INSERT INTO families (slug, name) VALUES ($1, 'N')", [.text(slug)])
                }
                #expect(error?.sqlState == .checkViolation)
            }
            let halfRouted = await #expect(throws: PostgresError.self) {
                try await platform.database.query(
                    "INSERT INTO families (slug, name, status, db_name) VALUES ('ok', 'N', 'trial', 'family_ok')")
            }
            #expect(halfRouted?.constraint == "families_route_complete")
        }
    }

    @Test func `platform figures are unique although their family is NULL`() async throws {
        try await TestPlatform.with { platform in
            let insert = """
                INSERT INTO platform_analytics (metric_date, metric_name, metric_value) VALUES ('2026-01-01', 'm', 1)
                """
            try await platform.database.query(insert)
            let error = await #expect(throws: PostgresError.self) { try await platform.database.query(insert) }
            #expect(error?.constraint == "platform_analytics_once")
        }
    }

    @Test func `an audit row is never changed, and outlives its family`() async throws {
        try await TestPlatform.with { platform in
            let made = try await platform.tenancy.families.signUp(self.request("smith"))
            await #expect(throws: PostgresError.self) {
                try await platform.database.query("UPDATE audit_logs SET action = 'nothing'")
            }
            try await platform.database.query("DELETE FROM families WHERE id = $1", [.text(made.family.description)])
            #expect(try await platform.count("SELECT count(*) FROM audit_logs WHERE family_id IS NOT NULL") == 1)
        }
    }

    @Test func `a family's jobs are parked while it is provisioned, and dead when it is gone`() async throws {
        try await TestPlatform.with { platform in
            let family = try await platform.signUp().family
            let databases = platform.tenancy.databases
            let parked = await #expect(throws: JobFailure.self) {
                try await databases.database(of: family.id, minimumSchemaVersion: 0)
            }
            guard case .notReady(.familyNotReady, _) = parked else {
                Issue.record("\(parked as Any)")
                return
            }
            try await platform.database.query(
                "UPDATE families SET status = 'cancelled' WHERE id = $1", [.text(family.id.description)])
            for id in [family.id, FamilyID(UUIDBytes(high: 9, low: 9))] {
                let gone = await #expect(throws: JobFailure.self) {
                    try await databases.database(of: id, minimumSchemaVersion: 0)
                }
                guard case .familyGone = gone else {
                    Issue.record("\(gone as Any)")
                    return
                }
            }
        }
    }

    @Test func `a private server back on another port is followed, and stays one row`() async throws {
        try await TestPlatform.with { platform in
            let family = try await platform.signUp().family
            _ = try await platform.tenancy.place(family, logger: quietLogger)
            let own = platform.database.configuration.port
            try await platform.database.query("UPDATE database_servers SET port = 1")
            try await platform.database.query("UPDATE families SET db_port = 1")
            try await platform.tenancy.bootstrap()
            try await platform.tenancy.bootstrap()
            #expect(try await platform.count("SELECT port FROM database_servers") == own)
            #expect(try await platform.count("SELECT db_port FROM families") == own)
            #expect(try await platform.count("SELECT count(*) FROM database_servers") == 1)
        }
    }

    @Test func `placement takes the emptiest server, keeps to its choice, and says when all are full`() async throws {
        try await TestPlatform.with { platform in
            try await platform.database.query(
                "INSERT INTO database_servers (name, host, port, max_databases) VALUES ('second', 'db2', 5432, 1)")
            try await platform.database.query("UPDATE database_servers SET max_databases = 1 WHERE name = 'platform'")
            let families = [
                try await platform.signUp().family, try await platform.signUp().family,
                try await platform.signUp().family,
            ]
            let first = try await platform.tenancy.place(families[0], logger: quietLogger).0
            let again = try await platform.tenancy.place(families[0], logger: quietLogger).0
            let second = try await platform.tenancy.place(families[1], logger: quietLogger).0
            #expect(first.id == again.id && first.id != second.id)
            let error = await #expect(throws: TenancyError.self) {
                try await platform.tenancy.place(families[2], logger: quietLogger)
            }
            #expect(error?.code == .fleetFull)
        }
    }
}
