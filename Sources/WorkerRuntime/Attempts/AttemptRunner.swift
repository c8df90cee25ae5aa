// Runs one attempt: finds the handler and the target's database, makes the context, runs the handler until it returns,
// throws, or is cut short, and says what became of it. Settling is the caller's.

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
    let running: RunningAttempts
    let counters: RuntimeCounters
    let cancellationGrace: Duration
    let logger: Logger

    /// Runs a durable attempt that was begun.
    func run(_ job: BegunJob) async -> AttemptOutcome {
        let logger = self.logger(for: job.id, job.kind, job.target, attempt: job.attempt)
        guard let handler = self.handler(of: job.kind, payloadVersion: job.payloadVersion) else {
            return self.parkUnknown(job.kind, payloadVersion: job.payloadVersion, logger: logger)
        }
        let info = JobInfo(
            id: job.id, kind: job.kind, queue: job.queue, target: job.target, attempt: job.attempt,
            failures: job.failures, crashes: job.crashes, epoch: job.epoch, maxAttempts: job.maxAttempts,
            idempotencyKey: job.idempotencyKey)
        let support = DurableAttempt(
            job: job, session: self.session, ledger: self.ledger, platform: self.platform, logger: logger)
        do {
            let result = try await self.timed(handler, info) { deadline in
                let family = try await self.database(of: job.target, handler)
                support.lend(family)
                let context = JobContext(
                    job: info, logger: logger, deadline: deadline, database: family ?? self.platform,
                    platform: self.platform, support: support)
                let ending = await Result(catching: { try await handler.run(job.payload, context) })
                await support.finishReporting()
                return try ending.get()
            }
            return AttemptOutcome(settlement: .succeeded, result: result, isSettled: support.isSettled)
        } catch  where support.isSettled {
            logger.error("the handler failed after its effect had settled the job", metadata: ["error": "\(error)"])
            return AttemptOutcome(settlement: .succeeded, isSettled: true)
        } catch {
            return self.outcome(of: error, info: info, policy: handler.retryPolicy, logger: logger)
        }
    }

    /// Runs a fast attempt that was claimed.
    func run(_ entry: FastEntry, queue: QueueName) async -> AttemptOutcome {
        let target = JobTarget(family: entry.family)
        let attempt = entry.failures + 1
        let logger = self.logger(for: entry.id, entry.kind, target, attempt: attempt)
        guard let handler = self.handler(of: entry.kind, payloadVersion: entry.payloadVersion) else {
            return self.parkUnknown(entry.kind, payloadVersion: entry.payloadVersion, logger: logger)
        }
        let info = JobInfo(
            id: entry.id, kind: entry.kind, queue: queue, target: target, attempt: attempt, failures: entry.failures,
            crashes: entry.crashes, epoch: self.sessionNumber, maxAttempts: entry.maxAttempts, idempotencyKey: nil)
        do {
            let result = try await self.timed(handler, info) { deadline in
                let database = try await self.database(of: target, handler) ?? self.platform
                let support = FastAttempt(
                    entry: entry, epoch: self.sessionNumber, platform: self.platform, target: database)
                let context = JobContext(
                    job: info, logger: logger, deadline: deadline, database: database, platform: self.platform,
                    support: support)
                return try await handler.run(entry.payload, context)
            }
            return AttemptOutcome(settlement: .succeeded, result: result)
        } catch {
            return self.outcome(of: error, info: info, policy: handler.retryPolicy, logger: logger)
        }
    }

    private func logger(for id: JobID, _ kind: JobKind, _ target: JobTarget, attempt: Int) -> Logger {
        var logger = self.logger
        logger[metadataKey: "job"] = "\(id)"
        logger[metadataKey: "kind"] = "\(kind)"
        logger[metadataKey: "attempt"] = "\(attempt)"
        if let family = target.family { logger[metadataKey: "family"] = "\(family)" }
        return logger
    }

    private func handler(of kind: JobKind, payloadVersion: Int) -> RegisteredHandler? {
        self.registry.handlers[kind].flatMap { $0.payloadVersion >= payloadVersion ? $0 : nil }
    }

    private func parkUnknown(_ kind: JobKind, payloadVersion: Int, logger: Logger) -> AttemptOutcome {
        logger.notice("no handler here for this kind and payload version; parked for a newer worker")
        return AttemptOutcome(
            settlement: .park(.unknownKind, probeAfter: RetryPolicy.probeDelay(for: .unknownKind)),
            error: AttemptError(
                type: "UnknownKind", message: "no worker knows kind \(kind), payload version \(payloadVersion)"))
    }

    private func database(of target: JobTarget, _ handler: RegisteredHandler) async throws -> PostgresDatabase? {
        guard let family = target.family else { return nil }
        guard let families = self.families else {
            throw JobFailure.notReady(.familyNotReady, "this worker was given no family databases")
        }
        return try await families.database(of: family, minimumSchemaVersion: handler.requiredSchemaVersion)
    }

    /// Runs all of an attempt (finding its database, too) in a task of its own, so that it can be cut short at its
    /// deadline, and abandoned if it does not heed that.
    private func timed(
        _ handler: RegisteredHandler, _ info: JobInfo,
        _ body: @escaping @Sendable (ContinuousClock.Instant) async throws -> [UInt8]
    ) async throws -> [UInt8] {
        let ending = FirstValue<Result<[UInt8], any Error>>()
        let id = info.attemptID
        let deadline = ContinuousClock.now + handler.timeout
        // Owner: this attempt. It ends with the handler; an abandoned one is counted and can settle nothing.
        let task = Task { ending.set(await Result(catching: { try await body(deadline) })) }
        self.running.setInterrupt(id) { [cancellationGrace] in
            task.cancel()
            // Owner: this attempt; cancelled when the handler returns in time.
            let watch = Task {
                try await Task.sleep(for: cancellationGrace)
                ending.set(.failure(HandlerAbandoned()))
            }
            ending.onSet { watch.cancel() }
        }
        let timer = Task { [running] in
            try await Task.sleep(until: deadline)
            running.interrupt(id, because: .timeout)
        }
        defer { timer.cancel() }
        return try await ending.value().get()
    }

    private func outcome(
        of error: any Error, info: JobInfo, policy: RetryPolicy, logger: Logger
    ) -> AttemptOutcome {
        let interruption = self.running.interruption(of: info.attemptID)
        if error is HandlerAbandoned {
            self.counters.abandoned(kind: info.kind)
            logger.error("the handler did not return after it was cancelled; abandoned, its job is fenced from it")
        }
        if error is Fenced {
            return AttemptOutcome(settlement: .giveBack, error: AttemptError(error), isFenced: true)
        }
        let trouble = interruption?.trouble ?? WorkerKit.trouble(of: error)
        var policy = policy
        policy.maxAttempts = info.maxAttempts
        let settlement = policy.settlement(
            for: trouble, failures: info.failures, jitter: Double.random(in: 0..<1))
        let said =
            interruption == .timeout
            ? AttemptError(type: "Timeout", message: "ran longer than its timeout")
            : AttemptError(error)
        logger.log(
            level: settlement.isFailure ? .warning : .info, "attempt ended without success",
            metadata: ["error": "\(said.message)", "settlement": "\(settlement)"])
        return AttemptOutcome(settlement: settlement, error: said)
    }
}

extension JobInfo {
    fileprivate var attemptID: AttemptID { AttemptID(job: self.id, epoch: self.epoch) }
}

extension Result where Failure == any Error {
    /// What an asynchronous body returns or throws.
    fileprivate init(catching body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
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
