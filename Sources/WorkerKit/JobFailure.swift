// What a handler may throw to say outright what should happen, and the one function that reads any error.

public import JobModel
internal import JobQueue
internal import Postgres

/// A handler's own word on what its failure means.
public enum JobFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// Failed; try again, after the policy's delay unless one is given.
    case retry(after: Duration? = nil, _ message: String)
    /// Failed, and trying again cannot help: the job is dead.
    case discard(_ message: String)
    /// Not failed: run me again later. Costs no failure.
    case snooze(for: Duration)
    /// Something is not there yet: the job is parked, at no cost.
    case notReady(ParkReason, _ message: String)
    /// The family was removed: the job is dead.
    case familyGone(_ message: String)

    public var description: String {
        switch self {
        case .retry(_, let message), .discard(let message), .notReady(_, let message), .familyGone(let message): message
        case .snooze(let delay): "snoozed for \(delay)"
        }
    }
}

/// Reads what an error means for the job that threw it.
///
/// `JobFailure` is taken at its word. A database that cannot be reached parks the job. SQLSTATE classes 22 (data) and
/// 23 (integrity) mean that the same job would fail the same way. Everything else may pass: the policy bounds it.
public func trouble(of error: any Error) -> Trouble {
    switch error {
    case let failure as JobFailure:
        switch failure {
        case .retry(let delay, _): return .transient(after: delay)
        case .discard: return .permanent
        case .snooze(let delay): return .snooze(delay)
        case .notReady(let reason, _): return .notReady(reason)
        case .familyGone: return .familyGone
        }
    case is UndecodablePayload:
        return .undecodable
    case let error as PostgresError:
        if isDatabaseDown(error) { return .notReady(.databaseDown) }
        if let state = error.sqlState?.rawValue, state.hasPrefix("22") || state.hasPrefix("23") { return .permanent }
        return .transient()
    case let error as JobQueueError where error.code == .unavailable:
        return .notReady(.databaseDown)
    default:
        return .transient()
    }
}

/// Whether the database cannot be reached, has no connection to spare, or went away under the job (57P01 to 57P03:
/// it is being shut down, has crashed, is starting), or has no room on its disk (53100). Not the job's fault, so it
/// costs no attempt.
private func isDatabaseDown(_ error: PostgresError) -> Bool {
    switch error.code {
    case .connectionFailed, .connectionLost, .poolExhausted: true
    case .server: ["53100", "57P01", "57P02", "57P03"].contains(error.sqlState?.rawValue)
    case .timeout, .cancelled, .poolClosed, .invalidConfiguration, .decoding, .protocolViolation: false
    }
}
