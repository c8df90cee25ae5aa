// A family as the platform knows it. Secrets are not in this value: it is safe to print.

public import JobModel

/// What a family may do at the moment.
public enum FamilyStatus: String, Sendable, Codable, CaseIterable {
    /// Signed up; its database is being made. Goes to: trial, cancelled.
    case provisioning
    /// Its database is there; 7 days to try it. Goes to: active, suspended, cancelled.
    case trial
    /// Pays. Goes to: suspended, cancelled.
    case active
    /// Does not pay; people are kept out, the house goes on being kept (migrations, statistics). Goes to: active,
    /// cancelled.
    case suspended
    /// Gone, or going. Goes to: active (it came back before its database was removed).
    case cancelled
}

/// One row of `families`, without its password. Times are RFC 3339 texts in UTC.
public struct Family: Sendable, Hashable, Codable {
    public let id: FamilyID
    public let slug: String
    public let name: String
    public let status: FamilyStatus
    public let plan: String
    public let databaseHost: String?
    public let databasePort: Int?
    public let databaseName: String?
    public let databaseUser: String?
    public let schemaVersion: Int?
    public let trialEndsAt: String?
    public let subscriptionEndsAt: String?
    public let memberCount: Int
    public let storageUsedMB: Int
    public let lastActivityAt: String?
    public let createdAt: String
    public let provisionedAt: String?
    /// The job that makes, or made, its database; nil when that was not started by a sign-up.
    public let provisionJob: JobID?
    /// Not in the JSON: who is told what this family's server is, has it from there.
    let serverID: UUIDBytes?

    private enum CodingKeys: String, CodingKey {
        case id, slug, name, status, plan
        case databaseHost = "db_host"
        case databasePort = "db_port"
        case databaseName = "db_name"
        case databaseUser = "db_user"
        case schemaVersion = "schema_version"
        case trialEndsAt = "trial_ends_at"
        case subscriptionEndsAt = "subscription_ends_at"
        case memberCount = "member_count"
        case storageUsedMB = "storage_used_mb"
        case lastActivityAt = "last_activity_at"
        case createdAt = "created_at"
        case provisionedAt = "provisioned_at"
        case provisionJob = "provision_job_id"
        case serverID = "server_id"
    }
}
