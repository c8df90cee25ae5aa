// `chorewheel dev`: the whole of it on this machine.

internal import ArgumentParser
internal import DevStack
internal import Logging
internal import Processes
internal import WorkerRuntime

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev", abstract: "Run a private Redis and PostgreSQL, the API and workers until Ctrl-C.",
        discussion: "The stack stands and falls together: when a part of it ends by itself, all of it is stopped.")

    @OptionGroup var common: CommonOptions

    @Option(help: "The state directory; its data survives restarts.")
    var dir = ".chorewheel"

    @Option(help: "Worker processes, 1 to 64.")
    var workers = 2

    @Option(help: "Handlers at once in each worker process.")
    var concurrency = 16

    func validate() throws {
        guard (1...64).contains(self.workers) else {
            throw ValidationError("--workers must be 1 to 64, is \(self.workers).")
        }
        guard (1...10_000).contains(self.concurrency) else {
            throw ValidationError("--concurrency must be 1 to 10000, is \(self.concurrency).")
        }
    }

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
