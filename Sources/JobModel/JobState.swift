// The states of a job. The diagram in docs/job-life.md, the CHECK constraint of the ledger and this enum say the same;
// a test compares them.

/// Where a job is in its life.
public enum JobState: String, Sendable, Codable, CaseIterable {
    /// Due later: enqueued for later, snoozed, or waiting to be retried. Goes to: available, cancelled.
    case scheduled
    /// Waiting for a worker. Goes to: running, cancelled.
    case available
    /// An attempt is under way, owned by a session. Goes to: succeeded, scheduled (retry, snooze), parked, dead,
    /// cancelled, available (its worker died or gave it back).
    case running
    /// Its family, database, schema or kind is not ready. Costs no attempt. Goes to: available, cancelled.
    case parked
    /// Done. Terminal.
    case succeeded
    /// Out of attempts, discarded, undecodable or poison; kept until someone decides. Goes to: available (by hand).
    case dead
    /// Given up by a person. Goes to: available (by hand).
    case cancelled

    /// Whether nothing more happens by itself.
    public var isTerminal: Bool {
        switch self {
        case .succeeded, .dead, .cancelled: true
        case .scheduled, .available, .running, .parked: false
        }
    }
}
