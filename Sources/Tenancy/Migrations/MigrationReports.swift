// What the engine says it did or found; values for programs (`--json`) and people.

/// What a run did.
public struct MigrationResult: Sendable, Hashable, Codable {
    public enum Outcome: String, Sendable, Hashable, Codable {
        /// The database is at the version asked for.
        case done
        /// Somebody else's lock was in the way for too long. Not a failure: what was done is done, try again later.
        case deferred
    }

    public struct AppliedStep: Sendable, Hashable, Codable {
        public let version: Int
        public let name: String
        public let direction: MigrationPlan.Step.Direction
        public let milliseconds: Int
    }

    public let outcome: Outcome
    /// The version before and after.
    public let from: Int
    public let to: Int
    public let steps: [AppliedStep]
    /// Why it is deferred.
    public let reason: String?
}

/// How a database stands to a set of migrations.
public struct MigrationStatus: Sendable, Hashable, Codable {
    public struct Entry: Sendable, Hashable, Codable {
        public let version: Int
        public let name: String
        /// RFC 3339, UTC; nil when pending or unfinished.
        public let appliedAt: String?
        public let milliseconds: Int?

        private enum CodingKeys: String, CodingKey {
            case version, name, milliseconds
            case appliedAt = "applied_at"
        }
    }

    public let version: Int
    public let latest: Int
    public let applied: [Entry]
    public let pending: [Entry]
    /// The version of a migration that was begun and not ended.
    public let unfinished: Int?
    /// Why nothing may be migrated: an edited or missing file, a drifted schema; nil when all is well.
    public let problem: String?

    public var isCurrent: Bool { self.version == self.latest && self.problem == nil && self.unfinished == nil }
}
