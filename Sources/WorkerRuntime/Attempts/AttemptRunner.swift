// Runs one attempt in its slot: finds the handler and the target's database, makes the context, runs the handler until
// it returns or throws, and says what became of it. Cutting it short is AttemptSlots' business, settling the caller's.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres
internal import WorkerKit

/// What became of an attempt.
struct AttemptOutcome: Sendable {
    var settlement: Settlement
    var result: [UInt8]?
    var error: AttemptError?
    /// The effect's transaction settled it already.
    var isSettled = false
    /// The handler found that another session has the job.
    var isFenced = false
}

/// Runs attempts of one session.
struct AttemptRunner: Sendable {
    let registry: HandlerRegistry
    let ledger: Ledger
    /// What handlers are lent.
    let platform: PostgresDatabase
    let families: (any FamilyDatabaseProvider)?
    let session: SessionID
    /// The session's number: the epoch of its fast attempts.
    let sessionNumber: Int64
    let counters: RuntimeCounters
    let logger: Logger

    /// Runs a durable attempt that was begun. - Parameter interruption: Why it is being cut short, if it is.
    func run(
        _ job: BegunJob, _ handler: RegisteredHandler?, until deadline: ContinuousClock.Instant,
        interruption: () -> Interruption?
    ) async -> AttemptOutcome {
        let info = JobInfo(job)
        guard let handler, handler.payloadVersion >= job.payloadVersion else {
            return self.parkUnknown(info, payloadVersion: job.payloadVersion)
        }
        let support = DurableAttempt(
            job: job, info: info, session: self.session, ledger: self.ledger, platform: self.platform,
            logger: self.logger)
        do {
            let family = try await self.database(of: job.target, handler)
            support.lend(family)
            let context = JobContext(
                job: info, logger: self.logger, deadline: deadline, database: family ?? self.platform,
                platform: self.platform, support: support)
            let result: [UInt8]
            do {
                result = try await handler.run(job.payload, context)
            } catch {
                await support.finishReporting()
                throw error
            }
            await support.finishReporting()
            return AttemptOutcome(settlement: .succeeded, result: result, isSettled: support.isSettled)
        } catch {
            guard support.isSettled else { return self.outcome(of: error, interruption(), info: info) }
            info.named(in: self.logger).error(
                "the handler failed after its effect had settled the job", metadata: ["error": "\(error)"])
            return AttemptOutcome(settlement: .succeeded, isSettled: true)
        }
    }

    /// Runs a fast attempt that was claimed.
    func run(
        _ entry: FastEntry, queue: QueueName, _ handler: RegisteredHandler?,
        until deadline: ContinuousClock.Instant, interruption: () -> Interruption?
    ) async -> AttemptOutcome {
        let info = JobInfo(entry, queue: queue, epoch: self.sessionNumber)
        guard let handler, handler.payloadVersion >= entry.payloadVersion else {
            return self.parkUnknown(info, payloadVersion: entry.payloadVersion)
        }
        do {
            let database = try await self.database(of: info.target, handler) ?? self.platform
            let support = FastAttempt(
                entry: entry, epoch: self.sessionNumber, platform: self.platform, target: database)
            let context = JobContext(
                job: info, logger: self.logger, deadline: deadline, database: database, platform: self.platform,
                support: support)
            _ = try await handler.run(entry.payload, context)
            return AttemptOutcome(settlement: .succeeded)
        } catch {
            return self.outcome(of: error, interruption(), info: info)
        }
    }

    /// What becomes of an attempt whose handler did not return after it was cut short.
    func abandon(_ work: Assignment.Work, interruption: Interruption?) -> AttemptOutcome {
        let info = self.info(of: work)
        self.counters.abandoned(kind: info.kind)
        info.named(in: self.logger).error(
            "the handler did not return after it was cancelled; abandoned, its job is fenced from it")
        return self.outcome(of: HandlerAbandoned(), interruption, info: info)
    }

    /// What becomes of an attempt that was cut short before it ran.
    func cutShort(_ work: Assignment.Work, _ interruption: Interruption) -> AttemptOutcome {
        self.outcome(of: CancellationError(), interruption, info: self.info(of: work))
    }

    private func info(of work: Assignment.Work) -> JobInfo {
        switch work {
        case .durable(let job): JobInfo(job)
        case .fast(let entry, let queue): JobInfo(entry, queue: queue, epoch: self.sessionNumber)
        }
    }

    private func parkUnknown(_ info: JobInfo, payloadVersion: Int) -> AttemptOutcome {
        info.named(in: self.logger).notice(
            "no handler here for this kind and payload version; parked for a newer worker")
        return AttemptOutcome(
            settlement: .park(.unknownKind, probeAfter: RetryPolicy.probeDelay(for: .unknownKind)),
            error: AttemptError(
                type: "UnknownKind", message: "no worker knows kind \(info.kind), payload version \(payloadVersion)"))
    }

    private func database(of target: JobTarget, _ handler: RegisteredHandler) async throws -> PostgresDatabase? {
        guard let family = target.family else { return nil }
        guard let families = self.families else {
            throw JobFailure.notReady(.familyNotReady, "this worker was given no family databases")
        }
        return try await families.database(of: family, minimumSchemaVersion: handler.requiredSchemaVersion)
    }

    private func outcome(of error: any Error, _ interruption: Interruption?, info: JobInfo) -> AttemptOutcome {
        if error is Fenced {
            return AttemptOutcome(settlement: .giveBack, error: AttemptError(error), isFenced: true)
        }
        var policy = self.registry.handlers[info.kind]?.retryPolicy ?? RetryPolicy()
        policy.maxAttempts = info.maxAttempts
        let trouble = interruption?.trouble ?? WorkerKit.trouble(of: error)
        let settlement = policy.settlement(
            for: trouble, failures: info.failures, jitter: Double.random(in: 0..<1))
        let said =
            interruption == .timeout
            ? AttemptError(type: "Timeout", message: "ran longer than its timeout")
            : AttemptError(error)
        info.named(in: self.logger).log(
            level: settlement.isFailure ? .warning : .info, "attempt ended without success",
            metadata: ["error": "\(said.message)", "settlement": "\(settlement)"])
        return AttemptOutcome(settlement: settlement, error: said)
    }
}

extension JobInfo {
    fileprivate init(_ job: BegunJob) {
        self.init(
            id: job.id, kind: job.kind, queue: job.queue, target: job.target, attempt: job.attempt,
            failures: job.failures, crashes: job.crashes, epoch: job.epoch, maxAttempts: job.maxAttempts,
            idempotencyKey: job.idempotencyKey)
    }

    fileprivate init(_ entry: FastEntry, queue: QueueName, epoch: Int64) {
        self.init(
            id: entry.id, kind: entry.kind, queue: queue, target: JobTarget(family: entry.family),
            attempt: entry.failures + 1, failures: entry.failures, crashes: entry.crashes, epoch: epoch,
            maxAttempts: entry.maxAttempts, idempotencyKey: nil)
    }
}

/// The handler did not return within the grace after it was cancelled.
struct HandlerAbandoned: Error, CustomStringConvertible {
    var description: String { "the handler did not return after it was cancelled" }
}

extension Settlement {
    /// Whether the run counts as failed.
    var isFailure: Bool {
        switch self {
        case .retry, .dead: true
        case .succeeded, .snooze, .park, .cancelled, .giveBack: false
        }
    }

    /// The word for counters.
    var word: String {
        switch self {
        case .succeeded: "succeeded"
        case .retry: "retried"
        case .snooze: "snoozed"
        case .park: "parked"
        case .dead: "dead"
        case .cancelled: "cancelled"
        case .giveBack: "given_back"
        }
    }
}
