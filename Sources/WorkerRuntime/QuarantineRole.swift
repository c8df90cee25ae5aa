// What a session does with quarantined jobs. They are run in a process that runs nothing else meanwhile: if it dies, it
// is known which job it was, and no neighbour dies as poison.

/// What a session does with jobs that were aboard `JobLimits.crashesMax` crashes.
public enum QuarantineRole: String, Sendable, CaseIterable {
    /// Runs one at a time, with all else it holds settled before: a worker without a supervisor.
    case alone
    /// Leaves them to others: a supervised worker, whose supervisor starts a process for them.
    case leave
    /// Runs them alone and nothing else, and ends when there are none: that process.
    case only
}
