// The commands of `chorewheel-bench`.

internal import ArgumentParser

/// The root command.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chorewheel-bench", abstract: "Measures Chorewheel beside its floors and its peers.",
        subcommands: [MeasureCommand.self, WorkCommand.self])

    /// Runs what the command line says.
    static func entry() async { await Self.main() }
}
