// What keeps a session alive, and honest: heartbeats to both stores, the look at itself, the counters' flush; and, for
// the one session that is the caretaker, care for the whole queue.

internal import JobModel
internal import JobQueue
internal import Logging

extension WorkerSession {
    /// Beats until cancelled or lost.
    func stayAlive() async {
        let caretaker = Caretaker(session: self)
        var redis = Pulse(interval: self.configuration.beat, lease: self.configuration.lease)
        // The ledger's lease is kept at half the rate: a statement every two beats.
        var ledger = Pulse(interval: self.configuration.beat * 2, lease: self.configuration.lease)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await caretaker.run() }
            while !Task.isCancelled, !self.isLost {
                if ledger.isDue { await self.beatLedger(&ledger, caretaker) }
                if redis.isDue { await self.beatRedis(&redis, caretaker) }
                try? await Task.sleep(for: self.configuration.beat / 4)
            }
            group.cancelAll()
        }
    }

    private func beatLedger(_ pulse: inout Pulse, _ caretaker: Caretaker) async {
        do {
            guard let cancelled = try await self.ledger.beat(self.id) else {
                self.lose("the ledger ended this session: it had not been heard of for too long")
                return
            }
            pulse.succeeded()
            for job in cancelled { self.running.interrupt(job, because: .cancelledByHand) }
            guard caretaker.isOnDuty, pulse.isSteady else { return }
            for session in try await self.ledger.expiredSessions(lease: self.configuration.lease) {
                caretaker.reap(session)
            }
        } catch {
            if pulse.failed(), !Task.isCancelled {
                self.logger.warning("heartbeat to the ledger failed; trying on", metadata: ["error": "\(error)"])
            }
        }
    }

    private func beatRedis(_ pulse: inout Pulse, _ caretaker: Caretaker) async {
        do {
            var beat = try await self.beat(registering: false)
            if !beat.isKnown {
                guard beat.generation == nil else {
                    self.lose("redis ended this session: it had not been heard of for too long")
                    return
                }
                // Redis lost its memory; the ledger, which decides, still knows this session.
                beat = try await self.beat(registering: true)
            }
            pulse.succeeded()
            caretaker.heard(beat, mayReap: pulse.isSteady)
        } catch {
            if pulse.failed(), !Task.isCancelled {
                self.logger.warning("heartbeat to redis failed; trying on", metadata: ["error": "\(error)"])
            }
        }
    }

    /// A heartbeat to Redis. The caretaker's lease is three beats: the queue is not without care for long.
    func beat(registering: Bool) async throws -> Heartbeat {
        try await self.index.beat(
            self.id, lease: self.configuration.lease, caretakerLease: self.configuration.beat * 3,
            registering: registering)
    }

    /// Compares what the ledger holds for running here with what runs here: a begin whose reply was lost leaves a job
    /// that nobody runs. It is given back.
    func checkItself() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(10))
            guard !Task.isCancelled, !self.isLost else { return }
            do {
                try await self.forgetSettledBatches()
                guard self.acknowledgements.hasOpenBatches else { continue }
                for (job, epoch, runningFor) in try await self.ledger.running(of: self.id)
                where runningFor > .seconds(10) && !self.running.contains(job, epoch: epoch) {
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
        let counters = self.counters.take()
        do {
            // Shielded from cancellation: an addition that was sent and then taken back would be counted twice.
            try await Task { try await self.index.add(counters) }.value
        } catch {
            self.counters.restore(counters)
            self.logger.debug("counters could not be flushed", metadata: ["error": "\(error)"])
        }
    }
}

/// One store's heartbeat as seen from here: when the next is due, and whether it has been steady for a whole lease.
/// Only a session with a steady pulse may call others dead: after a store was away, everybody looks dead for a moment.
struct Pulse {
    private let interval: Duration
    private let lease: Duration
    private var last: ContinuousClock.Instant?
    private var lastFailure: ContinuousClock.Instant?
    private var steadySince: ContinuousClock.Instant?

    init(interval: Duration, lease: Duration) {
        self.interval = interval
        self.lease = lease
    }

    var isDue: Bool {
        let tried = [self.last, self.lastFailure].compactMap(\.self).max()
        return tried.map { .now - $0 >= self.interval } ?? true
    }

    var isSteady: Bool { self.steadySince.map { .now - $0 >= self.lease } ?? false }

    mutating func succeeded() {
        let now = ContinuousClock.now
        // A gap means that this process, or the store, stood still.
        if let last = self.last, now - last > self.lease / 2 { self.steadySince = nil }
        self.last = now
        self.lastFailure = nil
        self.steadySince = self.steadySince ?? now
    }

    /// - Returns: Whether this is the first failure in a row, which is worth a line.
    mutating func failed() -> Bool {
        defer { self.lastFailure = .now }
        self.steadySince = nil
        return self.lastFailure == nil
    }
}
