// What the ledger takes and gives.

public import JobModel

/// A job as an attempt of it begins.
public struct BegunJob: Sendable, Hashable {
    public let id: JobID
    public let kind: JobKind
    public let queue: QueueName
    public let target: JobTarget
    /// JSON text.
    public let payload: [UInt8]
    public let payloadVersion: Int
    public let attempt: Int
    public let failures: Int
    public let crashes: Int
    public let epoch: Int64
    public let maxAttempts: Int
    public let idempotencyKey: String?
}

/// An attempt's outcome, to be recorded.
public struct SettledAttempt: Sendable, Hashable {
    public let id: JobID
    public let epoch: Int64
    public let settlement: Settlement
    /// JSON text.
    public let result: [UInt8]?
    public let error: AttemptError?

    public init(id: JobID, epoch: Int64, settlement: Settlement, result: [UInt8]? = nil, error: AttemptError? = nil) {
        self.id = id
        self.epoch = epoch
        self.settlement = settlement
        self.result = result
        self.error = error
    }
}

/// What went wrong in an attempt, as people read it. Never holds payloads or row values.
public struct AttemptError: Codable, Sendable, Hashable {
    public var type: String
    public var message: String

    public init(type: String, message: String) {
        self.type = type
        // PostgreSQL stores no NUL.
        self.message = String(message.prefix(4000).map { $0 == "\0" ? " " : $0 })
    }

    public init(_ error: any Error) {
        self.init(type: "\(Swift.type(of: error))", message: "\(error)")
    }
}

/// A ticket that is due: a job to be put into Redis.
public struct DueDispatch: Sendable, Hashable {
    public let ticket: Int64
    public let job: WaitingJob
    /// False: the ticket was stale, there is nothing to put.
    public let runnable: Bool
}

/// Where an available job waits.
public struct WaitingJob: Sendable, Hashable {
    public let id: JobID
    public let queue: QueueName
    public let family: FamilyID?
    public let priority: JobPriority
    public let seq: Int64
    /// It was aboard `JobLimits.crashesMax` crashes: it waits apart, to be run alone.
    public let isQuarantined: Bool

    public init(
        id: JobID, queue: QueueName, family: FamilyID?, priority: JobPriority, seq: Int64, isQuarantined: Bool = false
    ) {
        self.id = id
        self.queue = queue
        self.family = family
        self.priority = priority
        self.seq = seq
        self.isQuarantined = isQuarantined
    }
}

/// Whether a queue gives jobs out, as the ledger has it.
public struct QueueSwitch: Sendable, Hashable {
    public let queue: QueueName
    public let isPaused: Bool
    /// Grows with each pause and resume: Redis takes no older word.
    public let version: Int

    public init(queue: QueueName, isPaused: Bool, version: Int) {
        self.queue = queue
        self.isPaused = isPaused
        self.version = version
    }
}

/// A job that a dead session held.
public struct ReapedJob: Sendable, Hashable {
    public let id: JobID
    public let kind: JobKind
    /// It killed its process too often: it is dead.
    public let isPoison: Bool
}

/// One worker process's registration.
public struct SessionRegistration: Sendable, Hashable {
    public var id: SessionID
    /// The process: the same for a session and those that follow it there.
    public var worker: WorkerID
    public var host: String
    public var pid: Int
    public var version: String
    public var queues: [QueueName]
    public var kinds: [JobKind]
    public var concurrency: Int

    public init(
        id: SessionID, worker: WorkerID = .mint(), host: String, pid: Int, version: String, queues: [QueueName],
        kinds: [JobKind], concurrency: Int
    ) {
        self.id = id
        self.worker = worker
        self.host = host
        self.pid = pid
        self.version = version
        self.queues = queues
        self.kinds = kinds
        self.concurrency = concurrency
    }
}

/// Why a session ended.
public enum SessionEnd: String, Sendable, Codable {
    case stopped
    /// Its supervisor saw it die.
    case died
    /// Its heartbeat stopped.
    case expired
}

/// A kind as the doors know it.
public struct KindRegistration: Sendable, Hashable, Codable {
    public var kind: String
    public var queue: String
    public var durability: Durability
    public var target: TargetRule
    public var maxAttempts: Int
    public var payloadSchema: String?

    public init(
        kind: String, queue: String, durability: Durability, target: TargetRule, maxAttempts: Int,
        payloadSchema: String?
    ) {
        self.kind = kind
        self.queue = queue
        self.durability = durability
        self.target = target
        self.maxAttempts = maxAttempts
        self.payloadSchema = payloadSchema
    }
}

/// What asking to cancel did.
public enum CancelOutcome: String, Sendable, Codable {
    /// It was not running: it is cancelled.
    case cancelled
    /// It runs: its session was asked to stop it.
    case requested
}
