// The one error type of this module.

public import JobModel
internal import Postgres

/// Why the queue refused, or could not do, something.
public struct JobQueueError: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// An input breaks a rule; `field` names it. Nothing was done.
        case invalid
        /// The idempotency key (or id) was used before with another payload. `existing` is that job. Nothing was done.
        case conflict
        /// There is no such job, queue or session.
        case notFound
        /// The job's state does not allow it. Nothing was done.
        case notPossible
        /// A store cannot be reached; trying again can help.
        case unavailable
        /// Redis or the ledger holds what this version does not understand.
        case corrupt
        /// Redis is set up in a way that would lose jobs.
        case unsafeRedis
    }

    public let code: Code
    public let field: String?
    public let message: String
    public let existing: JobID?
    public let underlying: (any Error)?

    public init(
        _ code: Code, field: String? = nil, _ message: String, existing: JobID? = nil, underlying: (any Error)? = nil
    ) {
        self.code = code
        self.field = field
        self.message = message
        self.existing = existing
        self.underlying = underlying
    }

    static func invalid(_ field: String, _ rule: String) -> JobQueueError {
        JobQueueError(.invalid, field: field, rule)
    }

    /// The same error of one job in a batch.
    func inBatch(at index: Int) -> JobQueueError {
        JobQueueError(
            self.code, field: "jobs[\(index)].\(self.field ?? "")", self.message, existing: self.existing,
            underlying: self.underlying)
    }

    /// What `body` makes of a job of a batch; of its error the field begins with the job's place.
    static func inBatch<Made>(
        at index: Int, _ body: () throws(JobQueueError) -> Made
    ) throws(JobQueueError) -> Made {
        do {
            return try body()
        } catch {
            throw error.inBatch(at: index)
        }
    }

    public var description: String { self.field.map { "\($0): \(self.message)" } ?? self.message }

    public var canRetry: Bool { self.code == .unavailable }
}
