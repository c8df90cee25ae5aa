// The commands of `chorewheel-bench`.

internal import ArgumentParser

/// The root command.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chorewheel-bench", abstract: "Measures Chorewheel beside its floors and its peers.",
        subcommands: [RunCommand.self, MeasureCommand.self, WorkCommand.self])

    /// Runs what the command line says.
    static func entry() async { await Self.main() }
}

/// A benchmark whose check does not hold, or that cannot run.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
