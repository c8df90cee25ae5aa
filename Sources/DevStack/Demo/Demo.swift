// `chorewheel demo`: the main job, in front of the reader's eyes and against a real stack. The scenario is the list in
// `tell`; each step is a file beside this one, and what must be true afterwards is in DemoChecks.
//
// Invariants:
// 1. Nothing is simulated: what is shown is read from the API, the ledger, or the family databases.
// 2. Every wait has a limit, and whatever happens the stack is stopped before `run` returns.
// 3. Its own temporary directory is removed only when all checks passed.

internal import JobQueue
public import Logging
internal import Postgres
internal import Processes
internal import Tenancy

/// Runs the demonstration.
public struct Demo: Sendable {
    public struct Configuration: Sendable {
        /// The state directory, which must be new or empty, and is kept; nil: a temporary one.
        public var directory: String?
        /// The `chorewheel` executable.
        public var executable: String
        /// Holds `platform/` and `family/`; copied, since the demonstration adds a migration of its own.
        public var migrations: String
        /// Decides in which order the webhooks come; the same seed, the same order.
        public var seed: UInt64

        public init(directory: String? = nil, executable: String, migrations: String, seed: UInt64) {
            self.directory = directory
            self.executable = executable
            self.migrations = migrations
            self.seed = seed
        }
    }

    let configuration: Configuration
    let screen: DemoScreen
    let logger: Logger

    /// - Parameters:
    ///   - logger: Where the parts of this process say what is wrong; workers and API write to a file.
    ///   - screen: What shows the reader how far it is.
    public init(_ configuration: Configuration, screen: DemoScreen, logger: Logger) {
        self.configuration = configuration
        self.screen = screen
        self.logger = logger
    }

    /// Runs all of it. A step or check that fails is in the report, and not thrown.
    ///
    /// - Throws: `ProcessError`, `TenancyError`: the stack could not be started; `CancellationError` after SIGINT,
    ///   SIGTERM, SIGHUP or a cancellation of the task. Nothing is left running then; the directory is kept, and named.
    public func run() async throws -> DemoReport {
        let signals = await StopSignals.trap()
        let directory = try DemoDirectory.make(self.configuration.directory)
        do {
            try directory.copyMigrations(from: self.configuration.migrations)
            var report = try await withThrowingTaskGroup(of: DemoReport?.self) { group in
                group.addTask { try await self.perform(in: directory) }
                group.addTask {
                    await signals.wait()
                    return nil
                }
                let first = try await group.next() ?? nil
                group.cancelAll()
                // After a signal the scenario ends too, in order, and then this does.
                guard let first else {
                    self.screen.line("stopping …")
                    while try await group.next() != nil {}
                    throw CancellationError()
                }
                return first
            }
            if directory.isTemporary, report.passed {
                try directory.remove()
            } else {
                report.directory = directory.path
            }
            return report
        } catch {
            self.screen.line("kept for a look: \(directory.path) (log: \(directory.log))")
            throw error
        }
    }

    private func perform(in directory: DemoDirectory) async throws -> DemoReport {
        let start = ContinuousClock.now
        self.screen.line("starting redis-server, postgres, the API and two workers in \(directory.path) …")
        let stack = try await DevStack.start(
            DevStack.Configuration(
                directory: directory.path, executable: self.configuration.executable,
                migrations: directory.migrations, workers: DemoStage.workers, log: directory.log,
                isTemporary: directory.isTemporary),
            logger: self.logger)
        var report: DemoReport
        let processes: [DemoProcess]
        do {
            let stage = try DemoStage(stack, directory: directory, screen: self.screen, logger: self.logger)
            self.screen.line("up after \((ContinuousClock.now - start).shown): \(stack.apiURL)")
            report = await self.tellUnlessAPartEnds(on: stage)
            processes = await stage.processes()
            await stage.close()
        } catch {
            await stack.stop()
            throw error
        }
        let stopping = ContinuousClock.now
        self.screen.line("stopping …")
        await stack.stop()
        self.screen.line("stopped after \((ContinuousClock.now - stopping).shown)")
        try Task.checkCancellation()
        let ended = DemoChecks.nothingIsLeft(of: processes)
        self.screen.show(ended)
        report.checks.append(ended)
        report.totalMilliseconds = (ContinuousClock.now - start).inMillisecondsRounded
        return report
    }

    private enum Ending: Sendable {
        case told(DemoReport)
        /// A part of the stack ended by itself; nil: nobody waits any more.
        case ended(String?)
    }

    /// Tells the story to its end, or until a part of the stack ends by itself: waiting for it would be in vain.
    private func tellUnlessAPartEnds(on stage: DemoStage) async -> DemoReport {
        await withTaskGroup(of: Ending.self) { group in
            group.addTask { .told(await self.tell(on: stage)) }
            group.addTask { .ended(await stage.stack.waitForFailure()) }
            var report = DemoReport(seed: self.configuration.seed)
            var failure: String?
            for await ending in group {
                switch ending {
                case .told(let told): report = told
                case .ended(let part): failure = part
                }
                group.cancelAll()
            }
            if let failure {
                let failed = DemoReport.Check(
                    name: "no part of the stack ends by itself", passed: false,
                    detail: "\(failure); the last lines of the log:\n\(stage.directory.endOfLog)")
                self.screen.show(failed)
                report.checks.append(failed)
            }
            return report
        }
    }

    /// The story.
    private func tell(on stage: DemoStage) async -> DemoReport {
        var report = DemoReport(seed: self.configuration.seed)
        do {
            try await stage.waitForWorkers(besides: [])
            self.screen.title("1. Ten families sign up, and a worker is killed while it makes their databases")
            let signedUp = try await SignUpStep(stage: stage).run(&report)
            self.screen.title("2. Stripe's webhooks arrive, twice each and in no order (seed \(report.seed))")
            let billing = try await WebhookStep(stage: stage, seed: report.seed).run(for: signedUp, &report)
            self.screen.title("3. A new migration is deployed and goes over all ten")
            let version = try await MigrationStep(stage: stage).run(&report)
            self.screen.title("4. Statistics are computed")
            try await StatisticsStep(stage: stage).run(for: signedUp, &report)
            self.screen.title("5. Checks")
            await DemoChecks(stage: stage).run(signedUp, billing, version: version, &report)
        } catch {
            // Then whoever cancelled says why.
            if Task.isCancelled { return report }
            let failed = DemoReport.Check(
                name: "the story could be told to its end", passed: false,
                detail: "\(error); the last lines of the log:\n\(stage.directory.endOfLog)")
            self.screen.show(failed)
            report.checks.append(failed)
        }
        return report
    }
}
