// One request to run a kind with a payload, checked as it is made: whatever holds a JobRequest holds a valid one.

public import JobModel

/// What a caller may choose beside kind, payload and target.
public struct EnqueueOptions: Sendable, Hashable {
    /// Same key and same payload: the first job again. Same key, other payload: a conflict. Scope: (target, kind, key).
    public var idempotencyKey: String?
    /// nil: the kind's own.
    public var queue: QueueName?
    public var priority: JobPriority
    /// Not before this long from now, by the server's clock; nil: at once.
    public var delay: Duration?
    /// nil: the kind's own.
    public var maxAttempts: Int?
    /// nil: minted. A caller that minted it may send the same request again after a lost reply (but for a batch of
    /// several fast jobs, whose ids nobody compares).
    public var id: JobID?

    public init(
        idempotencyKey: String? = nil, queue: QueueName? = nil, priority: JobPriority = .normal,
        delay: Duration? = nil, maxAttempts: Int? = nil, id: JobID? = nil
    ) {
        self.idempotencyKey = idempotencyKey
        self.queue = queue
        self.priority = priority
        self.delay = delay
        self.maxAttempts = maxAttempts
        self.id = id
    }
}

/// A checked request.
public struct JobRequest: Sendable, Hashable {
    public let kind: JobKind
    public let target: JobTarget
    /// The payload's JSON text.
    public let payload: [UInt8]
    public let payloadVersion: Int
    public let options: EnqueueOptions
    /// The kind's own queue, when its type is known.
    let ownQueue: QueueName?

    /// A request without the kind's type: for doors that know kinds only by name.
    ///
    /// - Throws: `JobQueueError(.invalid)` naming the field and the rule.
    public init(
        kind: JobKind, target: JobTarget, payload: [UInt8], payloadVersion: Int = 1, options: EnqueueOptions = .init()
    ) throws(JobQueueError) {
        try self.init(
            kind: kind, target: target, payload: payload, payloadVersion: payloadVersion, options: options,
            ownQueue: nil)
    }

    private init(
        kind: JobKind, target: JobTarget, payload: [UInt8], payloadVersion: Int, options: EnqueueOptions,
        ownQueue: QueueName?
    ) throws(JobQueueError) {
        try Self.check(payloadBytes: payload.count)
        if let key = options.idempotencyKey,
            !(1...JobLimits.idempotencyKeyBytesMax).contains(key.utf8.count) || key.utf8.contains(0)
        {
            throw .invalid("idempotency_key", "must have 1 to \(JobLimits.idempotencyKeyBytesMax) bytes, none zero")
        }
        if let attempts = options.maxAttempts, !(1...1000).contains(attempts) {
            throw .invalid("max_attempts", "must be 1 to 1000")
        }
        if let delay = options.delay, delay < .zero || delay > .seconds(366 * 86_400) {
            throw .invalid("delay", "must be between 0 and 366 days")
        }
        self.kind = kind
        self.target = target
        self.payload = payload
        self.payloadVersion = payloadVersion
        self.options = options
        self.ownQueue = ownQueue
    }

    /// - Throws: `JobQueueError(.invalid)`: the payload does not encode, or is too large.
    public init<Job: PlatformJob>(_ job: Job, options: EnqueueOptions = .init()) throws(JobQueueError) {
        try self.init(declared: job, target: .platform, options: options)
    }

    public init<Job: FamilyJob>(
        _ job: Job, for family: FamilyID, options: EnqueueOptions = .init()
    ) throws(JobQueueError) {
        try self.init(declared: job, target: .family(family), options: options)
    }

    public init<Job: AnyTargetJob>(
        _ job: Job, target: JobTarget, options: EnqueueOptions = .init()
    ) throws(JobQueueError) {
        try self.init(declared: job, target: target, options: options)
    }

    static func check(payloadBytes count: Int) throws(JobQueueError) {
        guard count <= JobLimits.payloadBytesMax else {
            throw .invalid("payload", "must have at most \(JobLimits.payloadBytesMax) bytes, has \(count)")
        }
    }

    static func unencodable(_ error: any Error) -> JobQueueError {
        .invalid("payload", "does not encode as JSON: \(error)")
    }

    private init<Job: JobDeclaration>(
        declared job: Job, target: JobTarget, options: EnqueueOptions
    ) throws(JobQueueError) {
        let payload: [UInt8]
        do {
            payload = try JSONText.encode(job)
        } catch {
            throw Self.unencodable(error)
        }
        var options = options
        options.queue = options.queue ?? Job.queue
        options.maxAttempts = options.maxAttempts ?? Job.retryPolicy.maxAttempts
        try self.init(
            kind: Job.kind, target: target, payload: payload, payloadVersion: Job.payloadVersion, options: options,
            ownQueue: Job.queue)
    }
}

/// What an enqueue made, or found.
public struct EnqueuedJob: Sendable, Hashable {
    public let id: JobID
    /// True: a job with this idempotency key (or id) and the same payload was there already.
    public let replayed: Bool

    public init(id: JobID, replayed: Bool) {
        self.id = id
        self.replayed = replayed
    }
}
