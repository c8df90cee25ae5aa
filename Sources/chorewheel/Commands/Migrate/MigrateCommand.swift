// `chorewheel migrate`: the group of commands about schemas.

import ArgumentParser

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the platform's and the families' databases to a schema version.",
        subcommands: [MigratePlatformCommand.self, MigrateFamiliesCommand.self, MigrateStatusCommand.self])
}
