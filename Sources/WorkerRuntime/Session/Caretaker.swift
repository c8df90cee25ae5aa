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
        /// As the ledger said last, and when each was last heard of.
        var expired: [SessionID: ContinuousClock.Instant] = [:]
    }

    private let session: WorkerSession
    private let state = Mutex(State())
    /// Woken when the duty comes or goes.
    private let changed = WakeSignal()
    private let mustReap = WakeSignal()
    private let mustReconcile = WakeSignal()

    init(session: WorkerSession) {
        self.session = session
    }

    var isOnDuty: Bool { self.state.withLock { $0.isOnDuty } }

    var hasLedger: Bool { self.state.withLock { $0.hasLedger } }

    func setHasLedger(_ hasLedger: Bool) { self.state.withLock { $0.hasLedger = hasLedger } }

    /// Takes in a heartbeat's answer.
    func heard(_ beat: Heartbeat) {
        let (hasChanged, needsRebuild) = self.state.withLock { state in
            let before = state.isOnDuty
            state.isOnDuty = beat.isCaretaker
            state.needsRebuild = beat.isCaretaker && beat.generation == nil
            if !state.isOnDuty { state.expired = [:] }
            return (before != state.isOnDuty, state.needsRebuild)
        }
        if hasChanged { self.changed.wake() }
        if needsRebuild { self.mustReconcile.wake() }
    }

    /// The sessions that the ledger has not heard of for a lease: to be reaped. Replaces what was said before.
    func setExpired(_ sessions: [(id: SessionID, silentFor: Duration)]) {
        let now = ContinuousClock.now
        self.state.withLock { state in
            state.expired = [:]
            for (id, silentFor) in sessions where id != self.session.id { state.expired[id] = now - silentFor }
        }
        if !sessions.isEmpty { self.mustReap.wake() }
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

    /// Three cares, none of which waits for another: a long reconciliation does not keep a dead session's jobs.
    private func serve() async {
        let dispatcher = Dispatcher(ledger: self.session.ledger, index: self.session.index, logger: self.session.logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await dispatcher.run() }
            group.addTask { await self.keepReaping() }
            group.addTask { await self.keepReconciling() }
            while !Task.isCancelled, self.isOnDuty { await self.changed.wait(atMost: .seconds(60)) }
            group.cancelAll()
        }
    }

    private func keepReaping() async {
        let reaper = SessionReaper(
            ledger: self.session.ledger, index: self.session.index, counters: self.session.counters,
            logger: self.session.logger)
        var backoff = Backoff()
        while !Task.isCancelled {
            do {
                // What keeps one session's jobs in Redis does not keep another's.
                var failure: (any Error)?
                for (id, lastHeard) in self.state.withLock({ $0.expired }) {
                    do {
                        try await reaper.reap(
                            id, because: .expired, lease: self.session.configuration.lease, diedAt: lastHeard)
                    } catch let error where error.isOfOneQueue {
                        failure = error
                    }
                    self.state.withLock { _ = $0.expired.removeValue(forKey: id) }
                }
                try await self.finishReaping(reaper)
                if let failure { throw failure }
                backoff.reset()
                await self.mustReap.wait(atMost: self.session.configuration.lease)
            } catch {
                if Task.isCancelled { return }
                self.session.logger.warning("reaping interrupted; trying again", metadata: ["error": "\(error)"])
                await backoff.pause()
            }
        }
    }

    /// For how long Redis remembers of a session that it may claim nothing more (take_back.lua).
    private static let goneFor: Duration = .seconds(3600)

    /// Gives back what Redis holds of sessions that the ledger ended: whoever ended them did not get to it, as Redis
    /// was away then, or they died themselves; or Redis has forgotten since then that they may claim nothing more, and
    /// one that was suspended woke up and claimed.
    private func finishReaping(_ reaper: SessionReaper) async throws {
        let (index, ledger) = (self.session.index, self.session.ledger)
        let overdue = try await index.overdueSessions()
        var toReap = Set(try await ledger.endedSessions(of: overdue))
        let ended = try await ledger.endedSessions(within: Self.goneFor)
        for known in try await ledger.queueSwitches() {
            toReap.formUnion(try await index.holders(among: ended, in: known.queue))
        }
        var failure: (any Error)?
        for id in toReap {
            do {
                try await reaper.reap(id, because: .expired)
            } catch let error where error.isOfOneQueue {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func keepReconciling() async {
        let reconciler = Reconciler(ledger: self.session.ledger, index: self.session.index, logger: self.session.logger)
        let redis = self.session.index.redis
        var due = ContinuousClock.now
        var next: Int64 = 0
        // nil: whoever had the duty before may not have come to its end. A whole pass is due then, and when Redis was
        // connected anew: it may have lost its last seconds.
        var connection: Int?
        var backoff = Backoff()
        while !Task.isCancelled {
            do {
                let current = redis.connectionGeneration
                if self.state.withLock({ $0.needsRebuild }) {
                    _ = try await reconciler.rebuild()
                    self.session.counters.rebuilt()
                    self.state.withLock { $0.needsRebuild = false }
                    (connection, next) = (current, 0)
                    due = .now + self.session.configuration.reconcileEvery
                } else if connection != current || .now >= due {
                    let report =
                        connection == current
                        ? try await reconciler.reconcile(from: next) : try await reconciler.reconcile()
                    self.session.counters.reconciled(pushed: report.pushed, repaired: report.repaired)
                    (connection, next) = (current, report.next)
                    due = .now + self.session.configuration.reconcileEvery
                }
                backoff.reset()
                await self.mustReconcile.wait(atMost: self.session.configuration.beat)
            } catch {
                if Task.isCancelled { return }
                self.session.logger.warning("reconciling interrupted; trying again", metadata: ["error": "\(error)"])
                await backoff.pause()
            }
        }
    }
}
