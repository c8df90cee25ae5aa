// What keeps a session alive, and honest: heartbeats to both stores, the look at itself, the counters' flush; and, for
// the one session that is the caretaker, care for the whole queue.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Synchronization

extension WorkerSession {
    /// Beats until cancelled or lost. Each store has its own loop: one that hangs does not stop the other's heart.
    func stayAlive() async {
        let caretaker = Caretaker(session: self)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await caretaker.run() }
            group.addTask { await self.keepBeating(caretaker, self.beatLedger) }
            group.addTask { await self.keepBeating(caretaker, self.beatRedis) }
            while !Task.isCancelled, !self.isLost { try? await Task.sleep(for: self.configuration.beat / 4) }
            group.cancelAll()
        }
    }

    private func keepBeating(
        _ caretaker: Caretaker, _ beat: (inout Pulse, Caretaker) async -> Void
    ) async {
        var pulse = Pulse(lease: self.configuration.lease)
        while !Task.isCancelled, !self.isLost {
            await beat(&pulse, caretaker)
            try? await Task.sleep(for: self.configuration.beat)
        }
    }

    private func beatLedger(_ pulse: inout Pulse, _ caretaker: Caretaker) async {
        do {
            let timeout = self.configuration.lease / 3
            guard let cancelled = try await self.ledger.beat(self.id, isQuiet: self.isQuiet, timeout: timeout) else {
                self.lose("the ledger ended this session: it had not been heard of for too long")
                return
            }
            pulse.succeeded()
            caretaker.setHasLedger(true)
            for job in cancelled { self.slots.interrupt(job, because: .cancelledByHand) }
            guard caretaker.isOnDuty, pulse.isSteady else { return }
            caretaker.setExpired(try await self.ledger.expiredSessions(lease: self.configuration.lease))
        } catch {
            caretaker.setHasLedger(false)
            if pulse.failed(), !Task.isCancelled {
                self.logger.warning("heartbeat to the ledger failed; trying on", metadata: ["error": "\(error)"])
            }
        }
    }

    private func beatRedis(_ pulse: inout Pulse, _ caretaker: Caretaker) async {
        do {
            var beat = try await self.beat(registering: false, canCare: caretaker.hasLedger)
            if !beat.isKnown {
                // Reaped, or Redis lost its memory (and somebody else marked its new life already): the ledger, whose
                // session always ends first, knows which.
                let timeout = self.configuration.lease / 3
                guard try await self.ledger.beat(self.id, isQuiet: self.isQuiet, timeout: timeout) != nil else {
                    self.lose("redis ended this session: it had not been heard of for too long")
                    return
                }
                beat = try await self.beat(registering: true, canCare: caretaker.hasLedger)
            }
            pulse.succeeded()
            caretaker.heard(beat)
            for death in beat.deaths {
                self.logger.notice(
                    "another worker died; its jobs were given back",
                    metadata: [
                        "dead_session": "\(death.session)", "jobs": "\(death.jobs)",
                        "recovered_ms": "\(death.recovery.wholeMilliseconds)",
                    ])
            }
        } catch {
            if pulse.failed(), !Task.isCancelled {
                self.logger.warning("heartbeat to redis failed; trying on", metadata: ["error": "\(error)"])
            }
        }
    }

    /// A heartbeat to Redis. The caretaker's lease is three beats: the queue is not without care for long. A quarantine
    /// child takes no care: it is the process that is likely to die.
    func beat(registering: Bool, canCare: Bool = true) async throws -> Heartbeat {
        let canCare = canCare && self.configuration.quarantine != .only
        let beat = try await self.index.beat(
            self.id, lease: self.configuration.lease, caretakerLease: self.configuration.beat * 3,
            registering: registering, canCare: canCare, last: self.lastBeat.withLock { $0 })
        if let time = beat.time { self.lastBeat.withLock { $0 = time } }
        return beat
    }

    /// Compares what the ledger holds for running here with what runs here: a begin whose reply was lost leaves a job
    /// that nobody runs. It is given back.
    func checkItself() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(10))
            guard !Task.isCancelled, !self.isLost else { return }
            do {
                try await self.forgetSettledBatches()
                for (job, epoch, runningFor) in try await self.ledger.running(of: self.id)
                where runningFor > .seconds(10) && !self.slots.contains(AttemptID(job: job, epoch: epoch)) {
                    self.logger.error("a job ran here by the ledger only; given back", metadata: ["job": "\(job)"])
                    _ = try await self.ledger.settle(
                        [SettledAttempt(id: job, epoch: epoch, settlement: .giveBack)], session: self.id)
                }
            } catch {
                self.logger.warning("the self-check failed", metadata: ["error": "\(error)"])
            }
        }
    }

    private func forgetSettledBatches() async throws {
        let batches = self.acknowledgements.takeSettledBatches()
        guard !batches.isEmpty else { return }
        do {
            try await self.ledger.forgetClaims(batches, session: self.id)
        } catch {
            self.acknowledgements.restoreSettledBatches(batches)
            throw error
        }
    }

    func flushCounters() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            await self.flushCountersOnce()
        }
    }

    func flushCountersOnce() async {
        do {
            try await self.counters.flush(to: self.index)
        } catch {
            self.logger.debug("counters could not be flushed", metadata: ["error": "\(error)"])
        }
    }
}

/// One store's heartbeat as seen from here: whether it has been steady for a whole lease. Only a session with a steady
/// pulse may call others dead: after a store was away, everybody looks dead for a moment.
struct Pulse {
    private let lease: Duration
    private var last: ContinuousClock.Instant?
    private var steadySince: ContinuousClock.Instant?
    private var isFailing = false

    init(lease: Duration) {
        self.lease = lease
    }

    var isSteady: Bool { self.steadySince.map { .now - $0 >= self.lease } ?? false }

    mutating func succeeded() {
        let now = ContinuousClock.now
        // A gap means that this process, or the store, stood still.
        if let last = self.last, now - last > self.lease / 2 { self.steadySince = nil }
        self.last = now
        self.isFailing = false
        self.steadySince = self.steadySince ?? now
    }

    /// - Returns: Whether this is the first failure in a row, which is worth a line.
    mutating func failed() -> Bool {
        defer { self.isFailing = true }
        self.steadySince = nil
        return !self.isFailing
    }
}
