// The attempts that run in this process now: their slots, and how to cut one short. The lock is held for a lookup only.

internal import JobModel
internal import JobQueue
internal import Synchronization

/// Why an attempt is being cut short.
enum Interruption: Sendable, Hashable {
    case timeout
    case cancelledByHand
    case workerStopping
    case sessionLost

    var trouble: Trouble {
        switch self {
        case .timeout: .transient()
        case .cancelledByHand: .cancelledByHand
        // What a lost session settles is fenced anyway.
        case .workerStopping, .sessionLost: .workerStopping
        }
    }
}

/// Names an attempt. A job may run here again while the outcome of its last attempt is still being written.
struct AttemptID: Hashable, Sendable {
    let job: JobID
    let epoch: Int64
}

/// One session's running attempts.
final class RunningAttempts: Sendable {
    private struct Attempt {
        var interruption: Interruption?
        var interrupt: (@Sendable () -> Void)?
    }

    private struct State {
        var attempts: [AttemptID: Attempt] = [:]
        /// Set when everything is being cut short: attempts that begin later are cut at once.
        var interruption: Interruption?
    }

    private let state = Mutex(State())
    let capacity: Int
    /// Woken when a slot becomes free.
    let freed = WakeSignal()

    init(capacity: Int) {
        self.capacity = capacity
    }

    var count: Int { self.state.withLock { $0.attempts.count } }
    var free: Int { self.state.withLock { max(0, self.capacity - $0.attempts.count) } }
    func contains(_ id: AttemptID) -> Bool { self.state.withLock { $0.attempts[id] != nil } }
    /// The jobs that run here.
    var jobs: Set<JobID> { self.state.withLock { Set($0.attempts.keys.map(\.job)) } }

    /// Takes a slot. - Returns: False when the attempt runs here already: a second hint of it; nothing was taken.
    func begin(_ id: AttemptID) -> Bool {
        self.state.withLock { state in
            guard state.attempts[id] == nil else { return false }
            state.attempts[id] = Attempt()
            return true
        }
    }

    /// Tells how to cut an attempt short; at once, if that was asked for before.
    func setInterrupt(_ id: AttemptID, _ interrupt: @escaping @Sendable () -> Void) {
        let now = self.state.withLock { state -> Bool in
            state.attempts[id]?.interrupt = interrupt
            if let all = state.interruption, state.attempts[id]?.interruption == nil {
                state.attempts[id]?.interruption = all
            }
            return state.attempts[id]?.interruption != nil
        }
        if now { interrupt() }
    }

    /// Cuts one attempt short; nothing when it does not run here. The first reason stays.
    func interrupt(_ id: AttemptID, because interruption: Interruption) {
        let interrupt = self.state.withLock { state -> (@Sendable () -> Void)? in
            guard state.attempts[id] != nil, state.attempts[id]?.interruption == nil else { return nil }
            state.attempts[id]?.interruption = interruption
            return state.attempts[id]?.interrupt
        }
        interrupt?()
    }

    /// Cuts a job's attempts short.
    func interrupt(_ job: JobID, because interruption: Interruption) {
        let ids = self.state.withLock { $0.attempts.keys.filter { $0.job == job } }
        for id in ids { self.interrupt(id, because: interruption) }
    }

    /// Cuts all short, and those that begin later.
    func interruptAll(because interruption: Interruption) {
        let ids = self.state.withLock { state in
            state.interruption = interruption
            return Array(state.attempts.keys)
        }
        for id in ids { self.interrupt(id, because: interruption) }
    }

    func interruption(of id: AttemptID) -> Interruption? { self.state.withLock { $0.attempts[id]?.interruption } }

    /// Gives the slot back.
    func end(_ id: AttemptID) {
        self.state.withLock { _ = $0.attempts.removeValue(forKey: id) }
        self.freed.wake()
    }
}

extension BegunJob {
    var attemptID: AttemptID { AttemptID(job: self.id, epoch: self.epoch) }
}

extension SettledAttempt {
    var attemptID: AttemptID { AttemptID(job: self.id, epoch: self.epoch) }
}
