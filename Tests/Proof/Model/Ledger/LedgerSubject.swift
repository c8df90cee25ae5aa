// The ledger as it is: the calls of the model, asked of the product's own `Ledger` on a private database. Its clock is
// PostgreSQL's; that hours pass is done by moving what is written in the tables two hours back.

internal import JobModel
internal import JobQueue
internal import Postgres

struct LedgerSubject: Sendable {
    private static let queue: QueueName = "model"
    private static let lease = Duration.seconds(3600)

    let ledger: Ledger

    private var database: PostgresDatabase { self.ledger.database }

    /// Asks; an error that no call may have is a reply, too.
    ///
    /// - Parameter tickets: PostgreSQL's number of each of the model's tickets that was taken up.
    func perform(_ call: LedgerCall, tickets: inout [Int: Int64], model: LedgerModel) async throws -> LedgerReply {
        do {
            return try await self.ask(call, &tickets, model)
        } catch let error as CancellationError {
            throw error
        } catch let error as JobQueueError {
            switch error.code {
            case .conflict:
                let index = error.field?.drop { $0 != "[" }.dropFirst().prefix { $0 != "]" }
                return .conflict(error.existing, index: index.flatMap { Int($0) } ?? 0)
            case .notFound: return .refused("notFound")
            case .notPossible: return .refused("notPossible")
            case .invalid, .unavailable, .corrupt, .unsafeRedis: return .failure("\(error)")
            }
        } catch {
            return .failure("\(error)")
        }
    }

    private func ask(
        _ call: LedgerCall, _ tickets: inout [Int: Int64], _ model: LedgerModel
    ) async throws -> LedgerReply {
        switch call {
        case .enqueue(let requests):
            let all = try requests.map { try $0.request(queue: Self.queue) }
            let jobs = all.count == 1 ? [try await self.ledger.enqueue(all[0])] : try await self.ledger.enqueue(all)
            return .enqueued(jobs.map(\.id), replayed: jobs.map(\.replayed))
        case .takeDue: return .due(try await self.takeDue(&tickets, model))
        case .finish(let numbers):
            try await self.ledger.finish(tickets: numbers.compactMap { tickets[$0] })
            return .nothing
        case .begin(let ids, let session, let number, let quarantined):
            let begun = try await self.ledger.begin(ids, session: session, number: number, quarantined: quarantined)
            return .begun(begun.map { LedgerReply.Begun($0) }.sorted { $0.job < $1.job })
        case .settle(let attempts, let session):
            let settled = try await self.ledger.settle(
                attempts.map { SettledAttempt(id: $0.job, epoch: $0.epoch, settlement: $0.settlement) },
                session: session)
            return .ids(settled.sorted())
        case .completeStep(let job, let epoch, let session, let name, let result):
            return .truth(
                try await self.ledger.completeStep(
                    name, of: job, epoch: epoch, session: session, result: Array(result.utf8)))
        case .forgetClaims(let numbers, let session):
            try await self.ledger.forgetClaims(numbers, session: session)
            return .nothing
        case .cancel(let id): return .word(try await self.ledger.cancel(id).rawValue)
        case .retry(let id):
            try await self.ledger.retry(id)
            return .nothing
        case .unpark(let family):
            try await self.ledger.unpark(family: family)
            return .nothing
        case .repair: return .number(try await self.ledger.repair())
        case .reconcile:
            let above = try await self.ledger.availableJobs(after: 0, limit: 10_000).map(\.id)
            let below = try await self.ledger.stragglers(after: nil, limit: 10_000).filter(\.isAvailable)
            return .ids(Set(above + below.map(\.job.id)).sorted())
        case .advanceWatermark:
            try await self.ledger.advanceWatermark()
            return .nothing
        case .pass:
            try await self.database.execute(script: Self.twoHoursPass)
            return .nothing
        case .register, .beat, .reap, .expired, .running: return try await self.askOfSession(call)
        }
    }

    private func askOfSession(_ call: LedgerCall) async throws -> LedgerReply {
        switch call {
        case .register(let session, let knowsAll):
            _ = try await self.ledger.register(
                SessionRegistration(
                    id: session, host: "model", pid: 1, version: "0", queues: [Self.queue],
                    kinds: LedgerDraw.kinds(knowsAll: knowsAll), concurrency: 1))
            return .nothing
        case .beat(let session):
            return try await self.ledger.beat(session).map { .ids($0.sorted()) } ?? .isOver
        case .reap(let session, let end, let ifSilent):
            guard let why = SessionEnd(rawValue: end) else { return .failure("no such end") }
            let jobs = try await self.ledger.reap(session, because: why, lease: ifSilent ? Self.lease : nil)
            let reaped = jobs.map { $0.map { LedgerReply.Reaped(job: $0.id, isPoison: $0.isPoison) } }
            return reaped.map { .reaped($0.sorted { $0.job < $1.job }) } ?? .livesOn
        case .running(let session):
            return .ids(Set(try await self.ledger.running(of: session).map(\.id)).sorted())
        default: return .sessions(try await self.ledger.expiredSessions(lease: Self.lease).map(\.id).sorted())
        }
    }

    /// The tickets of a job are given one after the other, here and there: so they are told apart.
    private func takeDue(_ tickets: inout [Int: Int64], _ model: LedgerModel) async throws -> [LedgerReply.Due] {
        let found = try await self.ledger.takeDue(limit: 10_000).sorted { $0.ticket < $1.ticket }
        var ours = Dictionary(grouping: model.tickets.filter { $0.due <= model.now }, by: \.job)
        return found.map { due in
            let job = due.job.id
            let number = ours[job]?.first?.number ?? -Int(due.ticket)
            if ours[job]?.isEmpty == false { ours[job]?.removeFirst() }
            tickets[number] = due.ticket
            return LedgerReply.Due(
                ticket: number, job: job, isRunnable: due.runnable, isQuarantined: due.job.isQuarantined)
        }.sorted { $0.ticket < $1.ticket }
    }

    private static let twoHoursPass = """
        UPDATE jobs SET due_at = due_at - interval '2 hours', started_at = started_at - interval '2 hours';
        UPDATE job_dispatches SET due_at = due_at - interval '2 hours';
        UPDATE worker_sessions SET beat_at = beat_at - interval '2 hours';
        """

    /// Empties all that a sequence wrote.
    func empty() async throws {
        try await self.database.execute(
            script: """
                DELETE FROM jobs; DELETE FROM job_dispatches; DELETE FROM job_claims; DELETE FROM job_cancellations;
                DELETE FROM job_idempotency_keys; DELETE FROM worker_sessions; DELETE FROM job_stragglers;
                """)
    }

    /// All that the tables hold of what the model knows.
    func contents() async throws -> LedgerContents {
        var contents = LedgerContents()
        for row in try await self.database.query(
            """
            SELECT j.id::text, concat_ws(' ', j.state, 'attempt', j.attempt, 'failures', j.failures, 'crashes',
                j.crashes, 'epoch', j.epoch, 'session', COALESCE(j.session_id::text, 'none'), 'reason',
                COALESCE(j.reason, 'none'), CASE WHEN j.due_at IS NOT NULL THEN 'due' END,
                CASE WHEN j.settled_at IS NOT NULL AND j.state IN ('succeeded', 'dead', 'cancelled') THEN 'settled' END,
                (SELECT string_agg(a.epoch || ' ' || a.outcome, ', ' ORDER BY a.epoch) FROM job_attempts a
                  WHERE a.job_id = j.id),
                (SELECT string_agg(s.name || '=' || s.result::text, ', ' ORDER BY s.name) FROM job_steps s
                  WHERE s.job_id = j.id)) FROM jobs j
            """)
        {
            contents.rows["job \(try row.string(at: 0))"] = try row.string(at: 1)
        }
        for row in try await self.database.query(
            """
            SELECT job_id::text, string_agg(concat_ws(' ', 'ticket', parked_family_id, parked_kind), ', '
                ORDER BY ticket) FROM job_dispatches GROUP BY job_id
            """)
        {
            contents.rows["tickets of \(try row.string(at: 0))"] = try row.string(at: 1)
        }
        for row in try await self.database.query(
            """
            SELECT session_id::text, number::text,
                (SELECT string_agg(i::text, ' ' ORDER BY i) FROM unnest(job_ids) AS i) FROM job_claims
            """)
        {
            contents.rows["claim \(try row.string(at: 1)) of \(try row.string(at: 0))"] = try row.string(at: 2)
        }
        return contents
    }
}

extension LedgerReply.Begun {
    init(_ job: BegunJob) {
        self.init(
            job: job.id,
            life: JobLife(
                state: .running, attempt: job.attempt, failures: job.failures, crashes: job.crashes, epoch: job.epoch))
    }
}

extension LedgerRequest {
    fileprivate func request(queue: QueueName) throws -> JobRequest {
        let delay: Duration? = self.delayHours > 0 ? .seconds(3600 * self.delayHours) : nil
        return try JobRequest(
            kind: self.kind, target: JobTarget(family: self.family), payload: Array(self.payload.utf8),
            options: EnqueueOptions(
                idempotencyKey: self.key, queue: queue, priority: self.priority, delay: delay, id: self.id))
    }
}
