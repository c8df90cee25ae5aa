// `chorewheel migrate platform`: the platform database, here and now.

import ArgumentParser
import Tenancy

struct MigratePlatformCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "platform", abstract: "Migrate the platform database.",
        discussion: "Safe to run again, and by two at once. A migration that meets another's lock is tried again, then "
            + "deferred (exit code 75).")

    @Flag(help: "Only show what would be done.")
    var plan = false

    @Option(help: ArgumentHelp("Stop at this version. Default: the last there is.", valueName: "version"))
    var to: Int?

    @Flag(help: "Go back to the version of --to by the down files. Data in what they drop is gone.")
    var rollback = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if self.rollback, self.to == nil { throw ValidationError("--rollback needs --to.") }
    }

    func run() async throws {
        try await self.common.withStores { context in
            let directory = try context.migrations()
            let migrator = Migrator(try MigrationSet(directory: directory.platform), logger: context.logger)
            if self.plan {
                let plan = try await context.withPlatformConnection { try await migrator.plan(on: $0, to: self.to) }
                return try context.output.show(plan, asText: plan.text)
            }
            let result = try await context.withPlatformConnection { connection in
                if self.rollback, let version = self.to {
                    return try await migrator.rollback(on: connection, to: version)
                }
                return try await migrator.migrate(on: connection, to: self.to)
            }
            // Families have a place only when there is a server to put them on.
            if result.to == migrator.set.latestVersion { try await context.tenancy(directory).bootstrap() }
            try context.output.show(result, asText: result.text)
            let access = try await PlatformAccess(of: context.platform)
            if access.isOpenToPublic {
                try context.output.note(
                    "PUBLIC, so every family's role, may connect to \(access.database); run: \(access.closing)")
            }
            if result.outcome == .deferred {
                throw CommandFailure(.temporary, "deferred: \(result.reason ?? "a lock was in the way")")
            }
        }
    }
}

extension MigrationPlan {
    var text: String {
        guard !self.steps.isEmpty else { return "nothing to do: at version \(self.current)\n" }
        var table = TextTable(.number("VERSION"), "NAME", "DIRECTION", "TRANSACTION", .number("PARTS"), "")
        for step in self.steps {
            table.append([
                "\(step.version)", step.name, step.direction.rawValue, step.transactional ? "one" : "none",
                "\(step.statements)", step.resumes ? "was begun before" : nil,
            ])
        }
        return "from version \(self.current) to \(self.target):\n\(table.text)"
    }
}

extension MigrationResult {
    var text: String {
        guard !self.steps.isEmpty else { return "nothing was done: at version \(self.to)\n" }
        var table = TextTable(.number("VERSION"), "NAME", "DIRECTION", .number("TIME"))
        for step in self.steps {
            table.append(["\(step.version)", step.name, step.direction.rawValue, "\(step.milliseconds) ms"])
        }
        return "from version \(self.from) to \(self.to):\n\(table.text)"
    }
}
