// What the ledger's statements do to PostgreSQL: which rows they read, and how they change them.

import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import TestSupport
import Testing

@Suite("What the ledger's statements cost")
struct LedgerCostTests {
    @Test("beginning and settling a job is two HOT updates")
    func updatesAreHOT() async throws {
        try await QueueFixture.with { queue in
            let session = try await queue.session()
            var ids: [JobID] = []
            for number in 0..<8 { ids.append(try await queue.client.enqueue(Ping(text: "\(number)")).id) }
            let begun = try await queue.ledger.begin(ids, session: session, number: 1)
            _ = try await queue.ledger.settle(
                begun.map { SettledAttempt(id: $0.id, epoch: $0.epoch, settlement: .succeeded) }, session: session)
            try await eventually("the statistics arrive") {
                try await queue.count("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'jobs'") >= 16
            }
            let hot = try await queue.count("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'jobs'")
            // Eight small rows: all their versions find room on one page, also when other tests hold the pruning up.
            #expect(hot == 16)
        }
    }

    @Test("batches, care, counts and lists look jobs up: none of them reads the whole ledger")
    func nobodyReadsTheWholeLedger() async throws {
        try await QueueFixture.with { queue in
            let session = try await queue.session()
            let batch = 1000
            try await queue.platform.execute(
                script: """
                    WITH job AS (
                        INSERT INTO jobs (id, kind, queue, payload, max_attempts, state)
                        SELECT uuid_v7(), 'test.ping', 'default', '{"text": "a"}', 10,
                            CASE WHEN number <= 19000 THEN 'succeeded' ELSE 'available' END
                        FROM generate_series(1, 20000) number
                        RETURNING id, seq, state
                    ) INSERT INTO job_dispatches (job_id, seq) SELECT id, seq FROM job WHERE state = 'available';
                    """)
            for table in ["jobs", "job_dispatches"] { try await queue.platform.execute(script: "ANALYZE \(table)") }
            let rows = try await queue.platform.query("SELECT job_id FROM job_dispatches")
            let ids = try rows.map { try #require(JobID(try $0.string(at: 0))) }
            func scans() async throws -> Int {
                try await queue.count("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'jobs'")
            }
            try await eventually("the statistics of the rows arrive") {
                try await queue.count("SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'jobs'") >= 20_000
            }
            let before = try await scans()

            let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            #expect(try await dispatcher.dispatchDue() == batch)
            let begun = try await queue.ledger.begin(ids, session: session, number: 1)
            let outcomes: [Settlement] = [.succeeded, .retry(after: .seconds(60))]
            let settled = try await queue.ledger.settle(
                begun.enumerated().map { index, job in
                    SettledAttempt(id: job.id, epoch: job.epoch, settlement: outcomes[index % 2])
                }, session: session)
            #expect(settled.count == batch)
            // The third pass knows a watermark, and those that are open below it.
            let reconciler = Reconciler(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            for _ in 0..<3 { _ = try await reconciler.reconcile() }
            #expect(try await queue.count("SELECT settled_seq FROM reconciliation") == 20_000)
            _ = try await queue.ledger.queues()
            for (state, jobs) in [(JobState.scheduled, 500), (.available, 0), (.running, 0), (.parked, 0), (.dead, 0)] {
                #expect(try await queue.ledger.jobs(JobFilter(state: state, limit: 1000)).count == jobs)
            }
            // What a connection counted arrives in its order.
            try await queue.platform.query("UPDATE jobs SET progress = '{}' WHERE id = $1::uuid", [.text("\(ids[0])")])
            try await eventually("the statistics of the updates arrive") {
                try await queue.count("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'jobs'") > 2 * batch
            }
            #expect(try await scans() == before)
        }
    }
}
