// Gives back what a dead session held, in both stores. Done by the caretaker (the heartbeat stopped) and by a
// supervisor (its child died). Safe to do twice, and by two.

public import JobModel
public import JobQueue
public import Logging

/// Ends sessions that died.
public struct SessionReaper: Sendable {
    private let ledger: Ledger
    private let index: DispatchIndex
    private let counters: RuntimeCounters
    private let logger: Logger

    public init(ledger: Ledger, index: DispatchIndex, counters: RuntimeCounters, logger: Logger) {
        self.ledger = ledger
        self.index = index
        self.counters = counters
        self.logger = logger
    }

    /// Ends whatever sessions a worker process that died was in. - Returns: How many jobs were given back.
    func reap(worker: WorkerID, diedAt: ContinuousClock.Instant = .now) async throws -> Int {
        var jobs = 0
        for session in try await self.ledger.openSessions(of: worker) {
            jobs += try await self.reap(session, because: .died, diedAt: diedAt)
        }
        return jobs
    }

    /// Ends a session, counts its running jobs as crashed, and gives them back at once.
    ///
    /// The ledger first: it decides. What Redis still held goes back as hints.
    ///
    /// - Parameters:
    ///   - lease: Only if the session has not beaten for this long; nil: in any case.
    ///   - diedAt: Since when its jobs have been nobody's, for the figures; nil: now.
    /// - Returns: How many jobs it held; those that are dead as poison included.
    @discardableResult
    public func reap(
        _ session: SessionID, because end: SessionEnd, lease: Duration? = nil,
        diedAt: ContinuousClock.Instant? = nil
    ) async throws -> Int {
        let started = ContinuousClock.now
        guard let jobs = try await self.ledger.reap(session, because: end, lease: lease) else { return 0 }
        let poison = jobs.filter(\.isPoison).map(\.id)
        // Counted store by store: when the next call fails, this one is not done again.
        if end != .stopped { self.counters.reaped(jobs: jobs.count, poison: poison.count) }
        var fast = (running: 0, poison: [JobID]())
        var failure: (any Error)?
        for known in try await self.ledger.queueSwitches() {
            do {
                // A hint of a dead job would only wake a process for nothing.
                try await self.index.drop(hints: poison, of: session, in: known.queue)
            } catch let error where error.isOfOneQueue {
                self.logger.debug("hints could not be dropped", metadata: ["error": "\(error)"])
            }
            do {
                let counts = try await self.index.reap(session, from: known.queue, crashed: end != .stopped)
                if end != .stopped { self.counters.reaped(jobs: counts.fast, poison: counts.poison.count) }
                fast.running += counts.fast
                fast.poison += counts.poison
            } catch let error where error.isOfOneQueue {
                // The other queues' jobs do not wait for this one's to be mended. The session is not forgotten.
                failure = error
            }
        }
        if let failure { throw failure }
        try await self.index.end(session)
        for job in poison + fast.poison {
            self.logger.error(
                "a quarantined job killed its process; it is dead as poison",
                metadata: ["job": "\(job)", "dead_session": "\(session)"])
        }
        if end != .stopped {
            let recovery = ContinuousClock.now - (diedAt ?? started)
            self.counters.sessionReaped()
            self.logger.warning(
                "a worker died; its jobs are given back",
                metadata: [
                    "dead_session": "\(session)", "because": "\(end.rawValue)", "jobs": "\(jobs.count)",
                    "fast_jobs": "\(fast.running)", "poison": "\(poison.count + fast.poison.count)",
                    "took_ms": "\((ContinuousClock.now - started).wholeMilliseconds)",
                    "recovered_ms": "\(recovery.wholeMilliseconds)",
                ])
            await self.tell(NotedDeath(session: session, jobs: jobs.count + fast.running, recovery: recovery))
        }
        return jobs.count + fast.running + fast.poison.count
    }

    /// Tells the other workers, who say so in their logs. It costs nobody a job if they are not told.
    private func tell(_ death: NotedDeath) async {
        do {
            try await self.index.note(death)
        } catch {
            self.logger.warning(
                "the other workers could not be told of a death", metadata: ["error": "\(error)"])
        }
    }
}
