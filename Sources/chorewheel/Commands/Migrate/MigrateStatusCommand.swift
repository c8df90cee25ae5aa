// `chorewheel migrate status`: where every schema is, and whether it is what the migrations made.

import ArgumentParser
import Postgres
import Tenancy

struct MigrateStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show schema versions, what is pending, and what has drifted.")

    @Flag(help: "Also look into every family's database for changes made by hand; a connection each.")
    var drift = false

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await self.common.withStores { context in
            let directory = try context.migrations()
            let migrator = Migrator(try MigrationSet(directory: directory.platform), logger: context.logger)
            let platform = try await context.withPlatformConnection { try await migrator.status(on: $0) }
            // Before the first migration there is no table of families to read.
            let hasFamilies =
                try await context.platform.query(
                    "SELECT to_regclass('families') IS NOT NULL AND to_regclass('job_idempotency_keys') IS NOT NULL"
                ).first?.bool(at: 0) ?? false
            let tenancy = try context.tenancy(directory)
            var fleet = FleetVersions(latest: tenancy.migrations.latestVersion)
            var all: [Family] = []
            if hasFamilies {
                try await context.families.forEachPage { page in
                    for family in page { fleet.append(family) }
                    all += page
                }
            }
            if self.drift {
                fleet.problems = try await FleetDrift(tenancy: tenancy, logger: context.logger).look(at: all)
            }
            let status = StatusDocument(migrations: directory.path, platform: platform, families: fleet)
            try context.output.show(status, asText: status.text)
        }
    }
}

/// What `migrate status` shows.
private struct StatusDocument: Encodable {
    /// Where the files were found.
    let migrations: String
    let platform: MigrationStatus
    let families: FleetVersions

    var text: String {
        var text = "platform: version \(self.platform.version) of \(self.platform.latest)\n"
        if let unfinished = self.platform.unfinished {
            text += "  version \(unfinished) was begun and not ended: migrate again\n"
        }
        if let problem = self.platform.problem { text += "  \(Printable.line(problem))\n" }
        if !self.platform.pending.isEmpty {
            text += "  pending: \(self.platform.pending.map { "\($0.version) \($0.name)" }.joined(separator: ", "))\n"
        }
        return text + self.families.text + "files: \(Printable.line(self.migrations))\n"
    }
}
