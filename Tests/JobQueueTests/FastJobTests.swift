// Fast jobs: they live in Redis alone.

import JobModel
import JobQueue
import QueueTestSupport
import Redis
import TestSupport
import Testing

struct FastPing: PlatformJob {
    static let kind: JobKind = "test.fast_ping"
    static let durability: Durability = .fast
    var text: String
}

@Suite("Fast jobs")
struct FastJobTests {
    @Test("keys, delays, fences and the dead")
    func fastJobs() async throws {
        try await QueueFixture.with { queue in
            let keyed = EnqueueOptions(idempotencyKey: "k", priority: .high)
            let first = try await queue.client.enqueue(FastPing(text: "a"), options: keyed)
            let again = try await queue.client.enqueue(FastPing(text: "a"), options: keyed)
            #expect(again == EnqueuedJob(id: first.id, replayed: true))
            let conflict = await #expect(throws: JobQueueError.self) {
                try await queue.client.enqueue(FastPing(text: "b"), options: keyed)
            }
            #expect(conflict?.code == .conflict)
            _ = try await queue.client.enqueue(FastPing(text: "later"), options: .init(delay: .milliseconds(300)))

            let session = SessionID.mint()
            let claim = try await queue.index.claim(upTo: 9, from: .default, session: session, settled: [])
            let entry = try #require(claim.entries().fast.first)
            #expect(claim.entries().fast.map(\.id) == [first.id])
            #expect(claim.nextDue != nil)

            #expect(try await queue.index.reap(session, from: .default, crashed: true).fast == 1)
            let late: [SettledFast] = [
                .acknowledged(entry.id), .givenBack(entry), .again(entry, after: .zero), .dead(entry, .discarded, nil),
            ]
            for settled in late {
                #expect(
                    try await queue.index.settle([settled], of: .default, session: session) == [entry.id], "\(settled)")
            }
            #expect(try await queue.index.audit(.default).fastDead == 0)

            let other = SessionID.mint()
            var held: [FastEntry] = []
            try await eventually("both are claimed, the delayed one in its time") {
                held += try await queue.index.claim(upTo: 9, from: .default, session: other, settled: []).entries().fast
                return held.count == 2
            }
            #expect(held.first { $0.id == first.id }?.crashes == 1)
            #expect(
                try await queue.index.settle(
                    [.dead(held[0], .discarded, nil), .acknowledged(held[1].id)], of: .default, session: other) == [])
            let audit = try await queue.index.audit(.default)
            #expect(audit.fastDead == 1)
            #expect(audit.fastWaiting == 0)
            #expect(audit.faults == [])
        }
    }

    @Test("what will be due first wakes who waits for what is due later, when enqueued and when tried again")
    func delaysWake() async throws {
        try await QueueFixture.with { queue in
            func isWoken() async throws -> Bool {
                let token = "{\(queue.index.namespace):default}:wake"
                return try await queue.redis.send(RedisCommand("DEL", token)) == .integer(1)
            }
            func enqueue(after delay: Duration) async throws {
                _ = try await queue.client.enqueue(FastPing(text: "\(delay)"), options: .init(delay: delay))
            }
            _ = try await isWoken()
            try await enqueue(after: .seconds(600))
            #expect(try await isWoken())
            try await enqueue(after: .seconds(700))
            #expect(try await !isWoken())
            try await enqueue(after: .seconds(500))
            #expect(try await isWoken())

            try await queue.client.enqueue(FastPing(text: "now"))
            #expect(try await isWoken())
            let session = SessionID.mint()
            let claim = try await queue.index.claim(upTo: 1, from: .default, session: session, settled: [])
            let entry = try #require(claim.entries().fast.first)
            _ = try await queue.index.settle([.again(entry, after: .seconds(400))], of: .default, session: session)
            #expect(try await isWoken())
        }
    }

    @Test("many jobs are enqueued in few calls, in their order")
    func enqueueMany() async throws {
        try await QueueFixture.with { queue in
            let jobs = try await queue.client.enqueue((0..<2500).map { FastPing(text: "\($0)") })
            let claim = try await queue.index.claim(upTo: 3000, from: .default, session: .mint(), settled: [])
            #expect(claim.entries().fast.map(\.id) == jobs.map(\.id))
            #expect(
                String(decoding: try #require(claim.entries().fast.last).payload, as: UTF8.self) == #"{"text":"2499"}"#)
            #expect(try await queue.index.audit(.default).faults == [])
        }
    }

    @Test("of many jobs one that is too large is named, and none is enqueued")
    func oneOfManyIsTooLarge() async throws {
        try await QueueFixture.with { queue in
            let jobs = (0..<20).map { FastPing(text: $0 == 17 ? String(repeating: "x", count: 262_144) : "fits") }
            let refusal = await #expect(throws: JobQueueError.self) {
                _ = try await queue.client.enqueue(jobs)
            }
            #expect(refusal?.field == "jobs[17].payload")
            let audit = try await queue.index.audit(.default)
            #expect(audit.fastWaiting == 0)
        }
    }

    @Test("of many jobs none is enqueued where their lane, or its ring, is a key of another type")
    func keysOfAnotherType() async throws {
        try await QueueFixture.with { queue in
            let (lane, ring) = ("{\(queue.index.namespace):default}:f:1:", "{\(queue.index.namespace):default}:ring:1")
            let jobs = (0..<20).map { FastPing(text: "\($0)") }
            for key in [lane, ring] {
                _ = try await queue.redis.send(RedisCommand("SET", key, "somebody's"))
                let refusal = await #expect(throws: RedisError.self) {
                    _ = try await queue.client.enqueue(jobs)
                }
                #expect(refusal?.description.contains("WRONGTYPE") == true)
                #expect(try await queue.redis.send(RedisCommand("GET", key)).string == "somebody's")
                _ = try await queue.redis.send(RedisCommand("DEL", key))
                #expect(try await queue.redis.send(RedisCommand("EXISTS", lane, ring)) == .integer(0))
            }
            _ = try await queue.client.enqueue(jobs)
            #expect(try await queue.index.audit(.default).faults == [])
        }
    }

    @Test("many jobs are enqueued, whole, by a Redis user who may not run transactions")
    func withoutTransactions() async throws {
        try await QueueFixture.with { queue in
            let user = "user-of-\(queue.index.namespace)"
            _ = try await queue.redis.send(
                RedisCommand("ACL", "SETUSER", user, "on", ">secret", "~*", "+@all", "-multi"))
            let server = queue.servers.redisURL.drop { $0 != "@" }
            let redis = RedisClient(
                configuration: try RedisConfiguration(url: "redis://\(user):secret\(server)"), logger: queue.logger)
            let client = JobQueueClient(
                ledger: queue.ledger, index: DispatchIndex(redis: redis, namespace: queue.index.namespace))
            let enqueued = try? await client.enqueue((0..<40).map { FastPing(text: "\($0)") })
            await redis.close()
            _ = try await queue.redis.send(RedisCommand("ACL", "DELUSER", user))
            #expect(enqueued?.count == 40)
            let audit = try await queue.index.audit(.default)
            #expect(audit.fastWaiting == 40)
        }
    }

    @Test("in a batch an id of the caller's own is enqueued once; for another job it is a conflict, and none is")
    func idsInABatch() async throws {
        try await QueueFixture.with { queue in
            func request(_ id: JobID?, _ text: String) throws -> JobRequest {
                try JobRequest(FastPing(text: text), options: .init(id: id))
            }
            let ids = (0..<20).map { _ in JobID.mint() }
            let first = try ids.enumerated().map { try request($1, "\($0)") }
            let enqueued = try await queue.client.enqueue(first, durability: .fast)
            #expect(enqueued == ids.map { EnqueuedJob(id: $0, replayed: false) })

            // Sent again with more: what is there is not enqueued twice, also not what the batch itself has twice.
            let new = JobID.mint()
            let more = try [request(nil, "x"), request(new, "new")] + first + [request(new, "new")]
            let again = try await queue.client.enqueue(more, durability: .fast)
            #expect(again.map(\.replayed) == [false, false] + ids.map { _ in true } + [true])
            #expect(again.dropFirst().map(\.id) == [new] + ids + [new])

            let other = JobID.mint()
            for (batch, field) in [
                (try [request(nil, "y"), request(JobID.mint(), "z"), request(ids[3], "another")], "jobs[2].id"),
                (try [request(other, "one"), request(nil, "y"), request(other, "two")], "jobs[2].id"),
            ] {
                let conflict = await #expect(throws: JobQueueError.self) {
                    try await queue.client.enqueue(batch, durability: .fast)
                }
                #expect(conflict?.code == .conflict && conflict?.field == field)
            }
            let claim = try await queue.index.claim(upTo: 99, from: .default, session: .mint(), settled: [])
            #expect(claim.entries().fast.map(\.id) == ids + [again[0].id, new])
        }
    }

    @Test("a key in a batch is refused, not ignored")
    func keyInABatch() async throws {
        try await QueueFixture.with { queue in
            let requests = [
                try JobRequest(FastPing(text: "a")),
                try JobRequest(FastPing(text: "b"), options: .init(idempotencyKey: "k")),
            ]
            let refusal = await #expect(throws: JobQueueError.self) {
                try await queue.client.enqueue(requests, durability: .fast)
            }
            #expect(refusal?.field == "jobs[1].idempotency_key")
            #expect(try await queue.index.audit(.default).fastWaiting == 0)
        }
    }

    @Test("an id of the caller's own may be sent again; for another job it is a conflict")
    func callersID() async throws {
        try await QueueFixture.with { queue in
            let options = EnqueueOptions(id: .mint())
            let first = try await queue.client.enqueue(FastPing(text: "a"), options: options)
            #expect(first.replayed == false)
            let again = try await queue.client.enqueue(FastPing(text: "a"), options: options)
            #expect(again == EnqueuedJob(id: first.id, replayed: true))
            let conflict = await #expect(throws: JobQueueError.self) {
                try await queue.client.enqueue(FastPing(text: "b"), options: options)
            }
            #expect(conflict?.code == .conflict)
            #expect(conflict?.field == "id")
            #expect(try await queue.index.audit(.default).fastWaiting == 1)
        }
    }

    @Test("a key is not taken in another queue than the kind's own")
    func keyInAnotherQueue() async throws {
        try await QueueFixture.with { queue in
            let refusal = await #expect(throws: JobQueueError.self) {
                try await queue.client.enqueue(
                    FastPing(text: "a"), options: .init(idempotencyKey: "k", queue: "elsewhere"))
            }
            #expect(refusal?.field == "queue")
        }
    }

    @Test("a job named by its kind alone has the attempts that its worker registered")
    func registeredAttempts() async throws {
        try await QueueFixture.with { queue in
            try await queue.ledger.register(kinds: [
                KindRegistration(
                    kind: "test.named", queue: "default", durability: .fast, target: .platform, maxAttempts: 3,
                    payloadSchema: nil)
            ])
            let request = try JobRequest(kind: "test.named", target: .platform, payload: Array("{}".utf8))
            _ = try await queue.client.enqueueChecked(request)
            _ = try await queue.client.enqueueChecked([request])
            let claim = try await queue.index.claim(upTo: 9, from: .default, session: .mint(), settled: [])
            #expect(claim.entries().fast.map(\.maxAttempts) == [3, 3])
        }
    }

    @Test("the dead are listed with their reason, run again with a fresh budget, or are thrown away")
    func theDead() async throws {
        try await QueueFixture.with { queue in
            let session = SessionID.mint()
            for text in ["a", "b", "c"] { try await queue.client.enqueue(FastPing(text: text)) }
            var entries = try await queue.index.claim(upTo: 9, from: .default, session: session, settled: []).entries()
                .fast
            for index in entries.indices { entries[index].failures = 2 }
            let error = AttemptError(type: "Oops", message: "two\nlines")
            for entry in entries {
                _ = try await queue.index.settle(
                    [.dead(entry, .attemptsExhausted, error)], of: .default, session: session)
            }
            let dead = try await queue.index.deadFastJobs(of: .default, limit: 10)
            #expect(Set(dead.map(\.id)) == Set(entries.map(\.id.description)))
            let one = try #require(dead.first { $0.id == entries[0].id.description })
            #expect(one.kind == "test.fast_ping")
            #expect(one.failures == 2)
            #expect(one.reason == "attempts_exhausted")
            #expect(one.error == error)
            #expect(one.payload?["text"] == .string("a"))

            #expect(try await queue.index.decide(.retry, [entries[0].id, .mint()], of: .default) == [entries[0].id])
            #expect(try await queue.index.decide(.discard, [entries[1].id], of: .default) == [entries[1].id])
            #expect(
                try await queue.index.deadFastJobs(of: .default, limit: 10).map(\.id) == [entries[2].id.description])
            let again = try await queue.index.claim(upTo: 9, from: .default, session: session, settled: []).entries()
                .fast
            #expect(again.map(\.id) == [entries[0].id])
            #expect(again.map(\.failures) == [0])
            #expect(try await queue.index.audit(.default).faults == [])
        }
    }

    @Test("a batch keeps its order within a lane, also where some delays are written as zero")
    func batchOrder() async throws {
        try await QueueFixture.with { queue in
            let requests = try [nil, Duration.zero, nil, .zero].map { delay in
                try JobRequest(FastPing(text: "a"), options: EnqueueOptions(delay: delay))
            }
            let ids = try await queue.client.enqueue(requests, durability: .fast).map(\.id)
            let claim = try await queue.index.claim(upTo: 9, from: .default, session: .mint(), settled: [])
            #expect(claim.entries().fast.map(\.id) == ids)
        }
    }

    @Test("an entry of a newer version is kept among the dead as it is, and the rest goes on")
    func unreadableEntry() async throws {
        try await QueueFixture.with { queue in
            let session = SessionID.mint()
            let id = try await queue.client.enqueue(FastPing(text: "new")).id
            var entry = try await queue.index.claim(upTo: 1, from: .default, session: session, settled: []).entries()
                .fast[0]
                .bytes
            #expect(try await queue.index.settle([.acknowledged(id)], of: .default, session: session) == [])
            entry[0] = 9
            let base = "{\(queue.index.namespace):default}"
            var push = RedisCommand("RPUSH", "\(base):f:1:")
            push.append(entry)
            _ = try await queue.redis.send(push)
            _ = try await queue.redis.send(RedisCommand("RPUSH", "\(base):ring:1", "f"))
            let good = try await queue.client.enqueue(FastPing(text: "good")).id

            let claim = try await queue.index.claim(upTo: 9, from: .default, session: session, settled: [])
            #expect(claim.entries().fast.map(\.id) == [good])
            #expect(claim.entries().unreadable == [])
            let dead = try await queue.index.deadFastJobs(of: .default, limit: 10)
            #expect(dead.map(\.reason) == ["undecodable"])
            #expect(dead.first?.error?.message.contains("version 9") == true)
            let graves = try await queue.redis.send(RedisCommand("HVALS", "\(base):graves")).requireArray()
            let grave = try #require(graves.first?.bytes)
            #expect(Array(grave.suffix(entry.count)) == entry)
        }
    }

    @Test("an entry whose end is damaged is kept among the dead under its own id, and the rest goes on")
    func damagedEntry() async throws {
        try await QueueFixture.with { queue in
            let session = SessionID.mint()
            let id = try await queue.client.enqueue(FastPing(text: "damaged")).id
            var entry = try await queue.index.claim(upTo: 1, from: .default, session: session, settled: []).entries()
                .fast[0].bytes
            #expect(try await queue.index.settle([.acknowledged(id)], of: .default, session: session) == [])
            // The length of its kind: more than there is.
            entry[22] = 255
            let base = "{\(queue.index.namespace):default}"
            var push = RedisCommand("RPUSH", "\(base):f:1:")
            push.append(entry)
            _ = try await queue.redis.send(push)
            _ = try await queue.redis.send(RedisCommand("RPUSH", "\(base):ring:1", "f"))
            let good = try await queue.client.enqueue(FastPing(text: "good")).id

            let claim = try await queue.index.claim(upTo: 9, from: .default, session: session, settled: [])
            #expect(claim.entries().fast.map(\.id) == [good])
            let unreadable = try #require(claim.entries().unreadable.first)
            #expect(unreadable.bytes == entry)
            #expect(try await queue.index.settle([.dead(unreadable)], of: .default, session: session) == [])
            let dead = try await queue.index.deadFastJobs(of: .default, limit: 10)
            #expect(dead.map(\.id) == [id.description])
            #expect(dead.first?.reason == "undecodable")
            #expect(dead.first?.error?.message.contains("no whole kind") == true)
        }
    }
}
