// How an attempt ended, as the ledger records it, and the one function that decides it from an error.

/// What recording an attempt's outcome makes of the job.
public enum Settlement: Hashable, Sendable {
    case succeeded
    /// Failed; to be tried again after the delay.
    case retry(after: Duration)
    /// Not failed: the handler asks to be run again after the delay.
    case snooze(for: Duration)
    /// Something it needs is not ready; looked at again after the delay, or at once when told.
    case park(ParkReason, probeAfter: Duration)
    /// Not to be tried again. `spent`: the run counts as a failure (it ran and threw).
    case dead(spent: Bool, DeathReason)
    /// A person gave the job up while it ran.
    case cancelled
    /// The worker stops before the job is done: another takes it, at no cost.
    case giveBack
}

/// What a parked job waits for.
public enum ParkReason: String, Sendable, Codable, CaseIterable {
    case unknownKind = "unknown_kind"
    case familyNotReady = "family_not_ready"
    case databaseDown = "database_down"
    case schemaTooOld = "schema_too_old"
}

/// Why a job is dead. I7: every dead job has one.
public enum DeathReason: String, Sendable, Codable, CaseIterable {
    case attemptsExhausted = "attempts_exhausted"
    case discarded = "discarded"
    case undecodable = "undecodable"
    case poison = "poison"
    case familyGone = "family_gone"
}

/// What kind of trouble an error means: the handlers' errors, SQLSTATEs and transport errors all become one of these.
public enum Trouble: Hashable, Sendable {
    /// Trying again can help. `after` overrides the policy's delay.
    case transient(after: Duration? = nil)
    /// Trying again cannot help.
    case permanent
    /// The payload does not decode.
    case undecodable
    /// Not a failure: run me again later.
    case snooze(Duration)
    /// Something the job needs is not there yet.
    case notReady(ParkReason)
    /// The family was removed: its jobs have nobody to work for.
    case familyGone
    /// The attempt was cut short by a person's cancel.
    case cancelledByHand
    /// The attempt was cut short by the worker's stop.
    case workerStopping
}

/// When, and how often, a failed job is tried again.
public struct RetryPolicy: Hashable, Sendable {
    /// How many failures a job may have before it is dead; 1 means no retry.
    public var maxAttempts: Int
    /// The delay after the first failure; it doubles with each.
    public var baseDelay: Duration
    /// No delay is longer.
    public var maxDelay: Duration

    public init(maxAttempts: Int = 10, baseDelay: Duration = .seconds(1), maxDelay: Duration = .seconds(3600)) {
        precondition(maxAttempts >= 1, "maxAttempts must be at least 1")
        precondition(baseDelay >= .zero && maxDelay >= baseDelay, "delays must satisfy 0 <= baseDelay <= maxDelay")
        self.maxAttempts = maxAttempts
        self.baseDelay = baseDelay
        self.maxDelay = maxDelay
    }

    /// One failure and out.
    public static let never = RetryPolicy(maxAttempts: 1)

    /// The wait after the given number of failures: exponential, with equal jitter (half fixed, half random).
    ///
    /// - Parameter jitter: A number in 0..<1.
    public func delay(afterFailures failures: Int, jitter: Double) -> Duration {
        let doublings = min(max(failures, 1) - 1, 30)
        let whole = min(self.baseDelay * Int(1 << doublings), self.maxDelay)
        return whole / 2 + whole / 2 * jitter
    }
}

extension RetryPolicy {
    /// How long a parked job waits, about, before it looks again by itself. What it waits for may bring that forward. A
    /// compromise between a quick start and a thousand parked jobs asking; a database is mostly back within seconds.
    public static func probeDelay(for reason: ParkReason) -> Duration {
        switch reason {
        case .databaseDown: .seconds(3)
        case .unknownKind, .familyNotReady, .schemaTooOld: .seconds(15)
        }
    }

    /// Decides what an error makes of the job. Pure: the one place where it is decided.
    ///
    /// - Parameters:
    ///   - failures: How often the job failed before this time.
    ///   - jitter: A number in 0..<1.
    public func settlement(for trouble: Trouble, failures: Int, jitter: Double) -> Settlement {
        switch trouble {
        case .transient(let after):
            guard failures + 1 < self.maxAttempts else { return .dead(spent: true, .attemptsExhausted) }
            return .retry(after: after ?? self.delay(afterFailures: failures + 1, jitter: jitter))
        case .permanent: return .dead(spent: true, .discarded)
        case .undecodable: return .dead(spent: false, .undecodable)
        case .snooze(let delay): return .snooze(for: delay)
        case .notReady(let reason): return .park(reason, probeAfter: Self.probeDelay(for: reason) * (0.5 + jitter))
        case .familyGone: return .dead(spent: false, .familyGone)
        case .cancelledByHand: return .cancelled
        case .workerStopping: return .giveBack
        }
    }
}
