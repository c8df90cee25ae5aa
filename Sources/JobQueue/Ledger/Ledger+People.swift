// What people ask of the ledger: show, list, retry, cancel, pause.

public import JobModel
internal import Postgres

/// A job as people see it. Times are RFC 3339 in UTC.
public struct JobRecord: Codable, Sendable, Hashable {
    public var id: String
    public var seq: Int
    public var kind: String
    public var queue: String
    public var familyID: String?
    public var state: String
    /// `high`, `normal` or `low`.
    public var priority: String
    public var attempt: Int
    public var failures: Int
    public var crashes: Int
    public var epoch: Int
    public var maxAttempts: Int
    public var idempotencyKey: String?
    public var sessionID: String?
    public var reason: String?
    public var error: JSONValue?
    public var progress: JSONValue?
    public var payload: JSONValue?
    public var result: JSONValue?
    public var enqueuedAt: String?
    public var dueAt: String?
    public var startedAt: String?
    public var settledAt: String?
    public var attempts: [AttemptRecord]?

    enum CodingKeys: String, CodingKey {
        case id, seq, kind, queue
        case familyID = "family_id"
        case state, priority, attempt, failures, crashes, epoch
        case maxAttempts = "max_attempts"
        case idempotencyKey = "idempotency_key"
        case sessionID = "session_id"
        case reason, error, progress, payload, result
        case enqueuedAt = "enqueued_at"
        case dueAt = "due_at"
        case startedAt = "started_at"
        case settledAt = "settled_at"
        case attempts
    }
}

/// An attempt that did not end in an uneventful success.
public struct AttemptRecord: Codable, Sendable, Hashable {
    public var epoch: Int
    public var attempt: Int
    public var outcome: String
    public var sessionID: String?
    public var error: JSONValue?
    public var startedAt: String?
    public var endedAt: String?

    enum CodingKeys: String, CodingKey {
        case epoch, attempt, outcome
        case sessionID = "session_id"
        case error
        case startedAt = "started_at"
        case endedAt = "ended_at"
    }
}

/// Which jobs to list.
public struct JobFilter: Sendable, Hashable {
    public var state: JobState?
    public var kind: JobKind?
    public var queue: QueueName?
    public var family: FamilyID?
    /// Only jobs older than this one's `seq`: the next page.
    public var before: Int?
    /// 1 to 1000.
    public var limit: Int

    public init(
        state: JobState? = nil, kind: JobKind? = nil, queue: QueueName? = nil, family: FamilyID? = nil,
        before: Int? = nil, limit: Int = 50
    ) {
        self.state = state
        self.kind = kind
        self.queue = queue
        self.family = family
        self.before = before
        self.limit = limit
    }
}

/// A queue as people see it: durable jobs by state.
public struct QueueRecord: Codable, Sendable, Hashable {
    public var name: String
    public var paused: Bool
    public var available: Int
    public var running: Int
    public var scheduled: Int
    public var parked: Int
    /// Such of the available ones as wait to be run alone.
    public var quarantined: Int
    public var dead: Int
    /// How long the oldest available job has waited, in milliseconds.
    public var oldestMilliseconds: Int

    enum CodingKeys: String, CodingKey {
        case name, paused, available, running, scheduled, parked, quarantined, dead
        case oldestMilliseconds = "oldest_ms"
    }
}

/// A session as people see it.
public struct SessionRecord: Codable, Sendable, Hashable {
    public var id: String
    public var number: Int
    public var host: String
    public var pid: Int
    public var version: String
    public var queues: [String]
    public var kinds: [String]
    public var concurrency: Int
    /// It was told to claim nothing more, and lives on until what it runs is done and it is told to end.
    public var isQuiet: Bool
    public var running: Int
    public var startedAt: String?
    public var endedAt: String?
    /// Why it ended; absent while it lives.
    public var endReason: String?
    /// Age of its last heartbeat, in milliseconds.
    public var beatAgeMilliseconds: Int

    enum CodingKeys: String, CodingKey {
        case id, number, host, pid, version, queues, kinds, concurrency, running
        case isQuiet = "is_quiet"
        case startedAt = "started_at"
        case endedAt = "ended_at"
        case endReason = "end_reason"
        case beatAgeMilliseconds = "beat_age_ms"
    }
}

extension Ledger {
    /// One job with its recorded attempts, the last `JobLimits.attemptsShownMax` of them; nil when there is none.
    public func job(_ id: JobID) async throws -> JobRecord? {
        guard let row = try await self.query(EmbeddedText.showJob, [.text(id.description)]).first else { return nil }
        var record = try JobRecord(row)
        record.attempts = try await self.query(
            EmbeddedText.showAttempts, [.text(id.description), .int(JobLimits.attemptsShownMax)]
        ).map { row in
            AttemptRecord(
                epoch: try row.int("epoch"), attempt: try row.int("attempt"), outcome: try row.string("outcome"),
                sessionID: try row.optionalString("session_id"), error: try row.json("error"),
                startedAt: try row.optionalString("started_at"), endedAt: try row.optionalString("ended_at"))
        }
        return record
    }

    private static let listFewJobs = EmbeddedText.listJobs.replacing(
        "\nFROM jobs\n", with: "\nFROM (\n\(EmbeddedText.listFewJobs)\n) jobs\n")

    /// Jobs, newest first, without payloads and results.
    ///
    /// Those of a state in which few are, dead or open, are found without a look at all that ever were; the cancelled
    /// are not.
    public func jobs(_ filter: JobFilter) async throws -> [JobRecord] {
        guard (1...1000).contains(filter.limit) else { throw JobQueueError.invalid("limit", "must be 1 to 1000") }
        let areFew = filter.state.map { $0 == .dead || !$0.isTerminal } ?? false
        return try await self.query(
            areFew ? Self.listFewJobs : EmbeddedText.listJobs,
            [
                .text(filter.state?.rawValue), .text(filter.kind?.rawValue), .text(filter.queue?.rawValue),
                .text(filter.family?.description), .int(filter.before), .int(filter.limit),
            ]
        ).map { try JobRecord($0) }
    }

    public func queues() async throws -> [QueueRecord] {
        try await self.query(EmbeddedText.listQueues, [.int(JobLimits.crashesMax)]).map { row in
            QueueRecord(
                name: try row.string("name"), paused: try row.bool("paused"), available: try row.int("available"),
                running: try row.int("running"), scheduled: try row.int("scheduled"), parked: try row.int("parked"),
                quarantined: try row.int("quarantined"), dead: try row.int("dead"),
                oldestMilliseconds: try row.int("oldest_ms"))
        }
    }

    public func sessions() async throws -> [SessionRecord] {
        try await self.query(EmbeddedText.listSessions).map { row in
            SessionRecord(
                id: try row.string("id"), number: try row.int("number"), host: try row.string("host"),
                pid: try row.int("pid"), version: try row.string("version"), queues: try row.stringArray("queues"),
                kinds: try row.stringArray("kinds"), concurrency: try row.int("concurrency"),
                isQuiet: try row.bool("is_quiet"), running: try row.int("running"),
                startedAt: try row.optionalString("started_at"),
                endedAt: try row.optionalString("ended_at"), endReason: try row.optionalString("end_reason"),
                beatAgeMilliseconds: try row.int("beat_age_ms"))
        }
    }

    /// Runs a dead or cancelled job again, with a fresh budget.
    ///
    /// - Throws: `JobQueueError`: `.notFound`, `.notPossible` (naming the state).
    public func retry(_ id: JobID) async throws {
        if try await self.query(EmbeddedText.retryJob, [.text(id.description)]).isEmpty {
            throw try await self.refusal(of: "retried", id)
        }
    }

    /// Gives a job up.
    ///
    /// - Throws: `JobQueueError`: `.notFound`, `.notPossible` (naming the state).
    public func cancel(_ id: JobID) async throws -> CancelOutcome {
        guard let row = try await self.query(EmbeddedText.cancelJob, [.text(id.description)]).first,
            let outcome = CancelOutcome(rawValue: try row.string("done"))
        else { throw try await self.refusal(of: "cancelled", id) }
        return outcome
    }

    /// Pauses or resumes a queue in the ledger; Redis is told by `JobQueueClient`.
    ///
    /// - Throws: `JobQueueError(.notFound)`: no worker ever registered the queue. The message names those that are
    ///   known.
    func setPaused(_ paused: Bool, queue: QueueName) async throws -> QueueSwitch {
        let rows = try await self.query(EmbeddedText.switchQueue, [.text(queue.rawValue), .bool(paused)])
        guard let row = rows.first else { throw try await self.unknownQueue(queue) }
        return try QueueSwitch(row)
    }

    /// - Throws: `JobQueueError(.notFound)`: no worker ever registered the queue.
    func requireQueue(_ queue: QueueName) async throws {
        let known = try await self.queueSwitches()
        if !known.contains(where: { $0.queue == queue }) { throw try await self.unknownQueue(queue) }
    }

    private func unknownQueue(_ queue: QueueName) async throws -> JobQueueError {
        let known = try await self.queueSwitches().map(\.queue.rawValue).joined(separator: ", ")
        let hint = known.isEmpty ? "no worker has registered any yet" : "known: \(known)"
        return JobQueueError(.notFound, field: "queue", "there is no queue \(queue); \(hint)")
    }

    private func refusal(of verb: String, _ id: JobID) async throws -> JobQueueError {
        guard let state = try await self.job(id)?.state else {
            return JobQueueError(.notFound, field: "id", "there is no job \(id)")
        }
        return JobQueueError(.notPossible, field: "state", "a job that is \(state) cannot be \(verb)")
    }
}

extension JobRecord {
    init(_ row: PostgresRow) throws {
        self.init(
            id: try row.string("id"), seq: try row.int("seq"), kind: try row.string("kind"),
            queue: try row.string("queue"), familyID: try row.optionalString("family_id"),
            state: try row.string("state"),
            priority: JobPriority(rawValue: try row.int("priority"))?.word ?? "unknown",
            attempt: try row.int("attempt"), failures: try row.int("failures"), crashes: try row.int("crashes"),
            epoch: try row.int("epoch"),
            maxAttempts: try row.int("max_attempts"), idempotencyKey: try row.optionalString("idempotency_key"),
            sessionID: try row.optionalString("session_id"), reason: try row.optionalString("reason"),
            error: try row.json("error"), progress: try row.json("progress"), payload: try row.json("payload"),
            result: try row.json("result"), enqueuedAt: try row.optionalString("enqueued_at"),
            dueAt: try row.optionalString("due_at"), startedAt: try row.optionalString("started_at"),
            settledAt: try row.optionalString("settled_at"))
    }
}

extension PostgresRow {
    fileprivate func json(_ column: String) throws -> JSONValue? {
        try self.optionalString(column).map { try JSONText.decode(JSONValue.self, from: Array($0.utf8)) }
    }
}
