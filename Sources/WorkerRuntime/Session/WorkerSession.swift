// One session: registered, beating, claiming, running, settling; until it is told to stop, or finds that it was ended
// by somebody else. What a session claimed is its own: nobody else settles it, and after its end it settles nothing.
//
//   registered ──▶ working ──▶ draining (told to stop: claims nothing, lets handlers finish) ──▶ ended
//                     │ └───▶ quiet (claims nothing, lives on) ──▶ draining
//                     └──────▶ lost (reaped by others: handlers are cancelled, nothing is settled) ──▶ ended

internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres
internal import Synchronization
internal import WorkerKit

/// One session's life. `run()` once.
final class WorkerSession: Sendable {
    /// How it ended.
    enum End: Sendable {
        case stopped
        /// Others ended it: its jobs are theirs.
        case lost
    }

    let id: SessionID
    let number: Int64
    let configuration: WorkerConfiguration
    let queues: [QueueName]
    let registry: HandlerRegistry
    let ledger: Ledger
    let index: DispatchIndex
    let counters: RuntimeCounters
    let logger: Logger
    let slots: AttemptSlots

    let runner: AttemptRunner
    let settler: Settler
    let fastSettler: FastSettler
    /// Settled ids that Redis still holds as running, by queue.
    let acknowledgements: Acknowledgements
    private let phase = Mutex(Phase.working)
    let phaseChanged = WakeSignal()
    /// What was found damaged in Redis, and said.
    let damage = DamageLog()
    let nextClaim = Mutex<Int64>(0)
    /// When Redis last heard of this session, by its clock.
    let lastBeat = Mutex<Int?>(nil)

    /// In the order in which a session may go through them; each may be left out.
    private enum Phase: Int, Sendable {
        case working
        case quiet
        case draining
        case hurrying
        case lost
    }

    init(
        registration: SessionRegistration, number: Int64, configuration: WorkerConfiguration,
        registry: HandlerRegistry, families: (any FamilyDatabaseProvider)?, ledger: Ledger, platform: PostgresDatabase,
        index: DispatchIndex,
        counters: RuntimeCounters, logger: Logger
    ) {
        var logger = logger
        logger[metadataKey: "session"] = "\(registration.id)"
        let acknowledgements = Acknowledgements()
        self.id = registration.id
        self.number = number
        self.configuration = configuration
        self.queues = registration.queues
        self.registry = registry
        self.ledger = ledger
        self.index = index
        self.counters = counters
        self.logger = logger
        self.acknowledgements = acknowledgements
        let slots = AttemptSlots(capacity: configuration.concurrency)
        self.slots = slots
        self.runner = AttemptRunner(
            registry: registry, ledger: ledger, platform: platform, families: families, session: registration.id,
            sessionNumber: number, counters: counters, logger: logger)
        self.settler = Settler(
            ledger: ledger, session: registration.id, counters: counters, logger: logger
        ) { items in
            acknowledgements.add(items)
            slots.forget(items.lazy.map(\.attempt.attemptID))
        }
        self.fastSettler = FastSettler(
            index: index, session: registration.id, counters: counters, logger: logger
        ) { attempts in
            slots.forget(attempts)
        }
    }

    /// Tells the session to claim nothing more, and to live on; see `stayQuiet`.
    func quiet() { self.move(to: .quiet) }

    /// Tells the session to claim nothing more and to end when its handlers have, or the grace is over.
    func drain() { self.move(to: .draining) }

    /// As `drain`, with no grace: handlers are cancelled at once and their jobs given back.
    func hurry() { self.move(to: .hurrying) }

    /// The session was ended by somebody else: what it runs is cut short and settles nothing.
    func lose(_ why: String) {
        guard self.move(to: .lost) else { return }
        self.logger.error("session lost; its attempts are cut short and settle nothing", metadata: ["why": "\(why)"])
        self.counters.sessionLost()
        self.slots.interruptAll(because: .sessionLost)
    }

    /// Goes on to a later phase; an earlier one is ignored.
    @discardableResult
    private func move(to next: Phase) -> Bool {
        let moved = self.phase.withLock { phase in
            guard next.rawValue > phase.rawValue else { return false }
            phase = next
            return true
        }
        self.phaseChanged.wake()
        self.slots.freed.wake()
        return moved
    }

    var isWorking: Bool { self.phase.withLock { $0 } == .working }
    var isQuiet: Bool { self.phase.withLock { $0 } == .quiet }
    var isLost: Bool { self.phase.withLock { $0 } == .lost }

    /// Works until drained or lost. Not to be cancelled: `drain` and `hurry` end it in order.
    func run() async -> End {
        // Ends with `close`: slots hold the session as long as they live.
        self.slots.set(.init(perform: { await self.perform($0) }, conclude: { self.conclude($0, $1) }))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.writeOutcomes() }
            group.addTask { await self.watchTime() }
            group.addTask { await self.stayAlive() }
            group.addTask { await self.checkItself() }
            group.addTask { await self.flushCounters() }
            await self.claimUntilToldToStop()
            await self.stayQuiet()
            await self.endAttempts()
            self.settler.finish()
            self.fastSettler.finish()
            // The settlers end by themselves when all is written; a lost session has nothing to write. With a store
            // away the wait has an end, too: the session's end then gives the jobs back as crashed.
            if !self.isLost {
                group.addTask { try? await Task.sleep(for: self.configuration.endingLimit) }
                await group.next()
            }
            group.cancelAll()
        }
        self.slots.close()
        if !self.isLost { await self.dropSettledHints() }
        await self.flushCountersOnce()
        return self.isLost ? .lost : .stopped
    }

    /// Tells Redis what is settled: with the session's end it would go back to its lane, for somebody to find it stale.
    private func dropSettledHints() async {
        for queue in self.queues {
            let settled = self.acknowledgements.takeDone(queue)
            do {
                try await self.index.drop(hints: settled, of: self.id, in: queue)
            } catch {
                self.logger.debug("settled hints could not be dropped", metadata: ["error": "\(error)"])
            }
        }
    }

    private func writeOutcomes() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.settler.run() }
            group.addTask { await self.fastSettler.run() }
        }
    }

    /// Waits for the attempts that run; cuts them short when the grace is over. Those that wait for a slot go back.
    private func endAttempts() async {
        let deadline = ContinuousClock.now + self.configuration.grace
        self.giveBackWaiting()
        while self.slots.count > 0, self.phase.withLock({ $0 }) == .draining, .now < deadline {
            await self.slots.freed.wait(atMost: min(.seconds(1), max(deadline - .now, .milliseconds(1))))
        }
        guard self.slots.count > 0 else { return }
        self.slots.interruptAll(because: self.isLost ? .sessionLost : .workerStopping)
        // Each attempt ends within the cancellation grace, if only by being abandoned, and then is settled.
        let last = ContinuousClock.now + self.configuration.endingLimit
        while self.slots.count > 0, .now < last {
            await self.slots.freed.wait(atMost: .milliseconds(200))
        }
    }
}
