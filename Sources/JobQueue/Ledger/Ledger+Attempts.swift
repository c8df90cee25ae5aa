// Begin and settle: the two updates of an ordinary job's life, and the steps between them.

public import JobModel
public import Postgres

extension Ledger {
    /// Begins attempts of claimed jobs.
    ///
    /// - Parameter number: The batch's number, unique within the session.
    /// - Parameter quarantined: Begins only jobs that are to be run alone; false: only others.
    /// - Returns: Those begun; the others were not available any more, or not here, or the session has ended; or their
    /// rows hold what cannot be, and they are dead now.
    public func begin(
        _ ids: [JobID], session: SessionID, number: Int64, quarantined: Bool = false
    ) async throws -> [BegunJob] {
        let rows = try await self.query(
            EmbeddedText.beginJobs,
            [
                .uuids(ids.lazy.map(\.uuid.words)), .text(session.description), .int(number),
                .int(JobLimits.crashesMax), .bool(quarantined),
            ])
        var names = KnownNames()
        var jobs: [BegunJob] = []
        jobs.reserveCapacity(rows.count)
        var unreadable: [SettledAttempt] = []
        for row in rows {
            do {
                jobs.append(try BegunJob(row, &names))
            } catch {
                unreadable.append(
                    SettledAttempt(
                        id: try row.jobID(at: 0), epoch: Int64(try row.int(at: 9)),
                        settlement: .dead(spent: false, .undecodable), error: AttemptError(error)))
            }
        }
        // Edited into what no handler can have: dead, as a payload that cannot be read, and in nobody's way.
        if !unreadable.isEmpty { _ = try await self.settle(unreadable, session: session) }
        return jobs
    }

    /// Records outcomes. An attempt whose epoch, or session, is not the job's any more is fenced: nothing of its job
    /// changes. (The session, too: a server that crashed may mint an epoch twice; see begin_jobs.sql.)
    ///
    /// - Parameter connection: Joins the transaction that is open on it, for an effect that commits with its
    /// settlement.
    /// - Returns: The ids that were settled.
    public func settle(
        _ attempts: [SettledAttempt], session: SessionID, on connection: PostgresConnection? = nil
    ) async throws -> Set<JobID> {
        var settled: Set<JobID> = []
        settled.reserveCapacity(attempts.count)
        func run(_ sql: String, _ attempts: [SettledAttempt], _ values: [PostgresValue]) async throws {
            let keys: [PostgresValue] = [
                .uuids(attempts.lazy.map(\.id.uuid.words)), .bigints(attempts.lazy.map(\.epoch)),
            ]
            let rows = try await self.query(
                sql, keys + values + [.text(session.description)], on: connection)
            // Mostly nothing was fenced; then there is nothing to read.
            guard rows.count < attempts.count else { return settled.formUnion(attempts.lazy.map(\.id)) }
            for row in rows { settled.insert(try row.jobID(at: 0)) }
        }
        let succeeded = attempts.filter { $0.settlement == .succeeded }
        if !succeeded.isEmpty {
            try await run(EmbeddedText.settleSucceeded, succeeded, [.results(succeeded)])
        }
        let others = attempts.filter { $0.settlement != .succeeded }
        if !others.isEmpty {
            let rows = try others.map { try SettlementRow($0) }
            try await run(
                EmbeddedText.settleJobs, others,
                [
                    .array(rows.map(\.outcome)), .array(rows.map(\.delay)), .array(rows.map(\.reason)),
                    .array(rows.map(\.spent)), .array(rows.map(\.error)), .results(others),
                ])
        }
        return settled
    }

    /// Forgets batches whose jobs are all settled.
    public func forgetClaims(_ numbers: [Int64], session: SessionID) async throws {
        _ = try await self.query(
            EmbeddedText.forgetClaims, [.text(session.description), .array(numbers.map(String.init))])
    }

    /// The recorded result of a step, as JSON; nil when it was not completed.
    public func completedStep(_ name: String, of job: JobID) async throws -> [UInt8]? {
        let rows = try await self.query(
            "SELECT result::text FROM job_steps WHERE job_id = $1::uuid AND name = $2",
            [.text(job.description), .text(name)])
        return try rows.first.map { Array(try $0.optionalString(at: 0)?.utf8 ?? "null".utf8) }
    }

    /// Records a step's result. - Returns: False when the attempt is fenced; nothing was recorded.
    public func completeStep(
        _ name: String, of job: JobID, epoch: Int64, session: SessionID, result: [UInt8]
    ) async throws -> Bool {
        let rows = try await self.query(
            EmbeddedText.completeStep,
            [
                .text(job.description), .int(Int(epoch)), .text(name), .text(String(decoding: result, as: UTF8.self)),
                .text(session.description),
            ])
        return !rows.isEmpty
    }

    /// Records how far a running attempt is; nothing when it is fenced.
    public func report(_ progress: [UInt8], of job: JobID, epoch: Int64, session: SessionID) async throws {
        _ = try await self.query(
            "UPDATE jobs SET progress = $3::jsonb WHERE id = $1::uuid AND epoch = $2::bigint AND session_id = $4::uuid",
            [
                .text(job.description), .int(Int(epoch)), .text(String(decoding: progress, as: UTF8.self)),
                .text(session.description),
            ])
    }
}

extension PostgresValue {
    /// Results, a `jsonb[]`.
    fileprivate static func results(_ attempts: [SettledAttempt]) -> PostgresValue {
        .array(attempts.map { $0.result.map { String(decoding: $0, as: UTF8.self) } })
    }
}

/// A settlement as the columns of settle_jobs.sql.
private struct SettlementRow {
    var outcome: String
    var delay: String?
    var reason: String?
    var spent = "false"
    var error: String?

    init(_ attempt: SettledAttempt) throws {
        self.error = try attempt.error.map { try JSONText.string($0) }
        switch attempt.settlement {
        case .succeeded: self.outcome = "succeeded"
        case .retry(let delay):
            self.outcome = "retried"
            self.delay = String(delay.wholeMilliseconds)
        case .snooze(let delay):
            self.outcome = "snoozed"
            self.delay = String(delay.wholeMilliseconds)
        case .park(let reason, let delay):
            self.outcome = "parked"
            self.reason = reason.rawValue
            self.delay = String(delay.wholeMilliseconds)
        case .dead(let spent, let reason):
            self.outcome = "dead"
            self.reason = reason.rawValue
            self.spent = spent ? "true" : "false"
        case .cancelled: self.outcome = "cancelled"
        case .giveBack: self.outcome = "given_back"
        }
    }
}
