// Several worker processes on one machine: spawned, watched, and when one dies its jobs are given back at once, without
// waiting for its lease. The supervisor runs no jobs itself; a child that it leaves behind dies with it (Leash).

internal import JobModel
public import JobQueue
public import Logging
internal import Processes
public import ServiceLifecycle
internal import Synchronization

/// Runs N worker processes.
///
/// A service: graceful shutdown sends each child SIGTERM, so that it drains, and waits for all of them.
public final class WorkerSupervisor: Service {
    public struct Configuration: Sendable {
        /// 1 to 64.
        public var processes: Int
        /// The executable that both works and holds leashes.
        public var executable: String
        /// How to call it so that it works as one process.
        public var arguments: [String]
        /// How long a child may take to drain before it is killed.
        public var grace: Duration

        public init(processes: Int, executable: String, arguments: [String], grace: Duration) {
            self.processes = processes
            self.executable = executable
            self.arguments = arguments
            self.grace = grace
        }
    }

    private let configuration: Configuration
    private let reaper: SessionReaper
    private let index: DispatchIndex
    private let counters: RuntimeCounters
    private let logger: Logger
    private let state = Mutex(State())
    /// One for each slot, since a signal has one waiter.
    private let stopping: [WakeSignal]

    private struct State {
        var children: [Int: ChildProcess] = [:]
        var isStopping = false
    }

    /// - Throws: `InvalidSetting` naming `processes`.
    public init(
        configuration: Configuration, client: JobQueueClient, logger: Logger
    ) throws(InvalidSetting) {
        guard (1...64).contains(configuration.processes) else {
            throw InvalidSetting(field: "processes", rule: "must be 1 to 64, is \(configuration.processes)")
        }
        let counters = RuntimeCounters()
        self.configuration = configuration
        self.reaper = SessionReaper(ledger: client.ledger, index: client.index, counters: counters, logger: logger)
        self.index = client.index
        self.counters = counters
        self.logger = logger
        self.stopping = (0..<configuration.processes).map { _ in WakeSignal() }
    }

    /// Supervises until shut down.
    public func run() async throws {
        try await withGracefulShutdownHandler {
            try await withTaskCancellationHandler {
                // Owner: this call, which waits for it: children are waited for even when the call is cancelled.
                try await Task { try await self.superviseAll() }.value
            } onCancel: {
                self.stop(hurrying: true)
            }
        } onGracefulShutdown: {
            self.stop(hurrying: false)
        }
    }

    private func superviseAll() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for slot in 1...self.configuration.processes {
                group.addTask {
                    do {
                        try await self.supervise(slot)
                    } catch {
                        // What one child cannot live with, no other can: none is left unwatched.
                        self.stop(hurrying: true)
                        throw error
                    }
                }
            }
        }
    }

    private func stop(hurrying: Bool) {
        let children = self.state.withLock { state in
            state.isStopping = true
            return Array(state.children.values)
        }
        for child in children {
            child.requestStop(signal: .terminate, grace: hurrying ? .seconds(10) : self.configuration.grace)
        }
        for signal in self.stopping { signal.wake() }
    }

    private var isStopping: Bool { self.state.withLock { $0.isStopping } }

    /// Keeps one child alive.
    private func supervise(_ slot: Int) async throws {
        var backoff = Backoff(first: .milliseconds(20), longest: .seconds(5))
        while !self.isStopping {
            let worker = WorkerID.mint()
            let started = ContinuousClock.now
            let child: ChildProcess
            do {
                child = try self.spawn(worker)
            } catch {
                self.logger.error("a worker could not be started; trying again", metadata: ["error": "\(error)"])
                await self.stopping[slot - 1].wait(atMost: backoff.nextPause())
                continue
            }
            let mustStop = self.state.withLock { state in
                state.children[slot] = child
                return state.isStopping
            }
            if mustStop { child.requestStop(signal: .terminate, grace: self.configuration.grace) }
            let status = await child.wait()
            self.state.withLock { _ = $0.children.removeValue(forKey: slot) }
            if self.isStopping, status.isSuccess { return }
            if status == .exited(Self.configurationError) {
                throw InvalidSetting(field: "worker", rule: "refused its settings; its own lines above say why")
            }
            // Not to be cut short by another slot's end. Owner: this slot, which waits for it.
            await Task { await self.giveBack(worker, slot: slot, status: status, diedAt: .now) }.value
            // A child that lived for a while is replaced at once; one that dies at its start, with growing pauses.
            if .now - started > .seconds(10) { backoff.reset() }
            if !self.isStopping { await self.stopping[slot - 1].wait(atMost: backoff.nextPause()) }
        }
    }

    /// EX_CONFIG of sysexits(3): trying again cannot help.
    private static let configurationError: Int32 = 78

    private func spawn(_ worker: WorkerID) throws -> ChildProcess {
        var command = ChildProcess.Configuration(self.configuration.executable, self.configuration.arguments)
        command.environment = .inherited(adding: ["CHOREWHEEL_WORKER": worker.description])
        command.grace = self.configuration.grace
        // Without its supervisor nobody would give its jobs back at once, nor stop it.
        command.orphanGrace = .milliseconds(500)
        return try ChildProcess.spawn(command, leash: self.configuration.executable)
    }

    private func giveBack(
        _ worker: WorkerID, slot: Int, status: ExitStatus, diedAt: ContinuousClock.Instant
    ) async {
        var backoff = Backoff(first: .milliseconds(20))
        while true {
            do {
                let jobs = try await self.reaper.reap(worker: worker)
                self.logger.warning(
                    "worker process died",
                    metadata: [
                        "slot": "\(slot)", "status": "\(status)", "worker": "\(worker)", "jobs": "\(jobs)",
                        "recovered_ms": "\((ContinuousClock.now - diedAt).wholeMilliseconds)",
                    ])
                try await self.counters.flush(to: self.index)
                return
            } catch {
                self.logger.warning("a dead worker's jobs could not be given back yet", metadata: ["error": "\(error)"])
                if self.isStopping { return }
            }
            await backoff.pause()
        }
    }
}
