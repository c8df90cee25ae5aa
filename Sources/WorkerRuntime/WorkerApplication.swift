// A worker process from end to end, for executables of other packages: settings, logging, stores, signals, worker.

public import Logging
public import ServiceLifecycle
internal import Telemetry
internal import UnixSignals
public import WorkerKit

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Runs a worker process.
///
///     try await WorkerApplication.run(plugins: [Greeter()])
///
/// One whose plugins have settings of their own declares them, so that a settings file may hold them and their
/// variables are known:
///
///     let language = Setting("greeter.language", "Greeter: the language of its greetings. Default: en.")
///     let settings = try await Settings(own: [language])
///     let greeter = Greeter(language: settings.string(language.name) ?? "en")
///     try await WorkerApplication.run(plugins: [greeter], own: [language])
public enum WorkerApplication {
    /// Works until SIGTERM or SIGINT, then drains; a second one hurries. SIGTSTP quiets: see `Worker.quiet`.
    ///
    /// - Parameters:
    ///   - plugins: What this process can run.
    ///   - own: Settings of the plugins, besides `Setting.all`.
    ///   - families: Makes what finds families' databases; nil when there are only platform jobs.
    /// - Throws: `InvalidSetting`, also when the servers cannot hold its connections (`StartCheck`);
    ///   `JobQueueError(.unsafeRedis)`.
    public static func run(
        plugins: [any WorkerPlugin], own: [Setting] = [], version: String = "unknown",
        families: (@Sendable (Stores) async throws -> any FamilyDatabaseProvider)? = nil
    ) async throws {
        // libpq and hiredis write to sockets that may be closed.
        signal(SIGPIPE, SIG_IGN)
        let settings = try await Settings(own: own)
        let logger = try makeLogger(settings: settings, label: "worker")
        settings.warnOfUnknownVariables(logger)
        let stores = try Stores(
            settings: settings, application: "chorewheel worker", reservingForLedger: true, logger: logger)
        let configuration = try WorkerConfiguration(settings: settings, version: version)
        let check = try StartCheck(
            settings: settings, stores: stores, configuration: configuration, processes: nil, logger: logger)
        let worker = try Worker(
            configuration: configuration, registry: HandlerRegistry(plugins: plugins),
            families: try await families?(stores), client: stores.client,
            platform: stores.platform, logger: logger)
        try await run(settings.isSupervised ? worker : check.before(worker), logger: logger)
        await stores.close()
    }

    /// The same signal again, and sooner than that, is the first one by another way.
    private static let sameSignal: Duration = .milliseconds(250)

    /// Runs services until a signal: the first SIGTERM or SIGINT shuts down gracefully, a second one cancels. SIGTSTP
    /// quiets a service that can be quiet, instead of suspending the process; SIGCONT undoes nothing.
    public static func run(_ service: any Service, logger: Logger) async throws {
        let services = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: logger))
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let quietable = service as? any QuietableService
        let quiets = quietable == nil ? nil : await QuietSignal.trap()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            group.addTask {
                var first: (signal: UnixSignal, at: ContinuousClock.Instant)?
                for await signal in signals {
                    if let first {
                        // A service manager tells all processes at once, and a supervisor tells its children again.
                        if signal == first.signal, .now - first.at < Self.sameSignal { continue }
                        logger.notice(
                            "hurrying: handlers are cancelled, their jobs given back", metadata: ["signal": "\(signal)"]
                        )
                        return
                    }
                    first = (signal, .now)
                    logger.info("draining; a second signal hurries", metadata: ["signal": "\(signal)"])
                    await services.triggerGracefulShutdown()
                }
            }
            if let quietable, let quiets {
                // Ends when it is cancelled.
                group.addTask { for await _ in quiets { quietable.quiet() } }
            }
            // Whichever ends first: the services, or the wait for a second signal, which cancels them.
            try await group.next()
            group.cancelAll()
            do {
                try await group.waitForAll()
            } catch is CancellationError {
                // That is how hurried services end.
            }
        }
    }

    /// Sets logging up from `chorewheel.log.level` and `chorewheel.log.format`. Once a process.
    public static func makeLogger(settings: Settings, label: String) throws(InvalidSetting) -> Logger {
        let level = settings.string("chorewheel.log.level") ?? "info"
        guard let level = Logger.Level(rawValue: level) else {
            throw InvalidSetting(
                field: "chorewheel.log.level",
                rule: "must be one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")), is \"\(level)\""
            )
        }
        let format = settings.string("chorewheel.log.format") ?? "text"
        guard let format = LogFormat(rawValue: format) else {
            throw InvalidSetting(
                field: "chorewheel.log.format",
                rule: "must be one of \(LogFormat.allCases.map(\.rawValue).joined(separator: ", ")), is \"\(format)\"")
        }
        bootstrapLogging(format: format, level: level)
        return Logger(label: "chorewheel.\(label)")
    }
}
