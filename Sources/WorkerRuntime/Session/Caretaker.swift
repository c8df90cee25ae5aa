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
        /// Whether the last heartbeat to the ledger succeeded: without it there is nothing to care with.
        var hasLedger = true
        /// As the ledger said last.
        var expired: Set<SessionID> = []
    }

    private let session: WorkerSession
    private let state = Mutex(State())
    private let changed = WakeSignal()

    init(session: WorkerSession) {
        self.session = session
    }

    var isOnDuty: Bool { self.state.withLock { $0.isOnDuty } }

    var hasLedger: Bool { self.state.withLock { $0.hasLedger } }

    func setHasLedger(_ hasLedger: Bool) { self.state.withLock { $0.hasLedger = hasLedger } }

    /// Takes in a heartbeat's answer.
    func heard(_ beat: Heartbeat) {
        let changed = self.state.withLock { state in
            let before = state.isOnDuty
            state.isOnDuty = beat.isCaretaker
            state.needsRebuild = beat.isCaretaker && beat.generation == nil
            if !state.isOnDuty { state.expired = [] }
            return before != state.isOnDuty || state.needsRebuild
        }
        if changed { self.changed.wake() }
    }

    /// The sessions that the ledger has not heard of for a lease: to be reaped. Replaces what was said before.
    func setExpired(_ sessions: [SessionID]) {
        self.state.withLock { $0.expired = Set(sessions).subtracting([self.session.id]) }
        if !sessions.isEmpty { self.changed.wake() }
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
            let (isOnDuty, needsRebuild, dead) = self.state.withLock { ($0.isOnDuty, $0.needsRebuild, $0.expired) }
            guard isOnDuty else { return }
            do {
                for id in dead {
                    try await reaper.reap(id, because: .expired, lease: self.session.configuration.lease)
                    self.state.withLock { _ = $0.expired.remove(id) }
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
