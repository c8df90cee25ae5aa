// Many durable jobs enqueued at once, on a real PostgreSQL.

import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import TestSupport
import Testing

@Suite("Batches in the ledger")
struct LedgerBatchTests {
    @Test("many jobs are enqueued in one statement, in their order, all or none")
    func enqueueMany() async throws {
        try await QueueFixture.with { queue in
            let jobs = try await queue.client.enqueue((0..<500).map { Ping(text: "\($0)") })
            #expect(jobs.count == 500)
            let rows = try await queue.platform.query("SELECT id::text, payload->>'text' FROM jobs ORDER BY seq")
            let stored = try rows.map { (try $0.string(at: 0), try $0.string(at: 1)) }
            #expect(stored.map(\.0) == jobs.map(\.id.description))
            #expect(stored.map(\.1) == (0..<500).map(String.init))

            let id = JobID.mint()
            let requests = try ["a", "b", "b"].enumerated().map { index, text in
                try JobRequest(Ping(text: text), options: .init(id: index == 1 ? nil : id))
            }
            let refusal = await #expect(throws: JobQueueError.self) {
                try await queue.client.enqueue(requests, durability: .durable)
            }
            #expect(refusal?.code == .conflict)
            #expect(refusal?.field == "jobs[2].id")
            #expect(try await queue.count("SELECT count(*) FROM jobs") == 500)
            let twice = try ["a", "b"].map { try JobRequest(Ping(text: $0), options: .init(idempotencyKey: "k")) }
            let differing = await #expect(throws: JobQueueError.self) {
                try await queue.client.enqueue(twice, durability: .durable)
            }
            #expect(differing?.field == "jobs[1].idempotency_key")
            #expect(differing?.message == "is that of jobs[0], which differs")
            // The batch is undone whole: there is no such job to be looked at.
            #expect(differing?.existing == nil)
            let keyed = await #expect(throws: JobQueueError.self) {
                try await queue.client.enqueue([Ping(text: "a")], options: .init(idempotencyKey: "k"))
            }
            #expect(keyed?.field == "idempotency_key")
        }
    }

    @Test("in a batch too large to go one by one, ids and the kinds' own settings mean the same")
    func enqueueLargeBatch() async throws {
        try await QueueFixture.with { queue in
            try await queue.platform.execute(
                script: "INSERT INTO job_kinds (kind, queue, max_attempts) VALUES ('test.settled', 'slow', 3)")
            func requests(lastText: String = "19", lastID: JobID? = nil) throws -> [JobRequest] {
                try ids.enumerated().map { index, id in
                    let isLast = index == ids.count - 1
                    return try JobRequest(
                        kind: "test.settled", target: .platform,
                        payload: Array("{\"text\": \"\(isLast ? lastText : "\(index)")\"}".utf8),
                        options: .init(delay: index == 18 ? .seconds(60) : nil, id: isLast ? lastID ?? id : id))
                }
            }
            let ids = (0..<20).map { _ in JobID.mint() }
            let first = try await queue.client.enqueue(try requests(), durability: .durable)
            #expect(first == ids.map { EnqueuedJob(id: $0, replayed: false) })
            let alike = "queue = 'slow' AND max_attempts = 3"
            #expect(try await queue.count("SELECT count(*) FROM jobs WHERE state = 'available' AND \(alike)") == 19)
            #expect(try await queue.count("SELECT count(*) FROM jobs WHERE state = 'scheduled' AND \(alike)") == 1)
            let later = "FROM job_dispatches WHERE due_at > clock_timestamp() + interval '30 seconds'"
            #expect(try await queue.count("SELECT count(*) \(later)") == 1)
            #expect(try await queue.count("SELECT count(*) FROM job_dispatches") == 20)

            let again = try await queue.client.enqueue(try requests(), durability: .durable)
            #expect(again == ids.map { EnqueuedJob(id: $0, replayed: true) })
            // One that is there already, among nineteen that are not.
            try await queue.platform.execute(script: "DELETE FROM jobs WHERE id <> '\(ids[19])'")
            let mixed = try await queue.client.enqueue(try requests(), durability: .durable)
            #expect(mixed.map(\.replayed) == Array(repeating: false, count: 19) + [true])

            for id in [nil, ids[3]] {
                if id != nil { try await queue.platform.execute(script: "DELETE FROM jobs") }
                let before = try await queue.count("SELECT count(*) FROM jobs")
                let refusal = await #expect(throws: JobQueueError.self) {
                    try await queue.client.enqueue(try requests(lastText: "other", lastID: id), durability: .durable)
                }
                #expect(refusal?.field == "jobs[19].id")
                #expect(refusal?.message == "was used before for another job")
                #expect(try await queue.count("SELECT count(*) FROM jobs") == before)
            }
            let twice = try await queue.client.enqueue(
                try requests(lastText: "3", lastID: ids[3]), durability: .durable)
            #expect(twice.map(\.replayed) == Array(repeating: false, count: 19) + [true])
        }
    }
}
