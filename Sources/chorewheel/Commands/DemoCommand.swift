// `chorewheel demo`: the main job in front of the reader's eyes.

internal import ArgumentParser
internal import DevStack
internal import Logging
internal import Processes
internal import WorkerRuntime

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Show the main job on a private stack, check the result, and stop it all.",
        discussion: """
            Ten families sign up and get their databases while a worker is killed; Stripe's webhooks arrive twice and \
            in no order; a migration goes over all databases; statistics are computed. It ends with what was measured \
            and checked. Exit code 1: a check failed.
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: "The state directory, new or empty; it is kept. Default: a temporary one, kept when a check failed.")
    var dir: String?

    @Option(help: "Decides the order of the webhooks. Default: another one each time.")
    var seed: UInt64?

    func run() async throws {
        var settings = try await self.common.settings()
        if settings.string("chorewheel.log.level") == nil {
            settings = try await self.common.settings(adding: ["chorewheel.log.level": "warning"])
        }
        let logger = try self.common.makeLogger(settings, label: "demo")
        let screen = DemoScreen(isTerminal: StandardStream.error.isTerminal) { text in
            do {
                try StandardStream.error.write(text)
            } catch {
                // The reader is gone; the result and the exit code still tell.
                logger.debug("progress could not be shown", metadata: ["error": "\(error)"])
            }
        }
        let report = try await Demo(
            Demo.Configuration(
                directory: self.dir, executable: try Executable.current(),
                migrations: try self.common.migrationsDirectory(settings),
                seed: self.seed ?? UInt64.random(in: 0..<1_000_000)),
            screen: screen, logger: logger
        ).run()
        try self.common.output.show(report, asText: report.text)
        if !report.passed { throw ExitCode(1) }
    }
}
