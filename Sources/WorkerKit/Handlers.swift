// What a plugin author writes: a handler for each kind, and a plugin that registers them. A handler is a value that any
// number of attempts share; what belongs to one attempt comes in its context.

public import JobModel
public import JobQueue

/// What every handler may set. Conform to `PlatformHandler`, `FamilyHandler` or `AnyTargetHandler`, not to this.
public protocol HandlerSettings: Sendable {
    /// After this long an attempt is cancelled and counts as failed. Default: 5 minutes.
    var timeout: Duration { get }
    /// The least schema version of the family's database that the handler works with; a family that is not there yet
    /// has its jobs parked. Default: 0, any.
    var requiredSchemaVersion: Int { get }
}

extension HandlerSettings {
    public var timeout: Duration { .seconds(300) }
    public var requiredSchemaVersion: Int { 0 }
}

/// Runs jobs on the platform database.
public protocol PlatformHandler<Job, Output>: HandlerSettings {
    associatedtype Job: PlatformJob
    /// What a success returns; kept as the job's result. At most a few kilobytes of JSON.
    associatedtype Output: Codable & Sendable

    /// Does the job. Called again after a crash or a retry: what must not happen twice belongs into
    /// `context.effect` or `context.step`.
    ///
    /// - Throws: anything; `trouble(of:)` decides what it means. A `JobFailure` says it outright.
    /// - Cancellation: the task is cancelled on timeout, on a person's cancel, and when the worker's grace is over.
    func run(_ job: Job, context: JobContext) async throws -> Output
}

/// Runs jobs on one family's database.
public protocol FamilyHandler<Job, Output>: HandlerSettings {
    associatedtype Job: FamilyJob
    /// What a success returns; kept as the job's result. At most a few kilobytes of JSON.
    associatedtype Output: Codable & Sendable

    /// As `PlatformHandler.run`; `context.database` is the family's.
    func run(_ job: Job, for family: FamilyID, context: JobContext) async throws -> Output
}

/// Runs jobs on either; `context.target` says which.
public protocol AnyTargetHandler<Job, Output>: HandlerSettings {
    associatedtype Job: AnyTargetJob
    /// What a success returns; kept as the job's result. At most a few kilobytes of JSON.
    associatedtype Output: Codable & Sendable

    /// As `PlatformHandler.run`; `context.database` is the target's.
    func run(_ job: Job, context: JobContext) async throws -> Output
}

/// A handler's result when there is nothing to say.
public struct NoResult: Codable, Sendable, Hashable {
    /// What it is as JSON.
    static let json = Array("{}".utf8)

    public init() {}
}

/// A folder of `workers/`: it names itself and registers its handlers.
public protocol WorkerPlugin: Sendable {
    /// The folder's name.
    var name: String { get }
    func register(in registry: inout HandlerRegistry)
}
