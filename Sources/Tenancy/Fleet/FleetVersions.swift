// How many families are at which version. Pure; what is wrong inside their databases is noted, not looked for.

/// The families' schema versions, counted.
public struct FleetVersions: Encodable, Sendable {
    public struct Count: Encodable, Sendable, Hashable {
        public let version: Int
        public let families: Int

        public init(version: Int, families: Int) {
            self.version = version
            self.families = families
        }
    }

    /// A family whose schema is not what its migrations made, or could not be looked at.
    public struct Problem: Encodable, Sendable, Hashable {
        public let slug: String
        public let problem: String

        public init(slug: String, problem: String) {
            self.slug = slug
            self.problem = problem
        }
    }

    /// The newest version that there are files for.
    public let latest: Int
    /// How many have no database yet.
    public private(set) var provisioning = 0
    private var counts: [Int: Int] = [:]
    /// nil: nobody looked.
    public var problems: [Problem]?

    public init(latest: Int) { self.latest = latest }

    /// Newest first.
    public var versions: [Count] {
        self.counts.sorted { $0.key > $1.key }.map { Count(version: $0.key, families: $0.value) }
    }

    /// How many have a database that is older than the files.
    public var behind: Int { self.counts.reduce(0) { $0 + ($1.key < self.latest ? $1.value : 0) } }

    public mutating func append(_ family: Family) {
        guard family.status != .provisioning, let version = family.schemaVersion else {
            self.provisioning += 1
            return
        }
        self.counts[version, default: 0] += 1
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(self.latest, forKey: .latest)
        try container.encode(self.versions, forKey: .versions)
        try container.encode(self.behind, forKey: .behind)
        try container.encode(self.provisioning, forKey: .provisioning)
        try container.encodeIfPresent(self.problems, forKey: .problems)
    }

    private enum Keys: String, CodingKey { case latest, versions, behind, provisioning, problems }
}
