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
    let mintIDs: @Sendable (_ count: Int) -> [JobID]

    public init(
        ledger: Ledger, index: DispatchIndex,
        mintIDs: @escaping @Sendable (_ count: Int) -> [JobID] = { JobID.mint($0) }
    ) {
        self.ledger = ledger
        self.index = index
        self.mintIDs = mintIDs
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

    /// Enqueues many jobs of one kind, in few round trips: durable ones all or none; fast ones line by line.
    ///
    /// - Parameters:
    ///   - options: For each of them; an idempotency key or an id is no one's (`.invalid`).
    ///   - connection: As in `enqueue`, for durable kinds.
    /// - Throws: `JobQueueError`; the field of a bad job begins with `jobs[<index>]`, and nothing was enqueued then.
    public func enqueue<Job: PlatformJob>(
        _ jobs: [Job], options: EnqueueOptions = .init(), on connection: PostgresConnection? = nil
    ) async throws -> [EnqueuedJob] {
        try await self.enqueueMany(jobs, durability: Job.durability, on: connection, options) {
            job throws(JobQueueError) in
            try JobRequest(job, options: options)
        }
    }

    /// Enqueues many jobs of a family. See the platform's.
    public func enqueue<Job: FamilyJob>(
        _ jobs: [Job], for family: FamilyID, options: EnqueueOptions = .init(),
        on connection: PostgresConnection? = nil
    ) async throws -> [EnqueuedJob] {
        try await self.enqueueMany(jobs, durability: Job.durability, on: connection, options) {
            job throws(JobQueueError) in
            try JobRequest(job, for: family, options: options)
        }
    }

    private func enqueueMany<Job: JobDeclaration>(
        _ jobs: [Job], durability: Durability, on connection: PostgresConnection?, _ options: EnqueueOptions,
        request: (Job) throws(JobQueueError) -> JobRequest
    ) async throws -> [EnqueuedJob] {
        guard options.idempotencyKey == nil, options.id == nil else {
            throw JobQueueError.invalid(
                options.id == nil ? "idempotency_key" : "id", "is not taken for many jobs: each would be the same")
        }
        try Self.check(batch: jobs.count)
        if durability == .fast, let first = jobs.first {
            let common = try JobQueueError.inBatch(at: 0) { () throws(JobQueueError) in try request(first) }
            return try await self.enqueueFast(jobs, like: common)
        }
        let requests = try jobs.enumerated().map { index, job in
            try JobQueueError.inBatch(at: index) { () throws(JobQueueError) in try request(job) }
        }
        return try await self.enqueue(requests, durability: durability, on: connection)
    }

    private static func check(batch count: Int) throws(JobQueueError) {
        guard count <= JobLimits.batchJobsMax else {
            throw .invalid("jobs", "must be at most \(JobLimits.batchJobsMax)")
        }
    }

    /// Enqueues many requests of known durability. See the typed one.
    public func enqueue(
        _ requests: [JobRequest], durability: Durability, on connection: PostgresConnection? = nil
    ) async throws -> [EnqueuedJob] {
        try Self.check(batch: requests.count)
        switch durability {
        case .durable:
            if let connection { return try await self.ledger.enqueue(requests, on: connection) }
            return try await self.ledger.enqueue(requests)
        case .fast:
            return try await self.enqueueFast(requests)
        }
    }

    /// Enqueues a request whose kind is known by name only: checks kind, target and payload against what the workers
    /// registered.
    ///
    /// - Throws: `JobQueueError(.invalid)` for an unknown kind or queue, a wrong target, or a payload not of the kind's
    ///   shape.
    public func enqueueChecked(_ request: JobRequest) async throws -> EnqueuedJob {
        let kind = try await self.check(request)
        switch kind.durability {
        case .durable: return try await self.ledger.enqueue(request)
        case .fast: return try await self.enqueueFast([request], kinds: [request.kind: kind])[0]
        }
    }

    /// Enqueues all, or none, of durable jobs. Fast jobs are checked all before the first is enqueued; when Redis goes
    /// away in the middle, some may have been.
    ///
    /// - Throws: as `enqueueChecked`, the field led by `jobs[<index>]`.
    public func enqueueChecked(_ requests: [JobRequest]) async throws -> [EnqueuedJob] {
        try Self.check(batch: requests.count)
        var durabilities: Set<Durability> = []
        var kinds: [JobKind: KindRegistration] = [:]
        for (index, request) in requests.enumerated() {
            do {
                let kind = try await self.check(request, known: kinds[request.kind])
                kinds[request.kind] = kind
                durabilities.insert(kind.durability)
            } catch let error as JobQueueError where error.code == .invalid {
                throw error.inBatch(at: index)
            }
        }
        guard durabilities.count <= 1 else {
            throw JobQueueError.invalid(
                "jobs", "must be all durable or all fast: a batch is enqueued whole or not at all")
        }
        guard durabilities.first == .fast else { return try await self.ledger.enqueue(requests) }
        return try await self.enqueueFast(requests, kinds: kinds)
    }

    private func check(
        _ request: JobRequest, known: KindRegistration? = nil
    ) async throws -> KindRegistration {
        var found = known
        if found == nil { found = try await self.ledger.kind(request.kind) }
        guard let kind = found else {
            throw JobQueueError.invalid("kind", "\"\(request.kind)\" is not registered by any worker")
        }
        guard kind.target.allows(request.target) else {
            throw JobQueueError.invalid(
                "family",
                kind.target == .family ? "is required by kind \(kind.kind)" : "is not taken by kind \(kind.kind)")
        }
        // A queue that no worker has would hold the job for ever.
        if let queue = request.options.queue, queue.rawValue != kind.queue {
            do {
                try await self.ledger.requireQueue(queue)
            } catch let error as JobQueueError where error.code == .notFound {
                throw JobQueueError.invalid("queue", error.message)
            }
        }
        if let member = JSONText.repeatedMember(in: request.payload, at: "payload") {
            throw JobQueueError.invalid(member, "is given twice")
        }
        // A fast job would find out in its handler, each time that it is tried.
        if JSONText.hasNUL(in: request.payload) {
            throw JobQueueError.invalid("payload", "must be JSON without NUL characters")
        }
        if let schema = kind.payloadSchema { try PayloadSchema.check(request.payload, against: schema) }
        return kind
    }

    /// Makes queues known, and Redis ready to give jobs of theirs out, unless they are paused. A worker's first act.
    public func open(_ queues: [QueueName]) async throws {
        try await self.ledger.register(queues: queues)
        for known in try await self.ledger.queueSwitches() where queues.contains(known.queue) {
            try await self.index.set(known)
        }
    }

    /// Stops workers from claiming from a queue. What runs goes on. Outlives an emptied Redis.
    ///
    /// The ledger's word is the acknowledgement: with Redis away the queue is paused all the same, since nothing can be
    /// claimed, and the caretaker tells Redis when it is back.
    ///
    /// - Throws: `JobQueueError(.notFound)`: no worker ever registered the queue.
    public func pause(_ queue: QueueName) async throws { try await self.setPaused(true, queue) }

    /// Lets workers claim from a queue again. With Redis away: as soon as it is back.
    public func resume(_ queue: QueueName) async throws { try await self.setPaused(false, queue) }

    private func setPaused(_ paused: Bool, _ queue: QueueName) async throws {
        let told = try await self.ledger.setPaused(paused, queue: queue)
        do {
            try await self.index.set(told)
        } catch let error as RedisError where error.canRetry {
            // The caretaker reconciles as soon as it has its connection again.
        }
    }
}
