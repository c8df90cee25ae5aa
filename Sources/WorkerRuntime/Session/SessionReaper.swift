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
    func reap(worker: WorkerID) async throws -> Int {
        var jobs = 0
        for session in try await self.ledger.openSessions(of: worker) {
            jobs += try await self.reap(session, because: .died)
        }
        return jobs
    }

    /// Ends a session, counts its running jobs as crashed, and gives them back at once.
    ///
    /// The ledger first: it decides. What Redis still held goes back as hints.
    ///
    /// - Parameter lease: Only if the session has not beaten for this long; nil: in any case.
    /// - Returns: How many jobs were given back.
    @discardableResult
    public func reap(_ session: SessionID, because end: SessionEnd, lease: Duration? = nil) async throws -> Int {
        let started = ContinuousClock.now
        guard let jobs = try await self.ledger.reap(session, because: end, lease: lease) else { return 0 }
        let poison = jobs.filter(\.isPoison).count
        // Counted store by store: when the next call fails, this one is not done again.
        if end != .stopped { self.counters.reaped(jobs: jobs.count, poison: poison) }
        var fast = (running: 0, poison: 0)
        for known in try await self.ledger.queueSwitches() {
            let counts = try await self.index.reap(session, from: known.queue, crashed: end != .stopped)
            if end != .stopped { self.counters.reaped(jobs: counts.fast, poison: counts.poison) }
            fast.running += counts.fast
            fast.poison += counts.poison
        }
        try await self.index.end(session)
        if end != .stopped {
            self.counters.sessionReaped()
            self.logger.warning(
                "a worker died; its jobs are given back",
                metadata: [
                    "dead_session": "\(session)", "because": "\(end.rawValue)", "jobs": "\(jobs.count)",
                    "fast_jobs": "\(fast.running)", "poison": "\(poison + fast.poison)",
                    "took_ms": "\((ContinuousClock.now - started).wholeMilliseconds)",
                ])
        }
        return jobs.count + fast.running
    }
}
