// Care for the whole queue, done by one session at a time: dispatch what is due, reap sessions that died, rebuild and
// reconcile Redis. Which session it is, is decided by a lease in Redis (beat.lua); that is an economy, not a safety:
// every act here may be done by two at once.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Redis
internal import Synchronization

/// The caretaker's duties, on when its session holds the caretaker's lease.
final class Caretaker: Sendable {
    private struct State {
        var isOnDuty = false
        var needsRebuild = false
        var toReap: Set<SessionID> = []
    }

    private let session: WorkerSession
    private let state = Mutex(State())
    private let changed = WakeSignal()

    init(session: WorkerSession) {
        self.session = session
    }

    var isOnDuty: Bool { self.state.withLock { $0.isOnDuty } }

    /// Takes in a heartbeat's answer.
    func heard(_ beat: Heartbeat, mayReap: Bool) {
        let changed = self.state.withLock { state in
            let before = state.isOnDuty
            state.isOnDuty = beat.isCaretaker
            state.needsRebuild = beat.isCaretaker && beat.generation == nil
            if mayReap { state.toReap.formUnion(beat.expired.filter { $0 != self.session.id }) }
            return before != state.isOnDuty || state.needsRebuild || !state.toReap.isEmpty
        }
        if changed { self.changed.wake() }
    }

    /// Asks for a session to be reaped.
    func reap(_ session: SessionID) {
        guard session != self.session.id else { return }
        self.state.withLock { _ = $0.toReap.insert(session) }
        self.changed.wake()
    }

    /// Does the duties whenever they are this session's, until cancelled.
    func run() async {
        while !Task.isCancelled {
            if self.isOnDuty {
                self.session.logger.info("this session is the caretaker now")
                await self.serve()
            } else {
                await self.changed.wait(atMost: .seconds(60))
            }
        }
    }

    private func serve() async {
        let dispatcher = Dispatcher(ledger: self.session.ledger, index: self.session.index, logger: self.session.logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await dispatcher.run() }
            await self.reapAndReconcile()
            group.cancelAll()
        }
    }

    private func reapAndReconcile() async {
        let reconciler = Reconciler(ledger: self.session.ledger, index: self.session.index, logger: self.session.logger)
        let reaper = SessionReaper(
            ledger: self.session.ledger, index: self.session.index, counters: self.session.counters,
            logger: self.session.logger)
        var nextReconcile = ContinuousClock.now
        var connection = self.session.index.redis.connectionGeneration
        var backoff = Backoff()
        while !Task.isCancelled {
            let (isOnDuty, needsRebuild, dead) = self.state.withLock { ($0.isOnDuty, $0.needsRebuild, $0.toReap) }
            guard isOnDuty else { return }
            do {
                for id in dead {
                    try await reaper.reap(id, because: .expired)
                    self.state.withLock { _ = $0.toReap.remove(id) }
                }
                // A Redis that was connected anew may have lost its last seconds.
                let isReconnected = connection != self.session.index.redis.connectionGeneration
                if needsRebuild {
                    connection = self.session.index.redis.connectionGeneration
                    _ = try await reconciler.rebuild()
                    self.session.counters.rebuilt()
                    self.state.withLock { $0.needsRebuild = false }
                    nextReconcile = .now + self.session.configuration.reconcileEvery
                } else if isReconnected || .now >= nextReconcile {
                    connection = self.session.index.redis.connectionGeneration
                    let report = try await reconciler.reconcile()
                    self.session.counters.reconciled(pushed: report.pushed, repaired: report.repaired)
                    nextReconcile = .now + self.session.configuration.reconcileEvery
                }
                backoff.reset()
                await self.changed.wait(atMost: self.session.configuration.beat)
            } catch {
                if Task.isCancelled { return }
                self.session.logger.warning("care interrupted; trying again", metadata: ["error": "\(error)"])
                await backoff.pause()
            }
        }
    }
}
