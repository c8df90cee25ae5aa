// `chorewheel families show`: one family, without its password.

import ArgumentParser
import JobModel
import Tenancy

struct FamiliesShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a family: its status, plan, database and figures.")

    @Argument(help: "The family's slug, or its id.")
    var family: String

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await self.common.withStores { context in
            let family = try await context.family(self.family)
            try context.output.show(family, asText: Self.text(family))
        }
    }

    static func text(_ family: Family) -> String {
        var fields = TextFields()
        fields.append("slug", family.slug)
        fields.append("id", family.id.description)
        fields.append("name", family.name)
        fields.append("status", family.status.rawValue)
        fields.append("plan", family.plan)
        fields.append("trial ends", family.trialEndsAt)
        fields.append("subscription ends", family.subscriptionEndsAt)
        fields.append("database", family.databaseName)
        fields.append("server", family.databaseHost.map { "\($0):\(family.databasePort.map { "\($0)" } ?? "?")" })
        fields.append("role", family.databaseUser)
        fields.append("schema version", family.schemaVersion.map { "\($0)" })
        fields.append("members", "\(family.memberCount)")
        fields.append("storage", "\(family.storageUsedMB) MB")
        fields.append("last activity", family.lastActivityAt)
        fields.append("created", family.createdAt)
        fields.append("provisioned", family.provisionedAt)
        fields.append("provisioned by job", family.provisionJob?.description)
        return fields.text
    }
}
