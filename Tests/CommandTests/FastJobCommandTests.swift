// Fast jobs on the command line: what Redis alone has is not given to one that throws away, and is decided of by name.

import JobModel
import JobQueue
import Logging
import Redis
import TestSupport
import Testing

@testable import WorkerRuntime

@Suite(.timeLimit(.minutes(20))) struct FastJobCommandTests {
    @Test func `dead fast jobs are listed with why, page by page, and the doctor says how`() async throws {
        try await CommandPlatform.with { platform async throws in
            let ids = try await platform.makeDeadFastJobs(3, in: "drills").map(\.description)
            let list = try await platform.run("queues", "dead", "list", "drills", "--limit", "2", "--json").document()
            let jobs = try #require(list["jobs"]?.elements)
            // Within one millisecond the order is that of the ids.
            #expect(jobs.count == 2 && jobs.allSatisfy { ids.contains($0["id"]?.string ?? "") })
            #expect(list["offset"] == .number(2))
            let rest = try await platform.run("queues", "dead", "list", "drills", "--offset", "2", "--json").document()
            #expect(rest["offset"] == nil)
            let all = jobs + (rest["jobs"]?.elements ?? [])
            #expect(Set(all.map { $0["id"]?.string }) == Set(ids))
            let first = try #require(all.first { $0["id"]?.string == ids[0] })
            #expect(first["kind"] == .string("drill.fast"))
            #expect(first["reason"] == .string("attempts_exhausted"))
            #expect(first["error"]?["message"] == .string("it broke"))
            #expect(first["payload"]?["number"] == .number(0))

            let text = try await platform.run("queues", "dead", "list", "drills").output
            #expect(text.contains("attempts_exhausted  it broke\n"), "\(text)")
            #expect(text.contains(#/ 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ /#), "\(text)")
            let doctor = try await platform.run("doctor").output
            #expect(doctor.contains("3 dead fast jobs"), "\(doctor)")
            #expect(doctor.contains("chorewheel queues dead list drills"), "\(doctor)")
        }
    }

    @Test func `dead fast jobs are retried or discarded, by id or all`() async throws {
        try await CommandPlatform.with { platform async throws in
            let ids = try await platform.makeDeadFastJobs(5, in: "drills").map(\.description)
            let retried = try await platform.run("queues", "dead", "retry", "drills", ids[0], "--json")
            #expect(retried.exit == 0, "\(retried.error)")
            #expect(try retried.document()["jobs"]?.elements?.map { $0["outcome"]?.string } == ["retried"])
            let mixed = try await platform.run("queues", "dead", "discard", "drills", ids[1], ids[0], "--json")
            #expect(mixed.exit == 66)
            #expect(try mixed.document()["jobs"]?.elements?.map { $0["outcome"]?.string } == ["discarded", "refused"])
            #expect(try await platform.run("queues", "dead", "retry", "drills", ids[1]).exit == 66)

            let all = try await platform.run("queues", "dead", "discard", "drills", "--all", "--json").document()
            #expect(Set(all["jobs"]?.elements?.map { $0["id"]?.string } ?? []) == Set(ids[2...]))
            let none = try await platform.run("queues", "dead", "retry", "drills", "--all")
            #expect(none.exit == 0)
            #expect(none.output == "no dead fast jobs\n")
            #expect(try await platform.run("queues", "dead", "list", "drills").output == "no dead fast jobs\n")
        }
    }

    @Test func `an unknown queue has no dead: the known ones are named`() async throws {
        try await CommandPlatform.with { platform async throws in
            try await platform.register(queues: ["drills", "others"])
            let id = JobID.mint().description
            for arguments in [["list", "drill"], ["retry", "drill", "--all"], ["discard", "drill", id]] {
                let unknown = try await platform.run(["queues", "dead"] + arguments)
                #expect(unknown.exit == 66)
                #expect((unknown.output + unknown.error).contains("known: drills, others"), "\(unknown.error)")
            }
            #expect(try await platform.run("queues", "dead", "list", "NO").exit == 65)
        }
    }

    @Test func `a fast job is not given to a Redis that may throw it away; a durable one is`() async throws {
        // Its own: a policy is the whole server's.
        let servers = try await TestServers.start()
        let redis = RedisClient(
            configuration: try RedisConfiguration(url: servers.redisURL),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        _ = try await redis.send(RedisCommand("CONFIG", key: nil, "SET", "maxmemory-policy", "allkeys-lru"))
        try await CommandPlatform.with { platform async throws in
            try await platform.register(kind: "drill.fast", durability: .fast)
            try await platform.register(kind: "drill.noop")
            let evicting = ["REDIS_URL": servers.redisURL]
            for count in ["1", "2"] {
                let refused = try await platform.run(
                    "enqueue", "drill.fast", "--count", count, "--json", environment: evicting)
                #expect(refused.exit == 78)
                #expect(try refused.failure()?["field"] == .string("maxmemory-policy"))
            }
            #expect(try await redis.send(RedisCommand("DBSIZE", key: nil)).requireInt() == 0)
            #expect(try await platform.run("enqueue", "drill.noop", environment: evicting).exit == 0)
            #expect(try await platform.run("enqueue", "drill.fast").exit == 0)
        }
        await redis.close()
        await servers.stop()
    }

    @Test func `a worker's watched counters are there, at zero, before anything happened`() async throws {
        try await CommandPlatform.with { platform async throws in
            let redis = RedisClient(
                configuration: try RedisConfiguration(url: platform.servers.redisURL),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            let index = DispatchIndex(redis: redis, namespace: platform.namespace)
            let counters = RuntimeCounters()
            counters.announce(kinds: ["drill.noop"])
            try await counters.flush(to: index)
            let shown = try await index.counters()
            #expect(shown.allSatisfy { $0.value == 0 })
            #expect(
                shown.contains { $0.name == "attempts_fenced_total" && $0.labels == [.init("kind", "drill.noop")] })
            await redis.close()
        }
    }
}
