// The enqueue client: what a web tier in Swift holds. Durable jobs go into the ledger, in the caller's transaction if
// it gives its connection; fast jobs go to Redis. Then what people do with jobs and queues.

public import JobModel
public import Postgres
internal import Redis

/// Enqueues jobs, and acts on them.
///
/// A value over shared pools; any number of tasks may use it. Redis may be down: durable jobs are accepted all the
/// same, and dispatched when it is back.
public struct JobQueueClient: Sendable {
    public let ledger: Ledger
    public let index: DispatchIndex
    let mintID: @Sendable () -> JobID

    public init(
        ledger: Ledger, index: DispatchIndex, mintID: @escaping @Sendable () -> JobID = { JobID.mint() }
    ) {
        self.ledger = ledger
        self.index = index
        self.mintID = mintID
    }

    /// Enqueues a platform job.
    ///
    /// - Parameter connection: Joins the transaction that is open on it (durable kinds). The commit acknowledges.
    /// - Returns: The job, or the first one with the same idempotency key and payload.
    /// - Throws: `JobQueueError`: `.conflict` (same key, other payload), `.invalid` (names the field), `.unavailable`
    ///   (the same request with an `id` of your own may be sent again).
    @discardableResult
    public func enqueue<Job: PlatformJob>(
        _ job: Job, options: EnqueueOptions = .init(), on connection: PostgresConnection? = nil
    ) async throws -> EnqueuedJob {
        try await self.enqueue(JobRequest(job, options: options), durability: Job.durability, on: connection)
    }

    /// Enqueues a family's job. See the platform's.
    @discardableResult
    public func enqueue<Job: FamilyJob>(
        _ job: Job, for family: FamilyID, options: EnqueueOptions = .init(), on connection: PostgresConnection? = nil
    ) async throws -> EnqueuedJob {
        try await self.enqueue(
            JobRequest(job, for: family, options: options), durability: Job.durability, on: connection)
    }

    /// Enqueues a job on either target. See the platform's.
    @discardableResult
    public func enqueue<Job: AnyTargetJob>(
        _ job: Job, target: JobTarget, options: EnqueueOptions = .init(), on connection: PostgresConnection? = nil
    ) async throws -> EnqueuedJob {
        try await self.enqueue(
            JobRequest(job, target: target, options: options), durability: Job.durability, on: connection)
    }

    /// Enqueues a request of known durability, without asking what the kind is.
    public func enqueue(
        _ request: JobRequest, durability: Durability, on connection: PostgresConnection? = nil
    ) async throws -> EnqueuedJob {
        switch durability {
        case .durable:
            if let connection { return try await self.ledger.enqueue(request, on: connection) }
            return try await self.ledger.enqueue(request)
        case .fast:
            return try await self.enqueueFast([request])[0]
        }
    }

    /// Enqueues a request whose kind is known by name only: checks kind, target and payload against what the workers
    /// registered.
    ///
    /// - Throws: `JobQueueError(.invalid)` for an unknown kind, a wrong target, or a payload not of the kind's shape.
    public func enqueueChecked(_ request: JobRequest) async throws -> EnqueuedJob {
        let kind = try await self.check(request)
        return try await self.enqueue(request, durability: kind.durability)
    }

    /// Enqueues all, or none, of durable jobs. Fast jobs are checked all before the first is enqueued; when Redis goes
    /// away in the middle, some may have been.
    ///
    /// - Throws: as `enqueueChecked`, the field led by `jobs[<index>]`.
    public func enqueueChecked(_ requests: [JobRequest]) async throws -> [EnqueuedJob] {
        guard requests.count <= JobLimits.batchJobsMax else {
            throw JobQueueError.invalid("jobs", "must be at most \(JobLimits.batchJobsMax)")
        }
        var durabilities: Set<Durability> = []
        for (index, request) in requests.enumerated() {
            do {
                durabilities.insert(try await self.check(request).durability)
            } catch let error as JobQueueError where error.code == .invalid {
                throw JobQueueError.invalid("jobs[\(index)].\(error.field ?? "")", error.message)
            }
        }
        guard durabilities.count <= 1 else {
            throw JobQueueError.invalid(
                "jobs", "must be all durable or all fast: a batch is enqueued whole or not at all")
        }
        guard durabilities.first == .fast else { return try await self.ledger.enqueue(requests) }
        for (index, request) in requests.enumerated() where request.options.idempotencyKey != nil {
            throw JobQueueError.invalid(
                "jobs[\(index)].idempotency_key",
                "is not taken in a batch of fast jobs: a conflict would come after others were enqueued")
        }
        return try await self.enqueueFast(requests)
    }

    private func check(_ request: JobRequest) async throws -> KindRegistration {
        guard let kind = try await self.ledger.kind(request.kind) else {
            throw JobQueueError.invalid("kind", "\"\(request.kind)\" is not registered by any worker")
        }
        guard kind.target.allows(request.target) else {
            throw JobQueueError.invalid(
                "family",
                kind.target == .family ? "is required by kind \(kind.kind)" : "is not taken by kind \(kind.kind)")
        }
        if let schema = kind.payloadSchema { try PayloadSchema.check(request.payload, against: schema) }
        return kind
    }

    /// Enqueues fast jobs, by queue, priority and lane.
    private func enqueueFast(_ requests: [JobRequest]) async throws -> [EnqueuedJob] {
        struct Line: Hashable {
            var queue: QueueName
            var priority: JobPriority
            var family: FamilyID?
            var delay: Duration?
        }
        var enqueued: [EnqueuedJob] = []
        enqueued.reserveCapacity(requests.count)
        var lines: [Line: [FastEntry]] = [:]
        for request in requests {
            let id = request.options.id ?? self.mintID()
            let queue: QueueName
            if let named = request.options.queue {
                queue = named
            } else {
                queue = try await self.ledger.kind(request.kind).map { try QueueName(validating: $0.queue) } ?? .default
            }
            let entry = FastEntry(request, id: id, defaultMaxAttempts: RetryPolicy().maxAttempts)
            guard let key = FastKey(request, id: id) else {
                let line = Line(
                    queue: queue, priority: entry.priority, family: entry.family, delay: request.options.delay)
                lines[line, default: []].append(entry)
                enqueued.append(EnqueuedJob(id: id, replayed: false))
                continue
            }
            let holder = try await self.index.push(fast: [entry], to: queue, delay: request.options.delay, key: key)
            if let holder, holder.payload != key.holder.payload {
                throw JobQueueError(
                    .conflict, field: "idempotency_key", "was used before with another payload", existing: holder.id)
            }
            enqueued.append(EnqueuedJob(id: holder?.id ?? id, replayed: holder != nil))
        }
        for (line, entries) in lines {
            _ = try await self.index.push(fast: entries, to: line.queue, delay: line.delay, key: nil)
        }
        return enqueued
    }

    /// Makes queues known, and Redis ready to give jobs of theirs out, unless they are paused. A worker's first act.
    public func open(_ queues: [QueueName]) async throws {
        try await self.ledger.register(queues: queues)
        let paused = try await self.ledger.queueNames().paused
        for queue in queues { try await self.index.setPaused(paused.contains(queue), queue: queue) }
    }

    /// Stops workers from claiming from a queue. What runs goes on. Outlives an emptied Redis.
    ///
    /// The ledger's word is the acknowledgement: with Redis away the queue is paused all the same, since nothing can be
    /// claimed, and the caretaker tells Redis when it is back.
    public func pause(_ queue: QueueName) async throws { try await self.setPaused(true, queue) }

    /// Lets workers claim from a queue again. With Redis away: as soon as it is back.
    public func resume(_ queue: QueueName) async throws { try await self.setPaused(false, queue) }

    private func setPaused(_ paused: Bool, _ queue: QueueName) async throws {
        try await self.ledger.setPaused(paused, queue: queue)
        do {
            try await self.index.setPaused(paused, queue: queue)
        } catch let error as RedisError where error.canRetry {
            // The caretaker reconciles as soon as it has its connection again.
        }
    }
}
