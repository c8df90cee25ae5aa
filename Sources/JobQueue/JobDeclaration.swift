// How a kind of job is declared, for both sides of the queue: the payload is a Codable type that names its kind, and
// whether it works on the platform or on a family is in its type, so that a family job without a family does not
// compile. Handlers are elsewhere (WorkerKit): a web tier that only enqueues needs no more than this.

public import JobModel

/// A payload that names its kind. Conform to `PlatformJob`, `FamilyJob` or `AnyTargetJob`, not to this.
///
/// Shape: encoded as JSON, at most `JobLimits.payloadBytesMax` bytes.
public protocol JobDeclaration: Codable, Sendable {
    /// The kind; the same for ever.
    static var kind: JobKind { get }
    /// Where jobs of the kind wait. Default: `default`.
    static var queue: QueueName { get }
    /// What a crash of Redis may cost. Default: nothing (`durable`).
    static var durability: Durability { get }
    /// How often and when a failed job is tried again.
    static var retryPolicy: RetryPolicy { get }
    /// The version of the payload's shape. Raise it when an older worker could not read the payload: such a worker
    /// then parks the job for a newer one.
    static var payloadVersion: Int { get }
    /// The payload's JSON Schema, as JSON text, checked by the enqueue doors. Default: derived from the type.
    static var payloadSchema: String? { get }
}

extension JobDeclaration {
    public static var queue: QueueName { .default }
    public static var durability: Durability { .durable }
    public static var retryPolicy: RetryPolicy { RetryPolicy() }
    public static var payloadVersion: Int { 1 }
    public static var payloadSchema: String? { PayloadSchema.derived(from: Self.self) }
}

/// A job on the platform database.
public protocol PlatformJob: JobDeclaration {}

/// A job on one family's database.
public protocol FamilyJob: JobDeclaration {}

/// A job that may work on either, chosen at the enqueue.
public protocol AnyTargetJob: JobDeclaration {}

/// Which targets a kind takes, as `job_kinds.target` records it.
public enum TargetRule: String, Sendable, Codable {
    case platform
    case family
    case either

    /// Whether a job with this target may be of the kind.
    public func allows(_ target: JobTarget) -> Bool {
        switch (self, target) {
        case (.platform, .platform), (.family, .family), (.either, .platform), (.either, .family): true
        case (.platform, .family), (.family, .platform): false
        }
    }
}
