// What is found at the end, read from outside: the rows that effects left, the ledger, Redis, the workers' logs.

import JobModel
import JobQueue
import Postgres
import Processes
import Redis

/// Everything the verdict looks at.
struct SoakEvidence: Sendable {
    /// A row of the ledger.
    struct Job: Sendable {
        var id: JobID
        var kind: String
        var state: String
        var attempt: Int
        var failures: Int
        var crashes: Int
        var epoch: Int
        var reason: String?
        /// How often each outcome is in its history.
        var outcomes: [String: Int] = [:]
        /// Epochs in its history, with their outcomes.
        var epochs: [Int: String] = [:]
        /// Sessions that died with it aboard.
        var deadSessions: Set<String> = []
    }

    /// A refused settlement, as a worker's log tells.
    struct Fence: Sendable {
        var job: JobID
        var epoch: Int
        var at: DayTime
    }

    var jobs: [JobID: Job] = [:]
    /// How many rows each job left, in all databases.
    var effects: [JobID: Int] = [:]
    /// The databases that each job left rows in.
    var places: [JobID: Set<String>] = [:]
    var orders: Set<JobID> = []
    var fences: [Fence] = []
    var fastFences = 0
    var deadFast: [JobID: String] = [:]
    /// How sessions ended: stopped, died, expired.
    var sessionEnds: [String: Int] = [:]
    var families = (all: 0, ready: 0)

    static func gather(_ stack: SoakStack, logs: [String]) async throws -> SoakEvidence {
        var evidence = SoakEvidence()
        try await evidence.readLedger(stack)
        try await evidence.readEffects(stack)
        try await evidence.readRedis(stack)
        for log in logs { evidence.readLog(log) }
        return evidence
    }

    private mutating func readLedger(_ stack: SoakStack) async throws {
        for row in try await stack.platform.query(
            "SELECT id::text, kind, state, attempt, failures, crashes, epoch, reason FROM jobs", timeout: .seconds(60))
        {
            guard let id = JobID(try row.string(at: 0)) else { continue }
            self.jobs[id] = Job(
                id: id, kind: try row.string(at: 1), state: try row.string(at: 2), attempt: try row.int(at: 3),
                failures: try row.int(at: 4), crashes: try row.int(at: 5), epoch: try row.int(at: 6),
                reason: try row.optionalString(at: 7))
        }
        for row in try await stack.platform.query(
            "SELECT job_id::text, epoch, outcome, session_id::text FROM job_attempts", timeout: .seconds(60))
        {
            guard let id = JobID(try row.string(at: 0)) else { continue }
            let outcome = try row.string(at: 2)
            self.jobs[id]?.outcomes[outcome, default: 0] += 1
            self.jobs[id]?.epochs[try row.int(at: 1)] = outcome
            if outcome == "crashed", let session = try row.optionalString(at: 3) {
                self.jobs[id]?.deadSessions.insert(session)
            }
        }
        for row in try await stack.platform.query("SELECT job_id::text FROM audit_logs WHERE action = 'soak'") {
            if let id = JobID(try row.string(at: 0)) { self.orders.insert(id) }
        }
        for row in try await stack.platform.query(
            "SELECT COALESCE(end_reason, 'open'), count(*) FROM worker_sessions GROUP BY 1")
        {
            self.sessionEnds[try row.string(at: 0)] = try row.int(at: 1)
        }
        self.families = (
            try await stack.count("SELECT count(*) FROM families"),
            try await stack.count("SELECT count(*) FROM families WHERE provisioned_at IS NOT NULL")
        )
    }

    private mutating func readEffects(_ stack: SoakStack) async throws {
        let sql = "SELECT job_id::text, count(*) FROM diagnostic_effects GROUP BY job_id"
        for database in [SoakStack.database] + (try await stack.families().map(\.database)) {
            let rows = try await stack.withConnection(to: database) { try await $0.query(sql, timeout: .seconds(60)) }
            for row in rows {
                guard let id = JobID(try row.string(at: 0)) else { continue }
                self.effects[id, default: 0] += try row.int(at: 1)
                self.places[id, default: []].insert(database)
            }
        }
    }

    private mutating func readRedis(_ stack: SoakStack) async throws {
        for queue: QueueName in ["diagnostics", SoakPool.killersQueue] {
            for job in try await stack.client.index.deadFastJobs(of: queue, limit: 1000) {
                guard let id = JobID(job.id) else { continue }
                self.deadFast[id] = job.reason ?? "unknown"
            }
        }
    }

    /// `… fenced: another session has this job now … epoch=3 job=0193… kind=…`
    private mutating func readLog(_ path: String) {
        for line in (FileSystem.text(ofFileThatMayVanish: path) ?? "").split(whereSeparator: \.isNewline)
        where line.contains("fenced: another session has this job now") {
            guard let job = Self.value("job", in: line).flatMap({ JobID(String($0)) }), let at = DayTime(logLine: line)
            else { continue }
            if let epoch = Self.value("epoch", in: line).flatMap({ Int($0) }) {
                self.fences.append(Fence(job: job, epoch: epoch, at: at))
            } else {
                self.fastFences += 1
            }
        }
    }

    private static func value(_ name: String, in line: Substring) -> Substring? {
        line.split(separator: " ").first { $0.hasPrefix("\(name)=") }?.dropFirst(name.count + 1)
    }
}
