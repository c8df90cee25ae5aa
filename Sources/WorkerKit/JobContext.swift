// What one attempt of a handler gets: who it is, until when, and the lent means to act so that nothing happens twice.

public import JobModel
public import JobQueue
public import Logging
public import Postgres

/// One attempt's surroundings. Valid until the handler returns; using it later fails as fenced.
public struct JobContext: Sendable {
    public let job: JobInfo
    /// When the attempt will be cancelled.
    public let deadline: ContinuousClock.Instant
    /// The target's database: the platform's, or the family's as its application role. For reading; what must not
    /// happen twice belongs into `effect`.
    public let database: PostgresDatabase
    /// The platform's database.
    public let platform: PostgresDatabase

    private let support: any AttemptSupport
    private let plainLogger: Logger

    /// - Parameter logger: The process's; the job's id, kind, attempt and family are added when it is used.
    public init(
        job: JobInfo, logger: Logger, deadline: ContinuousClock.Instant, database: PostgresDatabase,
        platform: PostgresDatabase, support: any AttemptSupport
    ) {
        self.job = job
        self.plainLogger = logger
        self.deadline = deadline
        self.database = database
        self.platform = platform
        self.support = support
    }

    /// Carries the job's id, kind, attempt and family. Made at each use: most attempts log nothing.
    public var logger: Logger { self.job.named(in: self.plainLogger) }

    public var target: JobTarget { self.job.target }

    /// The job's effect, exactly once: `body` runs in a transaction that commits together with the job's success.
    ///
    /// On the platform the transaction settles the job itself. On a family's database an inbox row commits with it:
    /// when the job is run again after a crash, the row is found, `body` does not run, and its first value is returned.
    /// Call it once, last, and return its value from the handler.
    ///
    /// - Parameter where: Which database; nil: the job's target.
    /// - Throws: what `body` throws (rolled back); `Fenced` when another session has the job now (rolled back).
    @discardableResult
    public func effect<Value: Codable & Sendable>(
        on place: EffectPlace = .target, _ body: @escaping @Sendable (EffectTransaction) async throws -> Value
    ) async throws -> Value {
        let json = try await self.support.effect(on: place) { connection, enqueuer in
            try JSONText.encode(try await body(EffectTransaction(connection: connection, enqueuer: enqueuer)))
        }
        return try JSONText.decode(Value.self, from: json)
    }

    /// A part of the job that no transaction covers and that must not be redone once it is done.
    ///
    /// The first completion is recorded in the platform database; after a crash the recorded value is returned and
    /// `body` does not run. A crash between the act and the record runs `body` again, so it observes before it acts.
    public func step<Value: Codable & Sendable>(
        _ name: String, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        if let json = try await self.support.completedStep(name) {
            return try JSONText.decode(Value.self, from: json)
        }
        let value = try await body()
        try await self.support.completeStep(name, result: try JSONText.encode(value))
        return value
    }

    /// Tells operators how far the job is; shown by the API. Kept at most once a second; the last one is always kept.
    public func progress(_ done: Int, of total: Int, _ note: String? = nil) {
        self.support.report(JobProgress(done: done, total: total, note: note))
    }
}

/// Who the job is.
public struct JobInfo: Sendable, Hashable {
    public let id: JobID
    public let kind: JobKind
    public let queue: QueueName
    public let target: JobTarget
    public let attempt: Int
    public let failures: Int
    public let crashes: Int
    public let epoch: Int64
    public let maxAttempts: Int
    public let idempotencyKey: String?

    public init(
        id: JobID, kind: JobKind, queue: QueueName, target: JobTarget, attempt: Int, failures: Int, crashes: Int,
        epoch: Int64, maxAttempts: Int, idempotencyKey: String?
    ) {
        self.id = id
        self.kind = kind
        self.queue = queue
        self.target = target
        self.attempt = attempt
        self.failures = failures
        self.crashes = crashes
        self.epoch = epoch
        self.maxAttempts = maxAttempts
        self.idempotencyKey = idempotencyKey
    }
}

extension JobInfo {
    /// The logger with the job's id, kind, attempt and family.
    public func named(in logger: Logger) -> Logger {
        var logger = logger
        logger[metadataKey: "job"] = "\(self.id)"
        logger[metadataKey: "kind"] = "\(self.kind)"
        logger[metadataKey: "attempt"] = "\(self.attempt)"
        if let family = self.target.family { logger[metadataKey: "family"] = "\(family)" }
        return logger
    }
}

/// Where an effect happens.
public enum EffectPlace: Sendable, Hashable {
    /// The job's target.
    case target
    /// The platform's database, also for a family's job.
    case platform
}

/// How far a job is.
public struct JobProgress: Codable, Sendable, Hashable {
    public var done: Int
    public var total: Int
    public var note: String?

    public init(done: Int, total: Int, note: String? = nil) {
        self.done = done
        self.total = total
        self.note = note
    }
}

/// The attempt is no longer the job's: another session has it. Nothing was changed.
public struct Fenced: Error, Sendable, Hashable, CustomStringConvertible {
    public init() {}
    public var description: String { "fenced: another session has this job now" }
}

/// The transaction of an effect.
public struct EffectTransaction: Sendable {
    /// The connection that the transaction is open on. Do not end the transaction yourself.
    public let connection: PostgresConnection
    private let enqueuer: (any TransactionEnqueuer)?

    init(connection: PostgresConnection, enqueuer: (any TransactionEnqueuer)?) {
        self.connection = connection
        self.enqueuer = enqueuer
    }

    @discardableResult
    public func query(_ sql: String, _ values: [PostgresValue] = []) async throws -> PostgresRows {
        try await self.connection.query(sql, values)
    }

    /// Enqueues a platform job that exists exactly if the effect does.
    ///
    /// - Precondition: the effect is on the platform's database: a family's has no ledger.
    @discardableResult
    public func enqueue<Job: PlatformJob>(_ job: Job, options: EnqueueOptions = .init()) async throws -> EnqueuedJob {
        try await self.ledger().enqueue(JobRequest(job, options: options), on: self.connection)
    }

    /// Enqueues a family's job that exists exactly if the effect does. See the other `enqueue`.
    @discardableResult
    public func enqueue<Job: FamilyJob>(
        _ job: Job, for family: FamilyID, options: EnqueueOptions = .init()
    ) async throws -> EnqueuedJob {
        try await self.ledger().enqueue(JobRequest(job, for: family, options: options), on: self.connection)
    }

    private func ledger() throws -> any TransactionEnqueuer {
        guard let enqueuer = self.enqueuer else {
            throw JobFailure.discard("enqueue needs an effect on the platform database: effect(on: .platform)")
        }
        return enqueuer
    }
}
