// `chorewheel workers`: the group of commands about worker sessions.

import ArgumentParser

struct WorkersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers", abstract: "List worker processes.", subcommands: [WorkersListCommand.self])
}
