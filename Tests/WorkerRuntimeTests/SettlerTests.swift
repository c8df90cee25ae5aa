// When outcomes are told to be settled, and effects that are asked for again.

import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import Synchronization
import TestSupport
import Testing

@testable import WorkerRuntime

@Suite("The settler")
struct SettlerTests {
    @Test("an outcome is acknowledged after the ledger has committed it, not before")
    func acknowledgesAfterTheCommit() async throws {
        try await QueueFixture.with { queue in
            let session = SessionID.mint()
            _ = try await queue.ledger.register(
                SessionRegistration(
                    id: session, host: "here", pid: 1, version: "test", queues: [.default], kinds: [], concurrency: 1))
            let id = try await queue.client.enqueue(Act(word: "x")).id
            _ = try await queue.ledger.begin([id], session: session, number: 1)
            let told = Mutex<[JobID]>([])
            let settler = Settler(
                ledger: queue.ledger, session: session, counters: RuntimeCounters(), logger: queue.logger
            ) { items in
                told.withLock { $0 += items.map(\.attempt.id) }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await settler.run() }
                try await queue.platform.transaction { connection in
                    // Whoever holds the row holds the settlement up.
                    try await connection.query(
                        "SELECT FROM jobs WHERE id = $1::uuid FOR UPDATE", [.text(id.description)])
                    settler.settle(
                        Settler.Item(
                            attempt: SettledAttempt(id: id, epoch: 1, settlement: .succeeded), kind: Act.kind,
                            queue: .default))
                    try await eventually("the settlement waits") {
                        try await queue.count(
                            "SELECT count(*) FROM pg_stat_activity "
                                + "WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1
                    }
                    #expect(told.withLock { $0 } == [])
                }
                try await eventually("the outcome is acknowledged") { told.withLock { $0 } == [id] }
                settler.finish()
                try await group.waitForAll()
            }
            #expect(try await queue.ledger.job(id)?.state == JobState.succeeded.rawValue)
        }
    }
}

@Suite("The inbox")
struct InboxTests {
    @Test("an effect that another attempt committed is not done again, and its value is the first one's")
    func once() async throws {
        try await QueueFixture.with { queue in
            let inbox = Inbox(database: queue.platform)
            let job = JobID.mint()
            for epoch in 1...3 as ClosedRange<Int64> {
                let value = try await inbox.once(
                    Inbox.Entry(job: job, kind: Act.kind, idempotencyKey: nil, epoch: epoch)
                ) { connection in
                    try await connection.query(
                        "INSERT INTO diagnostic_effects (job_id) VALUES ($1::uuid)", [.text(job.description)])
                    return Array("\(epoch)".utf8)
                }
                #expect(value == Array("1".utf8))
            }
            #expect(try await queue.count("SELECT count(*) FROM diagnostic_effects") == 1)
        }
    }

    @Test("an effect that threw has no row, and is done by the next attempt")
    func again() async throws {
        struct Undo: Error {}
        try await QueueFixture.with { queue in
            let inbox = Inbox(database: queue.platform)
            let entry = Inbox.Entry(job: .mint(), kind: Act.kind, idempotencyKey: nil, epoch: 1)
            await #expect(throws: Undo.self) { try await inbox.once(entry) { _ in throw Undo() } }
            let value = try await inbox.once(entry) { _ in Array("2".utf8) }
            #expect(value == Array("2".utf8))
        }
    }
}
