// How many families are at which version. Pure; what is wrong inside their databases is FleetDrift's to find.

import Tenancy

struct FleetVersions: Encodable, Sendable {
    struct Count: Encodable, Sendable, Hashable {
        let version: Int
        let families: Int
    }

    /// A family whose schema is not what its migrations made, or could not be looked at.
    struct Problem: Encodable, Sendable, Hashable {
        let slug: String
        let problem: String
    }

    let latest: Int
    private(set) var provisioning = 0
    private var counts: [Int: Int] = [:]
    /// nil: nobody looked.
    var problems: [Problem]?

    init(latest: Int) { self.latest = latest }

    /// Newest first.
    var versions: [Count] {
        self.counts.sorted { $0.key > $1.key }.map { Count(version: $0.key, families: $0.value) }
    }

    /// How many have a database that is older than the files.
    var behind: Int { self.counts.reduce(0) { $0 + ($1.key < self.latest ? $1.value : 0) } }

    mutating func append(_ family: Family) {
        guard family.status != .provisioning, let version = family.schemaVersion else {
            self.provisioning += 1
            return
        }
        self.counts[version, default: 0] += 1
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(self.latest, forKey: .latest)
        try container.encode(self.versions, forKey: .versions)
        try container.encode(self.behind, forKey: .behind)
        try container.encode(self.provisioning, forKey: .provisioning)
        try container.encodeIfPresent(self.problems, forKey: .problems)
    }

    private enum Keys: String, CodingKey { case latest, versions, behind, provisioning, problems }

    var text: String {
        var text =
            "families: latest version \(self.latest), \(self.behind) behind, "
            + "\(self.provisioning) without a database yet\n"
        for count in self.versions { text += "  version \(count.version): \(count.families)\n" }
        guard let problems else { return text }
        if problems.isEmpty { text += "  no drift\n" }
        for problem in problems { text += "  \(Printable.line("\(problem.slug): \(problem.problem)"))\n" }
        return text
    }
}
