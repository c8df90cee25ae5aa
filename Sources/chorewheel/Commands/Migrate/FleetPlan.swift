// What a fleet run would do, from the families as the platform knows them. Pure.

import JobModel
import Tenancy

/// Families by how they stand to a version.
struct FleetPlan: Encodable, Sendable, Hashable {
    struct Entry: Encodable, Sendable, Hashable {
        let family: FamilyID
        let slug: String
        let fromVersion: Int

        private enum CodingKeys: String, CodingKey {
            case slug
            case family = "family_id"
            case fromVersion = "from_version"
        }
    }

    let targetVersion: Int
    /// Those that are behind, in the order of their slugs.
    private(set) var families: [Entry] = []
    /// How many are at the version, or newer.
    private(set) var current = 0
    /// How many have no database yet; they are made at the newest version.
    private(set) var provisioning = 0

    private enum CodingKeys: String, CodingKey {
        case families, current, provisioning
        case targetVersion = "target_version"
    }

    init(targetVersion: Int) { self.targetVersion = targetVersion }

    mutating func append(_ family: Family) {
        guard family.status != .provisioning, let version = family.schemaVersion else {
            self.provisioning += 1
            return
        }
        if version >= self.targetVersion {
            self.current += 1
        } else {
            self.families.append(Entry(family: family.id, slug: family.slug, fromVersion: version))
        }
    }

    var text: String {
        let rest = "\(self.current) at the version already, \(self.provisioning) without a database yet\n"
        guard !self.families.isEmpty else { return "nothing to do for version \(self.targetVersion): \(rest)" }
        var table = TextTable("FAMILY", .number("FROM"), .number("TO"))
        for family in self.families { table.append([family.slug, "\(family.fromVersion)", "\(self.targetVersion)"]) }
        return "\(table.text)\(self.families.count) to migrate, \(rest)"
    }
}
