// `chorewheel work`: one worker process, or several under a supervisor.

internal import ArgumentParser
internal import JobQueue
internal import Logging
internal import Processes
internal import Tenancy
internal import WorkerCatalog
internal import WorkerKit
internal import WorkerRuntime

struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "Claim jobs and run them.",
        discussion: """
            SIGTERM drains: nothing more is claimed, what runs may go on for the grace, the rest is given back at no \
            cost. A second SIGTERM hurries: what runs is cancelled and given back. SIGTSTP quiets: nothing more is \
            claimed, what runs goes on, the process stays until SIGTERM; nothing undoes it.

            Before it starts it compares the connections that it may open with those that PostgreSQL and Redis hold.
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: "Worker processes, 1 to 64, watched by this one. Default: work in this process.")
    var processes: Int?

    @Option(help: "Handlers at once in each process. Default: 32.")
    var concurrency: Int?

    @Option(
        help: ArgumentHelp(
            "Connections to one PostgreSQL server that each process's handlers may have. Default: 64, or as many as "
                + "fit."))
    var connections: Int?

    @Option(help: "Queues to claim from, separated by commas. Default: those of all kinds.")
    var queues: String?

    @Option(help: "Seconds that handlers may go on after SIGTERM. Default: 25.")
    var grace: Int?

    @Option(help: "Seconds without a heartbeat after which this worker's jobs are others'. Default: 10.")
    var lease: Int?

    @Flag(help: "Register the diagnostic.* kinds, which can fail and crash on request.")
    var diagnostics = false

    func run() async throws {
        let settings = try await self.common.settings(adding: [
            "chorewheel.concurrency": self.concurrency.map(String.init),
            "chorewheel.connections": self.connections.map(String.init),
            "chorewheel.queues": self.queues,
            "chorewheel.grace.seconds": self.grace.map(String.init),
            "chorewheel.lease.seconds": self.lease.map(String.init),
        ])
        let logger = try self.common.makeLogger(settings, label: "worker")
        let configuration = try WorkerConfiguration(settings: settings, version: chorewheelVersion)
        let stores = try Stores(
            settings: settings, application: "chorewheel work", reservingForLedger: true, logger: logger)
        let tenancy = try Tenancy(
            platform: stores.platform,
            secrets: try SecretBox(keys: try settings.requiredString("chorewheel.secret.keys")),
            familyMigrations: "\(try self.common.migrationsDirectory(settings))/family")
        let registry = HandlerRegistry(
            plugins: WorkerCatalog.plugins(tenancy: tenancy, diagnostics: self.diagnostics))
        let check = try StartCheck(
            settings: settings, stores: stores, configuration: configuration, processes: self.processes, logger: logger)
        if let processes = self.processes {
            let supervisor = try WorkerSupervisor(
                configuration: .init(
                    processes: processes, executable: try Executable.current(), arguments: self.childArguments,
                    queues: configuration.queues(for: registry), grace: configuration.longestDrain,
                    hurriedGrace: configuration.longestHurry),
                client: stores.client, logger: logger)
            try await WorkerApplication.run(check.before(supervisor), logger: logger)
        } else {
            let worker = try Worker(
                configuration: configuration, registry: registry, families: tenancy.databases,
                client: stores.client, platform: stores.platform, logger: logger)
            try await WorkerApplication.run(settings.isSupervised ? worker : check.before(worker), logger: logger)
        }
        await stores.close()
    }

    /// How a supervised process is called: as this one, without `--processes`.
    private var childArguments: [String] {
        var arguments = ["work"] + self.common.arguments
        if let concurrency = self.concurrency { arguments += ["--concurrency", "\(concurrency)"] }
        if let queues = self.queues { arguments += ["--queues", queues] }
        if let grace = self.grace { arguments += ["--grace", "\(grace)"] }
        if let lease = self.lease { arguments += ["--lease", "\(lease)"] }
        if self.diagnostics { arguments.append("--diagnostics") }
        return arguments
    }
}
