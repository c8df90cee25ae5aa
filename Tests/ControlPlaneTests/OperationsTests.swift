// Queues, workers, probes and metrics; and what a missing store does to each.

import Hummingbird
import JobModel
import JobQueue
import Postgres
import Redis
import TestSupport
import Testing

@testable import ControlPlane

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct OperationsTests {
    @Test func `A queue is paused and resumed in the ledger`() async throws {
        try await withAPI { api in
            try await api.stores.jobs.ledger.register(queues: ["slow"])
            let paused = try await api.send(.post, "/v1/queues/slow/pause")
            #expect(paused.status == 200)
            #expect(paused["paused"] == .bool(true))
            guard case .array(let queues)? = try await api.send(.get, "/v1/queues")["queues"] else {
                throw TestFailure("no queues")
            }
            #expect(queues.contains { $0["name"]?.string == "slow" && $0["paused"] == .bool(true) })
            #expect(try await api.send(.post, "/v1/queues/slow/resume")["paused"] == .bool(false))
            #expect(try await api.send(.post, "/v1/queues/Not!/pause").fields == ["queue"])
            for verb in ["pause", "resume"] {
                let unknown = try await api.send(.post, "/v1/queues/slwo/\(verb)")
                #expect(unknown.status == 404)
                #expect(unknown.problem == "not-found")
                #expect(unknown["detail"]?.string?.contains("known: slow") == true, "\(unknown.text)")
            }
        }
    }

    @Test func `Workers are listed`() async throws {
        try await withAPI { api in
            let session = SessionID.mint()
            _ = try await api.stores.jobs.ledger.register(
                SessionRegistration(
                    id: session, host: "here", pid: 17, version: "1", queues: [.default], kinds: ["test.a"],
                    concurrency: 4))
            guard case .array(let workers)? = try await api.send(.get, "/v1/workers")["workers"] else {
                throw TestFailure("no workers")
            }
            #expect(workers.map { $0["id"]?.string } == [session.description])
            let metrics = try await api.send(.get, "/metrics", token: nil)
            #expect(metrics.text.contains("\nchorewheel_sessions_alive 1\n"))
            #expect(metrics.text.contains("\nchorewheel_worker_slots 4\n"))
            #expect(!metrics.text.contains("chorewheel_worker_recovery_seconds"))
            for recovery: Duration in [.milliseconds(2500), .milliseconds(40)] {
                try await api.stores.jobs.index.note(NotedDeath(session: session, jobs: 3, recovery: recovery))
            }
            let later = try await api.send(.get, "/metrics", token: nil)
            #expect(later.text.contains("\nchorewheel_worker_recovery_seconds{of=\"last\"} 0.04\n"))
            #expect(later.text.contains("\nchorewheel_worker_recovery_seconds{of=\"max\"} 2.5\n"))
        }
    }

    @Test func `Metrics show queues, requests by route, the process, and the counters of all workers`() async throws {
        try await withAPI { api in
            try await api.register("test.a")
            let href = try #require(try await api.send(.post, "/v1/jobs", #"{"kind":"test.a"}"#)["href"]?.string)
            _ = try await api.send(.get, href)
            try await api.register("test.fast", durability: .fast)
            #expect(try await api.send(.post, "/v1/jobs", #"{"kind":"test.fast"}"#).status == 201)
            let fenced = SharedCounter(
                name: "attempts_fenced_total", labels: [.init("kind", "test.a")], value: 3)
            // What a worker announces when it starts.
            let none = SharedCounter(name: "attempts_fenced_total", labels: [.init("kind", "test.fast")], value: 0)
            try await api.stores.jobs.index.add(CounterFlush(process: .mint(), number: 1, counters: [fenced, none]))
            let answer = try await api.send(.get, "/metrics", token: nil)
            #expect(answer.status == 200)
            #expect(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
            let lines = Set(answer.text.split(separator: "\n").map(String.init))
            #expect(lines.contains(#"chorewheel_queue_jobs{queue="default",state="available"} 1"#))
            #expect(lines.contains(#"chorewheel_dispatch_jobs{class="fast_waiting",queue="default"} 1"#))
            #expect(lines.contains(#"chorewheel_dispatch_faults{queue="default"} 0"#))
            #expect(lines.contains(#"chorewheel_queue_paused{queue="default"} 0"#))
            #expect(lines.contains(#"chorewheel_attempts_fenced_total{kind="test.a"} 3"#))
            #expect(lines.contains(#"chorewheel_attempts_fenced_total{kind="test.fast"} 0"#))
            #expect(lines.contains { $0.hasPrefix("# HELP chorewheel_attempts_fenced_total Settlements refused") })
            #expect(
                lines.contains(#"chorewheel_http_requests_total{method="GET",route="/v1/jobs/{id}",status="200"} 1"#))
            #expect(lines.contains(#"chorewheel_scrape_failed{source="queues"} 0"#))
            #expect(answer.text.contains("chorewheel_queue_oldest_available_seconds{queue=\"default\"}"))
            #expect(answer.text.contains("process_cpu_seconds_total"))
            #expect(answer.text.contains("chorewheel_http_request_duration_seconds_bucket"))
        }
    }

    @Test func `Every counter of the workers has a help text, and no other`() throws {
        let path = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let file = URL(filePath: "\(path)/Sources/WorkerRuntime/RuntimeCounters.swift")
        let source = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        let counted = Set(source.matches(of: #/"([a-z_]+_total)"/#).map { String($0.1) })
        #expect(counted.count > 5)
        #expect(CounterHelp.names == counted)
    }

    @Test func `Whole and migrated, the API is up and ready`() async throws {
        try await withAPI { api in
            #expect(try await api.send(.get, "/healthz", token: nil).status == 200)
            let ready = try await api.send(.get, "/readyz", token: nil)
            #expect(ready.status == 200)
            #expect(ready["checks"]?["migrations"]?.string == "ok")
        }
    }

    @Test func `A platform schema that is behind is not ready`() async throws {
        try await withAPI { api in
            let last = "(SELECT max(version) FROM schema_migrations)"
            try await api.database.query("DELETE FROM schema_migrations WHERE version = \(last)")
            let answer = try await api.send(.get, "/readyz", token: nil)
            #expect(answer.status == 503)
            #expect(answer.problem == "not-ready")
            #expect(answer["checks"]?["postgres"]?.string == "ok")
            #expect(answer["checks"]?["migrations"]?.string?.contains("version") == true)
            try await api.database.query("DROP TABLE schema_migrations")
            let never = try await api.send(.get, "/readyz", token: nil)
            #expect(never["checks"]?["migrations"]?.string == "the platform database was never migrated")
            try await api.database.query("DROP FUNCTION sign_up_family")
            let early = try await api.send(.post, "/v1/families", FamiliesTests.signUp)
            #expect(early.status == 503)
            #expect(early.header("Retry-After") != nil)
        }
    }

    @Test func `With PostgreSQL down everything that needs it is a 503 to be tried again`() async throws {
        try await withAPI(.withoutPostgres) { api in
            let signature = ["Stripe-Signature": "t=1,v1=00"]
            for (method, path, body) in [
                (true, "/v1/families", FamiliesTests.signUp), (true, "/v1/jobs", #"{"kind":"test.a"}"#),
                (false, "/v1/jobs", nil), (false, "/v1/families/smith", nil), (false, "/v1/queues", nil),
            ] as [(Bool, String, String?)] {
                let answer = try await api.send(method ? .post : .get, path, body)
                #expect(answer.status == 503, "\(path)")
                #expect(answer.problem == "unavailable")
                #expect(answer.header("Retry-After") != nil)
                #expect(!answer.text.contains("5432") && !answer.text.contains("127.0.0.1"))
            }
            // Bad input is still told as such.
            let refused = try await api.send(
                .post, "/v1/webhooks/stripe", StripeWebhookTests.event, headers: signature)
            #expect(refused.status == 400)
            #expect(try await api.send(.get, "/healthz").status == 200)
            let ready = try await api.send(.get, "/readyz")
            #expect(ready.status == 503)
            #expect(ready["checks"]?["redis"]?.string == "ok")
            #expect(ready["checks"]?["postgres"]?.string == "cannot be reached")
            let metrics = try await api.send(.get, "/metrics")
            #expect(metrics.status == 200)
            #expect(metrics.text.contains(#"chorewheel_scrape_failed{source="queues"} 1"#))
            #expect(metrics.text.contains(#"chorewheel_scrape_failed{source="counters"} 0"#))
        }
    }

    @Test func `With Redis down sign-ups and durable jobs are accepted, and fast ones asked for again`() async throws {
        try await withAPI(.withoutRedis) { api in
            try await api.register("test.a")
            try await api.register("test.fast", durability: .fast)
            #expect(try await api.send(.post, "/v1/families", FamiliesTests.signUp).status == 202)
            #expect(try await api.send(.post, "/v1/jobs", #"{"kind":"test.a"}"#).status == 201)
            let fast = try await api.send(.post, "/v1/jobs", #"{"kind":"test.fast"}"#)
            #expect(fast.status == 503)
            #expect(fast.problem == "unavailable")
            let ready = try await api.send(.get, "/readyz")
            #expect(ready.status == 200)
            #expect(ready["status"]?.string == "degraded")
            #expect(ready["checks"]?["redis"]?.string == "cannot be reached")
            #expect(ready["checks"]?["postgres"]?.string == "ok")
        }
    }

    @Test func `A Redis that may throw jobs away is noticed, and fast jobs are refused until it is mended`()
        async throws
    {
        // Its own: a policy is the whole server's.
        let servers = try await TestServers.start()
        try await withAPI(APISetup(redisURL: servers.redisURL)) { api in
            try await api.register("test.a")
            try await api.register("test.fast", durability: .fast)
            let redis = api.stores.jobs.index.redis
            let fast = #"{"kind":"test.fast"}"#
            #expect(try await api.send(.post, "/v1/jobs", fast).status == 201)

            _ = try await redis.send(RedisCommand("CONFIG", key: nil, "SET", "maxmemory-policy", "allkeys-lru"))
            let before = redis.connectionGeneration
            _ = try await redis.send(RedisCommand("CLIENT", key: nil, "KILL", "TYPE", "normal", "SKIPME", "no"))
            try await eventually("Redis is connected again") { redis.connectionGeneration > before }
            for (path, body) in [("/v1/jobs", fast), ("/v1/jobs/batch", #"{"jobs":[\#(fast)]}"#)] {
                let refused = try await api.send(.post, path, body)
                #expect(refused.status == 503)
                #expect(refused["detail"]?.string?.contains("(maxmemory-policy)") == true)
            }
            let ready = try await api.send(.get, "/readyz")
            #expect(ready.status == 200)
            #expect(ready["status"]?.string == "degraded")
            #expect(ready["checks"]?["redis"]?.string?.contains("maxmemory-policy") == true)
            #expect(try await api.send(.post, "/v1/jobs", #"{"kind":"test.a"}"#).status == 201)
            #expect(try await api.send(.post, "/v1/families", FamiliesTests.signUp).status == 202)

            _ = try await redis.send(RedisCommand("CONFIG", key: nil, "SET", "maxmemory-policy", "noeviction"))
            #expect(try await api.send(.get, "/readyz")["status"]?.string == "ready")
            #expect(try await api.send(.post, "/v1/jobs", fast).status == 201)
        }
        await servers.stop()
    }

    @Test func `A database that does not answer costs the time limit and no more`() async throws {
        var setup = APISetup()
        setup.configuration.requestTimeout = .milliseconds(300)
        try await withAPI(setup) { api in
            try await api.database.transaction { connection in
                try await connection.query("LOCK TABLE families IN ACCESS EXCLUSIVE MODE")
                let answer = try await api.send(.get, "/v1/families/smith")
                #expect(answer.status == 503)
                #expect(answer.problem == "unavailable")
            }
            #expect(try await api.send(.get, "/v1/families/smith").status == 404)
        }
    }
}
