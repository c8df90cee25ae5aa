// `chorewheel dev`: the whole of it on this machine.

internal import ArgumentParser
internal import DevStack
internal import Logging
internal import Processes
internal import WorkerRuntime

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev", abstract: "Run a private Redis and PostgreSQL, the API and workers until Ctrl-C.")

    @OptionGroup var common: CommonOptions

    @Option(help: "The state directory; its data survives restarts.")
    var dir = ".chorewheel"

    @Option(help: "Worker processes.")
    var workers = 2

    @Option(help: "Handlers at once in each worker process.")
    var concurrency = 16

    func run() async throws {
        let settings = try await self.common.settings()
        let logger = try self.common.makeLogger(settings, label: "dev")
        try await DevSession.run(
            DevStack.Configuration(
                directory: FileSystem.absolutePath(self.dir), executable: try Executable.current(),
                migrations: try self.common.migrationsDirectory(settings), workers: self.workers,
                concurrency: self.concurrency),
            logger: logger
        ) { line in
            do {
                try StandardStream.output.write(line + "\n")
            } catch {
                // The reader is gone; the stack runs on.
                logger.debug("a line could not be shown", metadata: ["error": "\(error)"])
            }
        }
    }
}
