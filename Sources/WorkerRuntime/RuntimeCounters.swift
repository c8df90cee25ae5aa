// What a worker counts: for the pool's counters (in Redis, flushed each second) and for the process's own metrics.

internal import JobModel
internal import JobQueue
internal import Metrics
internal import Synchronization

/// Counts what happens to attempts and sessions.
public final class RuntimeCounters: Sendable {
    private struct Name: Hashable {
        var name: String
        var labels: [SharedCounter.Label]
    }

    private let pending = Mutex<[Name: Int]>([:])

    public init() {}

    /// An attempt ended: succeeded, retried, snoozed, parked, dead, cancelled, given_back.
    func settled(kind: JobKind, outcome: String) {
        self.count("attempts_settled_total", [.init("kind", kind.rawValue), .init("outcome", outcome)])
    }

    /// An attempt's settlement was refused: another session has the job.
    func fenced(kind: JobKind) { self.count("attempts_fenced_total", [.init("kind", kind.rawValue)]) }

    /// A handler did not return after it was cancelled.
    func abandoned(kind: JobKind) { self.count("attempts_abandoned_total", [.init("kind", kind.rawValue)]) }

    /// A session was found dead, and what it held was given back.
    func reaped(sessions: Int, jobs: Int, poison: Int) {
        self.count("sessions_reaped_total", [], by: sessions)
        self.count("jobs_crashed_total", [], by: jobs)
        self.count("jobs_poison_total", [], by: poison)
    }

    /// The reconciler put back what Redis had lost.
    func reconciled(pushed: Int, repaired: Int) {
        self.count("reconcile_pushed_total", [], by: pushed)
        self.count("reconcile_repaired_total", [], by: repaired)
    }

    /// Redis was found empty and rebuilt.
    func rebuilt() { self.count("redis_rebuilds_total", []) }

    /// This process's session was ended by somebody else.
    func sessionLost() { self.count("sessions_lost_total", []) }

    private func count(_ name: String, _ labels: [SharedCounter.Label], by amount: Int = 1) {
        guard amount > 0 else { return }
        Counter(label: "chorewheel_worker_\(name)", dimensions: labels.map { ($0.name, $0.value) }).increment(
            by: amount)
        self.pending.withLock { $0[Name(name: name, labels: labels), default: 0] += amount }
    }

    /// What was counted since the last call.
    func take() -> [SharedCounter] {
        self.pending.withLock { pending in
            defer { pending.removeAll(keepingCapacity: true) }
            return pending.map { SharedCounter(name: $0.key.name, labels: $0.key.labels, value: $0.value) }
        }
    }

    /// Puts back what could not be flushed.
    func restore(_ counters: [SharedCounter]) {
        self.pending.withLock { pending in
            for counter in counters {
                pending[Name(name: counter.name, labels: counter.labels), default: 0] += counter.value
            }
        }
    }
}
