// Several worker processes on one machine: spawned, watched, and when one dies its jobs are given back at once, without
// waiting for its lease. The supervisor runs no jobs itself; a child that it leaves behind dies with it (Leash).

public import JobModel
public import JobQueue
public import Logging
internal import Processes
internal import ServiceLifecycle
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Runs N worker processes.
///
/// A service: graceful shutdown sends each child SIGTERM, so that it drains, and waits for all of them; cancelling the
/// task sends SIGINT as well, so that each hurries. `quiet` quiets the children, and none that dies is replaced.
public final class WorkerSupervisor: QuietableService {
    public struct Configuration: Sendable {
        /// 1 to 64.
        public var processes: Int
        /// The executable that both works and holds leashes.
        public var executable: String
        /// How to call it so that it works as one process.
        public var arguments: [String]
        /// The children's queues: where quarantined jobs are looked for.
        public var queues: [QueueName]
        /// How long a child may take to drain before it is killed.
        public var grace: Duration
        /// How long a child that hurries may take.
        public var hurriedGrace: Duration

        public init(
            processes: Int, executable: String, arguments: [String], queues: [QueueName], grace: Duration,
            hurriedGrace: Duration
        ) {
            self.processes = processes
            self.executable = executable
            self.arguments = arguments
            self.queues = queues
            self.grace = grace
            self.hurriedGrace = hurriedGrace
        }
    }

    let configuration: Configuration
    private let reaper: SessionReaper
    let index: DispatchIndex
    private let counters: RuntimeCounters
    let logger: Logger
    private let state = Mutex(State())
    /// One for each slot, since a signal has one waiter.
    private let stopping: [WakeSignal]
    /// Woken when there may be quarantined jobs, and with the others.
    let quarantineLook = WakeSignal()

    private struct State {
        var children: [Int: ChildProcess] = [:]
        /// How many children have died, with or without jobs.
        var deaths = 0
        var isQuiet = false
        var isStopping = false
        /// What each child's handlers may have, when that is less than they would take by themselves.
        var connections: Int?
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
            for slot in Self.quarantineSlot...self.configuration.processes {
                group.addTask {
                    do {
                        if slot == Self.quarantineSlot {
                            try await self.superviseQuarantine()
                        } else {
                            try await self.supervise(slot)
                        }
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
            // Another signal than the first, as the kernel makes one of two that are the same: a child hurries when it
            // has had two.
            child.requestStop(
                signal: hurrying ? .interrupt : .terminate,
                grace: hurrying ? self.configuration.hurriedGrace : self.configuration.grace)
        }
        for signal in self.stopping + [self.quarantineLook] { signal.wake() }
    }

    /// Quiets every child: see `Worker.quiet`. One that dies from now on gives its jobs back and is not replaced: a new
    /// one would claim nothing, and whoever quiets is about to end them all.
    public func quiet() {
        let children = self.state.withLock { state -> [ChildProcess]? in
            guard !state.isQuiet, !state.isStopping else { return nil }
            state.isQuiet = true
            return Array(state.children.values)
        }
        guard let children else { return }
        self.logger.notice(
            "quiet: the workers claim nothing more, what runs goes on; SIGTERM ends, nothing undoes this",
            metadata: ["workers": "\(children.count)"])
        // One that is so young that it does not know the signal is suspended by it, until it is told to end: it claims
        // nothing either.
        for child in children { child.kill(QuietSignal.number) }
        for signal in self.stopping + [self.quarantineLook] { signal.wake() }
    }

    /// Gives each child's handlers so many connections to a server. Called before `run`.
    func limitConnections(to connections: Int) { self.state.withLock { $0.connections = connections } }

    var isStopping: Bool { self.state.withLock { $0.isStopping } }
    var isQuiet: Bool { self.state.withLock { $0.isQuiet } }
    var deaths: Int { self.state.withLock { $0.deaths } }

    /// Keeps one child alive.
    private func supervise(_ slot: Int) async throws {
        var backoff = Backoff(first: .milliseconds(20), longest: .seconds(5))
        while !self.isStopping {
            if self.isQuiet {
                await self.stopping[slot - 1].wait(atMost: .seconds(60))
                continue
            }
            let worker = WorkerID.mint()
            let started = ContinuousClock.now
            let status: ExitStatus
            do {
                status = try await self.runChild(worker, slot: slot, quarantine: .leave)
            } catch {
                self.logger.error("a worker could not be started; trying again", metadata: ["error": "\(error)"])
                await self.stopping[slot - 1].wait(atMost: backoff.nextPause())
                continue
            }
            if self.isStopping, status.isSuccess { return }
            try self.requireAcceptedSettings(status)
            // Not to be cut short by another slot's end. Owner: this slot, which waits for it.
            _ = await Task { await self.giveBack(worker, slot: slot, status: status, diedAt: .now) }.value
            if self.isQuiet, !self.isStopping {
                self.logger.notice("not replaced, since the workers are quiet", metadata: ["slot": "\(slot)"])
            }
            // A child that lived for a while is replaced at once; one that dies at its start, with growing pauses.
            if .now - started > .seconds(10) { backoff.reset() }
            if !self.isStopping { await self.stopping[slot - 1].wait(atMost: backoff.nextPause()) }
        }
    }

    /// Starts a child, and waits for its end. It is stopped, and quieted, with the others.
    func runChild(_ worker: WorkerID, slot: Int, quarantine: QuarantineRole) async throws -> ExitStatus {
        let child = try self.spawn(worker, quarantine)
        let (mustBeQuiet, mustStop) = self.state.withLock { state in
            state.children[slot] = child
            return (state.isQuiet, state.isStopping)
        }
        if mustBeQuiet { child.kill(QuietSignal.number) }
        if mustStop { child.requestStop(signal: .terminate, grace: self.configuration.grace) }
        let status = await child.wait()
        self.state.withLock { _ = $0.children.removeValue(forKey: slot) }
        return status
    }

    /// EX_CONFIG of sysexits(3): trying again cannot help.
    private static let configurationError: Int32 = 78

    func requireAcceptedSettings(_ status: ExitStatus) throws(InvalidSetting) {
        guard status == .exited(Self.configurationError) else { return }
        throw InvalidSetting(field: "worker", rule: "refused its settings; its own lines above say why")
    }

    private func spawn(_ worker: WorkerID, _ quarantine: QuarantineRole) throws -> ChildProcess {
        let connections = self.state.withLock { $0.connections }
        var command = ChildProcess.Configuration(
            self.configuration.executable,
            self.configuration.arguments + (connections.map { ["--connections", "\($0)"] } ?? []))
        command.environment = .inherited(adding: [
            "CHOREWHEEL_WORKER": worker.description, "CHOREWHEEL_QUARANTINE": quarantine.rawValue,
        ])
        command.grace = self.configuration.grace
        // Without its supervisor nobody would give its jobs back at once, nor stop it: it does so itself, hurrying.
        command.orphanGrace = .seconds(2)
        command.orphanHurry = .milliseconds(100)
        return try ChildProcess.spawn(command, leash: self.configuration.executable)
    }

    /// Gives back what a child held that died. - Returns: How many jobs those were.
    func giveBack(
        _ worker: WorkerID, slot: Int, status: ExitStatus, diedAt: ContinuousClock.Instant
    ) async -> Int {
        defer {
            self.state.withLock { $0.deaths += 1 }
            self.quarantineLook.wake()
        }
        var backoff = Backoff(first: .milliseconds(20))
        while true {
            do {
                let jobs = try await self.reaper.reap(worker: worker, diedAt: diedAt)
                self.logger.warning(
                    "worker process died",
                    metadata: [
                        "slot": "\(slot)", "status": "\(status)", "worker": "\(worker)", "jobs": "\(jobs)",
                        "recovered_ms": "\((ContinuousClock.now - diedAt).wholeMilliseconds)",
                    ])
                try await self.counters.flush(to: self.index)
                return jobs
            } catch {
                self.logger.warning("a dead worker's jobs could not be given back yet", metadata: ["error": "\(error)"])
                if self.isStopping { return 0 }
            }
            await backoff.pause()
        }
    }
}
