// The plugin `ComputeStats`: figures of a family, and of the platform. README.md tells what is safe when.

public import JobModel
public import JobQueue
public import WorkerKit

/// Registers `family.compute_stats` and `platform.compute_stats`.
public struct ComputeStatsPlugin: WorkerPlugin {
    public let name = "ComputeStats"

    public init() {}

    public func register(in registry: inout HandlerRegistry) {
        registry.add(FamilyStatsHandler())
        registry.add(PlatformStatsHandler())
    }
}

/// Count a family's members, storage and activity.
public struct ComputeFamilyStats: FamilyJob, Hashable {
    public static let kind: JobKind = "family.compute_stats"
    public static let queue: QueueName = "stats"

    /// The day, `YYYY-MM-DD` in UTC; nil: today.
    public var day: String?

    public init(day: String? = nil) { self.day = day }
}

/// Sum the platform's figures up: after the families' for the same day.
public struct ComputePlatformStats: PlatformJob, Hashable {
    public static let kind: JobKind = "platform.compute_stats"
    public static let queue: QueueName = "stats"

    /// The day, `YYYY-MM-DD` in UTC; nil: today.
    public var day: String?

    public init(day: String? = nil) { self.day = day }
}

/// A family's figures of a day.
public struct FamilyStats: Codable, Sendable, Hashable {
    public let day: String
    public let memberCount: Int
    public let activeUsers: Int
    public let choresCompleted: Int
    public let storageBytes: Int
    /// RFC 3339, UTC; nil: nothing has happened yet.
    public let lastActivityAt: String?

    private enum CodingKeys: String, CodingKey {
        case day
        case memberCount = "member_count"
        case activeUsers = "active_users"
        case choresCompleted = "chores_completed"
        case storageBytes = "storage_bytes"
        case lastActivityAt = "last_activity_at"
    }
}

/// The platform's figures of a day, by their names in `platform_analytics`.
public struct PlatformStats: Codable, Sendable, Hashable {
    public let day: String
    public let metrics: [String: Double]
}

/// The day of a payload, checked.
///
/// - Throws: `JobFailure.discard`: it will not become a day by trying again.
func checkedDay(_ day: String?) throws(JobFailure) -> String? {
    guard let day else { return nil }
    let parts = day.split(separator: "-", omittingEmptySubsequences: false)
    let digits = parts.allSatisfy { part in part.utf8.allSatisfy { (48...57).contains($0) } }
    guard parts.map(\.utf8.count) == [4, 2, 2], digits, let month = Int(parts[1]), let date = Int(parts[2]),
        (1...12).contains(month), (1...31).contains(date)
    else {
        throw .discard("payload.day must be a date, YYYY-MM-DD")
    }
    return day
}
