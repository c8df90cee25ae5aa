// The commands on real servers: exit codes, JSON, and what is true in the database afterwards.

import JobModel
import JobQueue
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct CommandTests {
    @Test func `before the migration every command says what to do, and the plan changes nothing`() async throws {
        try await CommandPlatform.with(migrated: false) { platform async throws in
            let list = try await platform.run("jobs", "list", "--json")
            #expect(list.exit == 78)
            #expect(list.output.isEmpty)
            #expect(try list.failure()?["message"]?.string?.contains("migrate platform") == true)
            let plan = try await platform.run("migrate", "platform", "--plan", "--json")
            #expect(plan.exit == 0)
            #expect(try plan.document()["current"] == .number(0))
            let status = try await platform.run("migrate", "status", "--json")
            #expect(try status.document()["platform"]?["version"] == .number(0))
            #expect(try await platform.run("doctor").exit == 78)
        }
    }

    @Test func `migrating twice does it once, and makes the platform's server the fleet`() async throws {
        try await CommandPlatform.with { platform async throws in
            let again = try await platform.run("migrate", "platform", "--json")
            #expect(again.exit == 0)
            #expect(try again.document()["steps"] == .array([]))
            #expect(try await platform.count("SELECT count(*) FROM database_servers") == 1)
            let status = try await platform.run("migrate", "status", "--json").document()
            #expect(status["platform"]?["version"] == status["platform"]?["latest"])
        }
    }

    @Test func `the doctor passes a migrated platform, with warnings`() async throws {
        try await CommandPlatform.with { platform async throws in
            let doctor = try await platform.run("doctor", "--json")
            #expect(doctor.exit == 0, "\(doctor.output)")
            #expect(try doctor.document()["status"] == .string("warn"))
        }
    }

    @Test func `the doctor finds a job that nothing would wake`() async throws {
        try await CommandPlatform.with { platform async throws in
            try await platform.register(kind: "drill.noop")
            #expect(try await platform.run("enqueue", "drill.noop", "--delay", "100").exit == 0)
            try await platform.database.query("DELETE FROM job_dispatches")
            let doctor = try await platform.run("doctor", "--json")
            #expect(doctor.exit == 70)
            #expect(doctor.output.contains("without a ticket"))
        }
    }

    @Test func `a job is enqueued, listed, shown, cancelled and retried`() async throws {
        try await CommandPlatform.with { platform async throws in
            try await platform.register(kind: "drill.noop")
            let enqueued = try await platform.run(
                "enqueue", "drill.noop", "--payload", #"{"a": 1}"#, "--priority", "high", "--json")
            #expect(enqueued.exit == 0, "\(enqueued.error)")
            let id = try #require(try enqueued.document()["id"]?.string)
            #expect(try enqueued.document()["replayed"] == .bool(false))
            let list = try await platform.run("jobs", "list", "--kind", "drill.noop", "--json").document()
            let jobs = try #require(list["jobs"]?.elements)
            #expect(jobs.map { $0["id"]?.string } == [id])
            let shown = try await platform.run("jobs", "show", id, "--json").document()
            #expect(shown["payload"]?["a"] == .number(1))
            #expect(shown["priority"] == .string("high"))
            #expect(shown["state"] == .string("available"))
            #expect(try await platform.run("jobs", "cancel", id).exit == 0)
            let again = try await platform.run("jobs", "cancel", id, "--json")
            #expect(again.exit == 65)
            #expect(try again.failure()?["field"] == .string("state"))
            #expect(try await platform.run("jobs", "retry", id).exit == 0)
            #expect(try await platform.count("SELECT count(*) FROM jobs WHERE state = 'available'") == 1)
        }
    }

    @Test func `the same key gives the same job, and another payload is refused`() async throws {
        try await CommandPlatform.with { platform async throws in
            try await platform.register(kind: "drill.noop")
            let first = try await platform.run("enqueue", "drill.noop", "--idempotency-key", "k", "--json")
            let second = try await platform.run("enqueue", "drill.noop", "--idempotency-key", "k", "--json")
            #expect(try first.document()["id"] == second.document()["id"])
            #expect(try second.document()["replayed"] == .bool(true))
            let other = try await platform.run(
                "enqueue", "drill.noop", "--idempotency-key", "k", "--payload", "{\"a\":1}", "--json")
            #expect(other.exit == 65)
            #expect(try other.failure()?["existing_job_id"] == first.document()["id"])
        }
    }

    @Test func `bad input is refused in words, and nothing is enqueued`() async throws {
        try await CommandPlatform.with { platform async throws in
            try await platform.register(
                kind: "drill.sleep", target: .platform,
                schema: #"{"type":"object","properties":{"seconds":{"type":"number"}},"required":["seconds"]}"#)
            for (arguments, exit, field) in [
                (["drill.unknown"], 65, "kind"), (["drill.sleep", "{"], 65, "payload"),
                (["drill.sleep", #"{"seconds":"x"}"#], 65, "payload.seconds"),
            ] as [([String], Int32, String)] {
                let payload = arguments.count > 1 ? arguments[1] : "{}"
                let result = try await platform.run("enqueue", arguments[0], "--payload", payload, "--json")
                #expect(result.exit == exit)
                #expect(try result.failure()?["field"] == .string(field))
            }
            let family = try await platform.run("enqueue", "drill.sleep", "--family", "nobody", "--json")
            #expect(family.exit == 66)
            let file = try await platform.run("enqueue", "drill.sleep", "--payload-file", "/nowhere", "--json")
            #expect(file.exit == 66)
            #expect(try await platform.count("SELECT count(*) FROM jobs") == 0)
        }
    }

    @Test func `many jobs are enqueued at once, and all dead ones retried`() async throws {
        try await CommandPlatform.with { platform async throws in
            try await platform.register(kind: "drill.noop")
            #expect(try await platform.run("enqueue", "drill.noop", "--count", "5").exit == 0)
            #expect(try await platform.count("SELECT count(*) FROM jobs") == 5)
            try await platform.database.query(
                "UPDATE jobs SET state = 'dead', dead_at = now(), reason = 'discarded' WHERE seq % 2 = 0")
            let dead = try await platform.count("SELECT count(*) FROM jobs WHERE state = 'dead'")
            #expect(dead > 0)
            let retried = try await platform.run("jobs", "retry", "--dead", "--kind", "drill.noop", "--json")
            #expect(retried.exit == 0)
            let jobs = try #require(retried.document()["jobs"]?.elements)
            #expect(jobs.count == dead)
            #expect(try await platform.count("SELECT count(*) FROM jobs WHERE state = 'dead'") == 0)
        }
    }

    @Test func `a queue is paused and resumed`() async throws {
        try await CommandPlatform.with { platform async throws in
            try await platform.register(queues: ["drills", "others"])
            #expect(try await platform.run("queues", "pause", "drills").exit == 0)
            let paused = "SELECT count(*) FROM queues WHERE name = 'drills' AND paused_at IS NOT NULL"
            #expect(try await platform.count(paused) == 1)
            #expect(try await platform.run("queues", "resume", "drills", "--json").document()["paused"] == .bool(false))
            #expect(try await platform.count(paused) == 0)
            #expect(try await platform.run("queues", "pause", "NO").exit == 65)
            for verb in ["pause", "resume"] {
                let unknown = try await platform.run("queues", verb, "drill", "--json")
                #expect(unknown.exit == 66)
                let message = try #require(unknown.failure()?["message"]?.string)
                #expect(message.contains("drill;") && message.contains("drills, others"), "\(message)")
            }
            #expect(try await platform.count("SELECT count(*) FROM queues") == 2)
        }
    }

    @Test func `a family signs up once, and is shown by slug`() async throws {
        try await CommandPlatform.with { platform async throws in
            let signup = [
                "families", "signup", "--slug", "smith-nyc", "--name", "The Smiths", "--owner-email", "a@example.com",
                "--json",
            ]
            let first = try await platform.run(signup)
            #expect(first.exit == 0, "\(first.error)")
            #expect(try first.document()["family"]?["slug"] == .string("smith-nyc"))
            let second = try await platform.run(signup)
            #expect(second.exit == 65)
            #expect(try second.failure()?["field"] == .string("slug"))
            let shown = try await platform.run("families", "show", "smith-nyc", "--json")
            #expect(shown.output.contains("\"status\": \"provisioning\""))
            #expect(try shown.document()["provision_job_id"] == first.document()["job"]?["id"])
            #expect(try await platform.run("families", "show", "nobody").exit == 66)
            let plan = try await platform.run("migrate", "families", "--plan", "--json")
            #expect(try plan.document()["provisioning"] == .number(1))
        }
    }

    @Test func `a fleet run that nobody works on ends with 75 when the time is over, and says so`() async throws {
        try await CommandPlatform.with { platform async throws in
            _ = try await platform.run(
                "families", "signup", "--slug", "late", "--name", "F", "--owner-email", "a@example.com")
            try await platform.database.query(
                "UPDATE families SET status = 'trial', db_host = 'h', db_port = 1, db_name = 'd', db_user = 'u', "
                    + "db_password_encrypted = 'x', schema_version = 1")
            let run = try await platform.run("migrate", "families", "--wait", "--timeout", "1", "--json")
            #expect(run.exit == 75)
            #expect(run.error.contains("no worker is alive"))
            let families = try #require(run.document()["families"]?.elements)
            #expect(families.map { $0["state"]?.string } == ["pending"])
        }
    }

    @Test func `servers that are away give 69, a missing setting 78`() async throws {
        try await CommandPlatform.with { platform async throws in
            let away = ["DATABASE_URL": "postgresql://postgres@127.0.0.1:1/x"]
            #expect(try await platform.run("jobs", "list", environment: away).exit == 69)
            #expect(try await platform.run("doctor", environment: away).exit == 69)
            let redis = ["REDIS_URL": "redis://127.0.0.1:1"]
            try await platform.register(queues: ["drills"])
            // The ledger's word is enough: Redis is told when it is back.
            let pause = try await platform.run("queues", "pause", "drills", environment: redis)
            #expect(pause.exit == 0)
            #expect(pause.error.isEmpty, "\(pause.error)")
            let paused = try await platform.run("queues", "list", "--json").document()["queues"]?.elements
            #expect(paused?.contains { $0["name"]?.string == "drills" && $0["paused"] == .bool(true) } == true)
            #expect(try await platform.run("families", "list", environment: redis).exit == 0)
            #expect(try await platform.run("jobs", "list", environment: ["DATABASE_URL": ""]).exit == 78)
            #expect(try await platform.run("jobs", "list", "--config", "/nowhere").exit == 78)
        }
    }

    @Test func `of what went wrong is told once, in plain words`() async throws {
        try await CommandPlatform.with { platform async throws in
            let away = try await platform.run(
                "jobs", "list", environment: ["DATABASE_URL": "postgresql://postgres@127.0.0.1:1/x"])
            #expect(away.error.split(separator: "\n").count == 1, "\(away.error)")
            #expect(away.error.contains("refused") && !away.error.contains("?"))
            let doctor = try await platform.run(
                "doctor", environment: ["REDIS_URL": "redis://127.0.0.1:1", "CHOREWHEEL_TOKN": "t"])
            #expect(doctor.exit == 69)
            #expect(doctor.output.contains("did you mean CHOREWHEEL_TOKEN?"))
            #expect(doctor.output.contains("Redis cannot be reached: 127.0.0.1:1: Connection refused\n"))
            let taken = "\(platform.database.configuration.port)"
            let serve = try await platform.run(
                "serve", "--port", taken, environment: ["CHOREWHEEL_TOKEN": "t", "CHOREWHEEL_TOKN": "t"])
            #expect(serve.exit == 69)
            let lines = serve.error.split(separator: "\n")
            #expect(lines.last?.hasPrefix("chorewheel: cannot listen on 127.0.0.1:\(taken): another process") == true)
            #expect(lines.first?.contains("meant=CHOREWHEEL_TOKEN") == true, "\(serve.error)")
        }
    }

    @Test func `a platform that PUBLIC may connect to is told of, with what to run`() async throws {
        try await CommandPlatform.with { platform async throws in
            let open = try await platform.run("migrate", "platform")
            #expect(open.exit == 0)
            let statements = "REVOKE ALL ON DATABASE \(platform.database.configuration.database) FROM PUBLIC;"
            #expect(open.error.contains(statements), "\(open.error)")
            #expect(try await platform.run("doctor").output.contains(statements))
            try await platform.database.execute(script: statements)
            #expect(try await platform.run("migrate", "platform").error.isEmpty)
            #expect(try await platform.run("doctor").output.contains("is closed to PUBLIC"))
        }
    }
}
