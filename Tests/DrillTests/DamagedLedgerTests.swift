// Rows of the ledger that a hand at psql left in states that cannot be: a worker beside them does all other jobs, the
// doctor names job and column, and what it says to do helps.

import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import Synchronization
import TestSupport
import Testing
import WorkerKit
import WorkerRuntime

private struct Work: PlatformJob {
    static let kind: JobKind = "test.damaged_row"
    var seconds: Double
}

/// Counts runs by job.
private final class Runs: PlatformHandler, WorkerPlugin {
    let name = "Runs"
    private let counts = Mutex<[JobID: Int]>([:])

    var byJob: [JobID: Int] { self.counts.withLock { $0 } }

    func register(in registry: inout HandlerRegistry) { registry.add(self) }

    func run(_ job: Work, context: JobContext) async throws -> NoResult {
        self.counts.withLock { $0[context.job.id, default: 0] += 1 }
        // Work that takes its time, until it is cut short.
        try await ContinuousClock().sleep(for: .seconds(job.seconds))
        return NoResult()
    }
}

/// What is written into a job's row, and what the doctor has to say of it.
private struct Edit: Sendable {
    let name: String
    /// `$1` is the job.
    let sql: String
    /// nil: nothing is broken by it.
    var named: String?
    var state: JobState = .succeeded
    var runs = 1
    /// What a person does, as the doctor says; `$1` is the job. The job is done then.
    var mending: String?

    static let all = [
        Edit(
            name: "attempts at their end", sql: "UPDATE jobs SET attempt = 2147483647 WHERE id = $1::uuid",
            named: "numbers that cannot be (jobs.attempt", state: .available, runs: 0,
            mending: "UPDATE jobs SET attempt = 0 WHERE id = $1::uuid"),
        Edit(
            name: "epoch at its end", sql: "UPDATE jobs SET epoch = 9223372036854775807 WHERE id = $1::uuid",
            named: "numbers that cannot be (jobs.attempt", state: .available, runs: 0,
            mending: "UPDATE jobs SET epoch = 7 WHERE id = $1::uuid"),
        Edit(
            name: "failures without attempts", sql: "UPDATE jobs SET failures = 2147483647 WHERE id = $1::uuid",
            named: "numbers that cannot be (jobs.attempt"),
        Edit(
            name: "crashes at their end", sql: "UPDATE jobs SET crashes = 2147483647 WHERE id = $1::uuid",
            named: "numbers that cannot be (jobs.attempt"),
        Edit(
            name: "a kind that cannot be", sql: "UPDATE jobs SET kind = 'No Kind!' WHERE id = $1::uuid",
            named: "cannot be one (jobs.kind, jobs.queue)", state: .dead, runs: 0),
        Edit(
            name: "a queue that cannot be", sql: "UPDATE jobs SET queue = 'No Queue!' WHERE id = $1::uuid",
            named: "cannot be one (jobs.kind, jobs.queue)", state: .dead, runs: 0),
        Edit(
            name: "scheduled for no time", sql: "UPDATE jobs SET state = 'scheduled' WHERE id = $1::uuid",
            named: "without jobs.due_at", state: .scheduled, runs: 0,
            mending: "UPDATE jobs SET state = 'available', session_id = NULL, due_at = NULL WHERE id = $1::uuid"),
        Edit(
            name: "parked by nobody", sql: "UPDATE jobs SET state = 'parked' WHERE id = $1::uuid",
            named: "parked without jobs.started_at", state: .parked, runs: 0,
            mending: "UPDATE jobs SET state = 'available', session_id = NULL, due_at = NULL WHERE id = $1::uuid"),
        Edit(
            name: "running in a session that is not there",
            sql: """
                UPDATE jobs SET state = 'running', session_id = uuid_v7(), attempt = 1, epoch = 1,
                    started_at = clock_timestamp() - interval '1 minute' WHERE id = $1::uuid
                """),
        Edit(
            name: "running in a session that does not run it",
            sql: """
                UPDATE jobs SET state = 'running', session_id = (SELECT id FROM worker_sessions), attempt = 1,
                    epoch = 1, started_at = clock_timestamp() - interval '1 minute' WHERE id = $1::uuid
                """, named: "claims none of them in job_claims", state: .running, runs: 0,
            mending: "UPDATE jobs SET state = 'available', session_id = NULL, due_at = NULL WHERE id = $1::uuid"),
    ]
}

@Suite("Bad data in the ledger", .timeLimit(.minutes(5)))
struct DamagedLedgerTests {
    private static func prepare(_ queue: QueueFixture) async throws {
        try await queue.platform.query(
            "INSERT INTO database_servers (name, host, port, maintenance_database) VALUES ('platform', $1, $2, $3)",
            [
                .text(queue.platform.configuration.host), .int(queue.platform.configuration.port),
                .text(queue.platform.configuration.database),
            ])
    }

    private static func enqueue(_ queue: QueueFixture, seconds: Double = 0) async throws -> JobID {
        try await queue.client.enqueue(Work(seconds: seconds)).id
    }

    private static var configuration: WorkerConfiguration {
        var configuration = WorkerConfiguration.forTests
        configuration.reconcileEvery = .seconds(1)
        return configuration
    }

    @Test("a worker does all other jobs beside rows that cannot be, the doctor names each, and what it says helps")
    func rows() async throws {
        try await QueueFixture.with { queue in
            try await Self.prepare(queue)
            let runs = Runs()
            try await queue.withWorker(plugins: [runs], configuration: Self.configuration) { _ in
                try await eventually("the worker is there") { try await !queue.ledger.sessions().isEmpty }
                // Waiting for a worker, in both stores, when the rows are edited.
                try await queue.client.pause(.default)
                var edited: [(edit: Edit, job: JobID)] = []
                var ordinary: [JobID] = []
                for edit in Edit.all {
                    ordinary.append(try await Self.enqueue(queue))
                    edited.append((edit, try await Self.enqueue(queue)))
                }
                let all = ordinary.count + edited.count
                try await eventually("all wait in Redis") {
                    try await queue.index.audit(.default).durableWaiting == all
                }
                for (edit, job) in edited {
                    try await queue.platform.query(edit.sql, [.text(job.description)])
                }
                let doctor = try await queue.doctor()
                #expect(doctor.exit == 70)
                for (edit, job) in edited {
                    guard let named = edit.named else { continue }
                    let found = doctor.findings.contains { finding in
                        finding.level == "fail" && finding.what.contains(named)
                            && finding.what.contains(job.description)
                    }
                    #expect(found, "the doctor names \(edit.name)")
                }
                try await queue.client.resume(.default)
                for _ in 0..<20 { ordinary.append(try await Self.enqueue(queue)) }
                for job in ordinary { try await queue.wait(for: job, toBe: .succeeded) }
                for (edit, job) in edited {
                    try await queue.wait(for: job, toBe: edit.state)
                    #expect(runs.byJob[job] ?? 0 == edit.runs, "\(edit.name)")
                }
                for (edit, job) in edited {
                    guard let mending = edit.mending else { continue }
                    try await queue.platform.query(mending, [.text(job.description)])
                }
                for (edit, job) in edited where edit.mending != nil {
                    try await queue.wait(for: job, toBe: .succeeded)
                    #expect(runs.byJob[job] == 1, "\(edit.name)")
                }
                for job in ordinary { #expect(runs.byJob[job] == 1) }
                #expect(try await queue.ledger.sessions().count == 1, "the worker never lost its session")
                try await eventually("the doctor finds nothing broken any more", within: .seconds(60)) {
                    try await queue.doctor().findings.allSatisfy { $0.level != "fail" }
                }
            }
        }
    }

    @Test("a job whose numbers are edited while it runs is given back, and its neighbours are settled")
    func whileRunning() async throws {
        try await QueueFixture.with { queue in
            let runs = Runs()
            var configuration = Self.configuration
            configuration.grace = .zero
            let long = try await queue.withWorker(plugins: [runs], configuration: configuration) { _ in
                let long = try await Self.enqueue(queue, seconds: 60)
                let lowered = try await Self.enqueue(queue, seconds: 1)
                let neighbours = try await [Self.enqueue(queue, seconds: 1), Self.enqueue(queue, seconds: 1)]
                try await queue.wait(for: long, toBe: .running)
                try await queue.wait(for: lowered, toBe: .running)
                try await queue.platform.query(
                    "UPDATE jobs SET attempt = 0 WHERE id = $1::uuid", [.text(long.description)])
                try await queue.platform.query(
                    "UPDATE jobs SET epoch = 0 WHERE id = $1::uuid", [.text(lowered.description)])
                for job in neighbours { try await queue.wait(for: job, toBe: .succeeded) }
                // Its attempt was fenced; then the session finds that it does not run what the ledger says.
                try await queue.wait(for: lowered, toBe: .succeeded)
                return long
            }
            // The worker's end gives the long one back, whose attempt cannot be taken back.
            #expect(try await queue.ledger.job(long)?.state == "available")
            #expect(try await queue.ledger.job(long)?.attempt == 0)
        }
    }

    @Test("what the watermark hides is found, as is a ledger without one, and what the doctor says brings the job back")
    func watermark() async throws {
        try await QueueFixture.with { queue in
            try await Self.prepare(queue)
            let job = try await Self.enqueue(queue)
            let mark =
                "UPDATE reconciliation SET settled_seq = m.seq, candidate_seq = m.seq "
                + "FROM (SELECT max(seq) AS seq FROM jobs) m"
            try await queue.platform.query("DELETE FROM job_dispatches")
            try await queue.platform.query(mark)
            let hidden = try await queue.doctor().findings.filter { $0.level == "fail" }
            #expect(hidden.contains { $0.what.contains("below the watermark") && $0.what.contains(job.description) })

            try await queue.platform.query("UPDATE reconciliation SET settled_seq = 1000, candidate_seq = 1000")
            #expect(try await queue.doctor().findings.contains { $0.what.contains("settled_seq 1000") })
            try await queue.platform.query("DELETE FROM reconciliation")
            #expect(try await queue.doctor().findings.contains { $0.what.contains("INSERT INTO reconciliation") })
            try await queue.platform.query("INSERT INTO reconciliation DEFAULT VALUES")
            try await queue.platform.query(mark)
            try await queue.platform.query("INSERT INTO job_stragglers VALUES ($1::uuid)", [.text(job.description)])
            let runs = Runs()
            try await queue.withWorker(plugins: [runs], configuration: Self.configuration) { _ in
                try await queue.wait(for: job, toBe: .succeeded)
            }
            #expect(runs.byJob[job] == 1)
        }
    }

    @Test("rows beside the jobs that name nothing are named, and are in nobody's way")
    func besides() async throws {
        try await QueueFixture.with { queue in
            try await Self.prepare(queue)
            let runs = Runs()
            try await queue.withWorker(plugins: [runs], configuration: Self.configuration) { _ in
                try await eventually("the worker is there") { try await !queue.ledger.sessions().isEmpty }
                let first = try await Self.enqueue(queue)
                try await queue.wait(for: first, toBe: .succeeded)
                let missing = JobID.mint().description
                try await queue.platform.query(
                    "INSERT INTO job_claims SELECT id, 99999, ARRAY[$1::uuid] FROM worker_sessions", [.text(missing)])
                try await queue.platform.query(
                    "INSERT INTO job_claims VALUES (uuid_v7(), 1, ARRAY[$1::uuid])", [.text(first.description)])
                // A ticket of a job that is done, and one of none.
                try await queue.platform.query(
                    "INSERT INTO job_dispatches (job_id, seq) VALUES ($1::uuid, 1), ($2::uuid, 1)",
                    [.text(first.description), .text(missing)])
                try await queue.platform.query(
                    """
                    INSERT INTO worker_sessions (id, worker_id, host, pid, version, queues, kinds, concurrency, beat_at)
                    VALUES (uuid_v7(), uuid_v7(), 'h', 1, '1', '{}', '{}', 1, now() + interval '1 day')
                    """)
                try await queue.platform.query("ALTER TABLE jobs DROP CONSTRAINT jobs_state_check")
                try await queue.client.pause(.default)
                let frozen = try await Self.enqueue(queue)
                try await queue.platform.query(
                    "UPDATE jobs SET state = 'frozen' WHERE id = $1::uuid", [.text(frozen.description)])
                // Not in Redis yet when its queue is edited, and so it never comes there.
                let astray = try await queue.client.enqueue(Work(seconds: 0), options: .init(delay: .seconds(1))).id
                try await queue.platform.query(
                    "UPDATE jobs SET queue = 'No Queue!' WHERE id = $1::uuid", [.text(astray.description)])
                try await queue.wait(for: astray, toBe: .available)
                let findings = try await queue.doctor().findings.map(\.what)
                for text in [
                    missing, "of sessions that are not there", "have beaten in the future", frozen.description,
                    astray.description,
                ] {
                    #expect(findings.contains { $0.contains(text) }, "the doctor names \(text)")
                }
                try await queue.client.resume(.default)
                let last = try await Self.enqueue(queue)
                try await queue.wait(for: last, toBe: .succeeded)
                try await eventually("tickets of nothing go") {
                    try await queue.count("SELECT count(*) FROM job_dispatches") == 0
                }
                #expect(runs.byJob == [first: 1, last: 1])
                try await queue.platform.query(
                    "UPDATE jobs SET queue = 'default' WHERE id = $1::uuid", [.text(astray.description)])
                try await queue.wait(for: astray, toBe: .succeeded)
                #expect(runs.byJob == [first: 1, last: 1, astray: 1])
            }
        }
    }
}
