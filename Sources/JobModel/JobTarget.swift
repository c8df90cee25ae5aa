// Which database a job works on. Part of the job, never ambient: a family job without a family does not compile.

/// The database that a job's effect belongs to.
public enum JobTarget: Hashable, Sendable {
    case platform
    case family(FamilyID)

    /// The family, if there is one.
    public var family: FamilyID? {
        switch self {
        case .platform: nil
        case .family(let id): id
        }
    }

    public init(family: FamilyID?) {
        self = family.map { .family($0) } ?? .platform
    }
}

/// Whether the ledger or Redis is the truth of a job.
public enum Durability: String, Sendable, Codable, CaseIterable {
    /// The ledger row is written in the caller's transaction. Redis may be emptied: jobs are delayed, none is lost.
    case durable

    /// Redis alone, at least once while Redis keeps its data. With `appendfsync everysec` a crash of Redis' machine
    /// loses what was enqueued in its last two seconds (Redis postpones a write for up to 2 s while an fsync is under
    /// way); an emptied Redis loses all of it. For work that may be recomputed.
    case fast
}

/// Which of a family's jobs goes first. Families take turns within one priority.
public enum JobPriority: Int, Sendable, Codable, CaseIterable, Comparable {
    case high = 0
    case normal = 1
    case low = 2

    public static func < (left: JobPriority, right: JobPriority) -> Bool { left.rawValue < right.rawValue }

    /// `high`, `normal`, `low`: how people and the HTTP API name it.
    public var word: String {
        switch self {
        case .high: "high"
        case .normal: "normal"
        case .low: "low"
        }
    }

    /// nil for any other word.
    public init?(word: some StringProtocol) {
        guard let priority = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = priority
    }
}

/// Bounds that every door to the queue keeps.
public enum JobLimits {
    /// The largest payload, in bytes of its JSON text as received.
    public static let payloadBytesMax = 256 * 1024
    /// The longest idempotency key, in bytes of UTF-8.
    public static let idempotencyKeyBytesMax = 255
    /// The most jobs in one batch.
    public static let batchJobsMax = 10_000
    /// How many processes may die with a job aboard before it is run alone; when it kills that one, too, it is dead.
    public static let crashesMax = 3
    /// The most attempts that are shown of one job.
    public static let attemptsShownMax = 200
    /// The most dead fast jobs that a queue keeps; the oldest go first.
    public static let deadFastJobsMax = 10_000
}
