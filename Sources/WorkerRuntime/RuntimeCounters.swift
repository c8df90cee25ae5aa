// What a worker counts: for the pool's counters (in Redis, flushed each second) and for the process's own metrics.

internal import JobModel
internal import JobQueue
internal import Metrics
internal import Synchronization

/// How many attempts of a batch ended how.
struct OutcomeTally: Sendable {
    struct Name: Hashable, Sendable {
        let kind: JobKind
        let outcome: String
    }

    private(set) var counts: [Name: Int] = [:]

    mutating func add(_ kind: JobKind, _ settlement: Settlement) {
        self.counts[Name(kind: kind, outcome: settlement.word), default: 0] += 1
    }
}

/// Counts what happens to attempts and sessions.
public final class RuntimeCounters: Sendable {
    private struct Name: Hashable {
        var name: String
        var labels: [SharedCounter.Label]
    }

    private struct State {
        var pending: [Name: Int] = [:]
        /// The flush that is not known to have arrived.
        var flush: CounterFlush?
        var flushes = 0
    }

    private let state = Mutex(State())
    private let process = WorkerID.mint()

    public init() {}

    /// Shows counters that are watched for being zero from the start.
    func announce(kinds: [JobKind]) {
        self.state.withLock { state in
            for kind in kinds {
                let labels = [SharedCounter.Label("kind", kind.rawValue)]
                state.pending[Name(name: "attempts_fenced_total", labels: labels), default: 0] += 0
            }
            for name in ["sessions_reaped_total", "sessions_lost_total", "jobs_crashed_total", "jobs_poison_total"] {
                state.pending[Name(name: name, labels: []), default: 0] += 0
            }
        }
    }

    /// Attempts ended: succeeded, retried, snoozed, parked, dead, cancelled, given_back.
    func settled(_ tally: OutcomeTally) {
        for (name, amount) in tally.counts {
            let labels = [SharedCounter.Label("kind", name.kind.rawValue), .init("outcome", name.outcome)]
            self.count("attempts_settled_total", labels, by: amount)
        }
    }

    /// An attempt's settlement was refused: another session has the job.
    func fenced(kind: JobKind) { self.count("attempts_fenced_total", [.init("kind", kind.rawValue)]) }

    /// A handler did not return after it was cancelled.
    func abandoned(kind: JobKind) { self.count("attempts_abandoned_total", [.init("kind", kind.rawValue)]) }

    /// A session was found dead, and all that it held was given back.
    func sessionReaped() { self.count("sessions_reaped_total", []) }

    /// Jobs of a dead session were given back, or are dead as poison.
    func reaped(jobs: Int, poison: Int) {
        self.count("jobs_crashed_total", [], by: jobs)
        self.count("jobs_poison_total", [], by: poison)
    }

    /// The reconciler put back what Redis had lost.
    func reconciled(pushed: Int, repaired: Int) {
        self.count("reconcile_pushed_total", [], by: pushed)
        self.count("reconcile_repaired_total", [], by: repaired)
    }

    /// Jobs that Redis gave a session whose claim lost its reply went back.
    func strays(_ jobs: Int) { self.count("claims_returned_total", [], by: jobs) }

    /// Redis was found empty and rebuilt.
    func rebuilt() { self.count("redis_rebuilds_total", []) }

    /// This process's session was ended by somebody else.
    func sessionLost() { self.count("sessions_lost_total", []) }

    private func count(_ name: String, _ labels: [SharedCounter.Label], by amount: Int = 1) {
        guard amount > 0 else { return }
        Counter(label: "chorewheel_worker_\(name)", dimensions: labels.map { ($0.name, $0.value) }).increment(
            by: amount)
        self.state.withLock { $0.pending[Name(name: name, labels: labels), default: 0] += amount }
    }

    /// Adds what was counted to the pool's counters. A flush whose reply was lost is sent again, and counts once.
    func flush(to index: DispatchIndex) async throws {
        guard let flush = self.nextFlush() else { return }
        try await index.add(flush)
        self.state.withLock { state in
            if state.flush?.number == flush.number { state.flush = nil }
        }
    }

    private func nextFlush() -> CounterFlush? {
        self.state.withLock { state in
            if let flush = state.flush { return flush }
            guard !state.pending.isEmpty else { return nil }
            state.flushes += 1
            let flush = CounterFlush(
                process: self.process, number: state.flushes,
                counters: state.pending.map {
                    SharedCounter(name: $0.key.name, labels: $0.key.labels, value: $0.value)
                })
            state.pending.removeAll(keepingCapacity: true)
            state.flush = flush
            return flush
        }
    }
}
