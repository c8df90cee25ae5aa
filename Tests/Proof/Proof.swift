// The commands of `chorewheel-proof`.

internal import ArgumentParser

/// The root command.
struct Proof: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chorewheel-proof", abstract: "Shows that nothing is lost and nothing doubled, whatever dies.",
        subcommands: [
            ModelCommand.self, CrashPointsCommand.self, SoakCommand.self, ClocksCommand.self, DiskFullCommand.self,
        ])

    /// Runs what the command line says.
    static func entry() async { await Self.main() }
}

/// A check that does not hold, or that cannot run.
struct ProofFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
