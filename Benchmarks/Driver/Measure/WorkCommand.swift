// A worker process that runs the `bench.*` kinds: what a service of one's own would be, with one plugin.

internal import ArgumentParser
internal import Processes
internal import WorkerRuntime

struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "A worker process; settings from the environment.", shouldDisplay: false)

    @Option(help: "The board's file.")
    var board: String

    @Option(help: "How many jobs the board has.")
    var jobs: Int

    func run() async throws {
        let board = try Board(path: self.board, jobs: self.jobs, create: false)
        let server = CurrentEnvironment.variables()[BenchFamilies.variable]
        try await WorkerApplication.run(plugins: [BenchPlugin(board: board)], version: "bench") { stores in
            try BenchFamilies(platform: stores.platform, serverURL: server)
        }
    }
}
