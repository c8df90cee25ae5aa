// Ways to lose a job, of the catalogue in docs/reliability.md, that no other suite is about.

import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import Redis
import TestSupport
import Testing

@Suite("The catalogue of losses")
struct LossCatalogueTests {
    @Test("a key whose transaction rolled back is free: the next job with it is enqueued")
    func keyOfARollback() async throws {
        struct Undo: Error {}
        try await QueueFixture.with { queue in
            let keyed = EnqueueOptions(idempotencyKey: "k")
            await #expect(throws: Undo.self) {
                try await queue.platform.transaction { connection in
                    try await queue.client.enqueue(Ping(text: "a"), options: keyed, on: connection)
                    throw Undo()
                }
            }
            let job = try await queue.client.enqueue(Ping(text: "b"), options: keyed)
            #expect(!job.replayed)
            #expect(try await queue.life(job.id).state == .available)
        }
    }

    @Test("a job with one attempt whose worker died runs again: a crash spends none")
    func crashOfAJobWithOneAttempt() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a"), options: .init(maxAttempts: 1)).id
            for round in 1...2 {
                let session = try await queue.session()
                let begun = try await queue.ledger.begin([id], session: session, number: 1)
                #expect(begun.map(\.attempt) == [1])
                guard round == 1 else { break }
                _ = try await queue.ledger.reap(session, because: .died)
                let life = try await queue.life(id)
                #expect(life.state == .available)
                #expect((life.attempt, life.failures, life.crashes) == (0, 0, 1))
            }
        }
    }

    @Test("nothing that holds a job expires, however long the job waits or runs")
    func nothingThatHoldsAJobExpires() async throws {
        try await QueueFixture.with { queue in
            let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            for _ in 0..<2 {
                _ = try await queue.client.enqueue(Ping(text: "waits"))
                _ = try await queue.client.enqueue(FastPing(text: "waits"))
            }
            _ = try await queue.client.enqueue(
                FastPing(text: "is delayed"), options: .init(delay: .seconds(90 * 86400)))
            try await dispatcher.dispatchDue()
            let session = SessionID.mint()
            let claim = try await queue.index.claim(upTo: 2, from: .default, session: session, settled: [])
            #expect(claim.count == 2)

            let base = "{\(queue.index.namespace):default}"
            var holders: Set<String> = []
            for key in try await queue.redis.send(RedisCommand("KEYS", "\(base):*")).array ?? [] {
                let bytes = try #require(key.bytes)
                let kind = String(decoding: bytes.dropFirst(base.utf8.count + 1), as: UTF8.self).prefix { $0 != ":" }
                var command = RedisCommand("PTTL")
                command.append(bytes)
                let expires = try await queue.redis.send(command).requireInt() >= 0
                // Of what this test has made only the wake-up token and the queue's state hold no job.
                if !["wake", "state"].contains(kind) { holders.insert(String(kind)) }
                #expect(!expires, "\(kind) expires")
            }
            #expect(holders == ["d", "f", "ring", "run", "due"])
        }
    }
}
