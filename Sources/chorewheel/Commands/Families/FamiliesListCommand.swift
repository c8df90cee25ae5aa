// `chorewheel families list`: families by slug, a page at a time.

import ArgumentParser
import Tenancy

struct FamiliesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List families by their slugs.")

    @Option(help: "Only families in this status.")
    var status: FamilyStatus?

    @Option(help: "How many at most, 1 to \(FamilyStore.pageSizeMax).")
    var limit = 100

    @Option(help: ArgumentHelp("Only those after this one: the next page.", valueName: "slug"))
    var after: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (1...FamilyStore.pageSizeMax).contains(self.limit) else {
            throw ValidationError("--limit must be 1 to \(FamilyStore.pageSizeMax).")
        }
    }

    func run() async throws {
        let after = try self.after.map { try Slug(validating: $0) }
        try await self.common.withStores { context in
            let families = try await context.families.families(
                status: self.status, after: after?.rawValue, limit: self.limit)
            let page = FamilyPage(families: families, after: families.count == self.limit ? families.last?.slug : nil)
            try context.output.show(page, asText: page.text)
        }
    }
}

/// A page of families, as the HTTP API answers it.
struct FamilyPage: Encodable {
    let families: [Family]
    /// The `after` of the next page; absent on the last.
    let after: String?

    var text: String {
        guard !self.families.isEmpty else { return "no families\n" }
        var table = TextTable(
            "SLUG", "NAME", "STATUS", "PLAN", .number("SCHEMA"), .number("MEMBERS"), .number("MB"), "DATABASE",
            "CREATED")
        for family in self.families {
            table.append([
                family.slug, family.name, family.status.rawValue, family.plan,
                family.schemaVersion.map { "\($0)" } ?? "-", "\(family.memberCount)", "\(family.storageUsedMB)",
                family.databaseName ?? "-", family.createdAt,
            ])
        }
        return table.text + (self.after.map { "more: --after \($0)\n" } ?? "")
    }
}
