// `chorewheel families`: the group of commands about families.

import ArgumentParser

struct FamiliesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "families", abstract: "Sign up, list and show families.",
        subcommands: [FamiliesSignupCommand.self, FamiliesListCommand.self, FamiliesShowCommand.self])
}
