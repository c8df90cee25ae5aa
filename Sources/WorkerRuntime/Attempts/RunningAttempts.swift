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

/// One session's running attempts.
final class RunningAttempts: Sendable {
    private struct Attempt {
        var epoch: Int64
        var interruption: Interruption?
        var interrupt: (@Sendable () -> Void)?
    }

    private struct State {
        var attempts: [JobID: Attempt] = [:]
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
    func contains(_ id: JobID, epoch: Int64) -> Bool { self.state.withLock { $0.attempts[id]?.epoch == epoch } }

    /// Takes a slot. - Returns: False when the job runs here already: a second hint of it; nothing was taken.
    func begin(_ id: JobID, epoch: Int64) -> Bool {
        self.state.withLock { state in
            guard state.attempts[id] == nil else { return false }
            state.attempts[id] = Attempt(epoch: epoch)
            return true
        }
    }

    /// Tells how to cut an attempt short; at once, if that was asked for before.
    func setInterrupt(_ id: JobID, _ interrupt: @escaping @Sendable () -> Void) {
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
    func interrupt(_ id: JobID, because interruption: Interruption) {
        let interrupt = self.state.withLock { state -> (@Sendable () -> Void)? in
            guard state.attempts[id] != nil, state.attempts[id]?.interruption == nil else { return nil }
            state.attempts[id]?.interruption = interruption
            return state.attempts[id]?.interrupt
        }
        interrupt?()
    }

    /// Cuts all short, and those that begin later.
    func interruptAll(because interruption: Interruption) {
        let ids = self.state.withLock { state in
            state.interruption = interruption
            return Array(state.attempts.keys)
        }
        for id in ids { self.interrupt(id, because: interruption) }
    }

    func interruption(of id: JobID) -> Interruption? { self.state.withLock { $0.attempts[id]?.interruption } }

    /// Gives the slot back.
    func end(_ id: JobID) {
        self.state.withLock { _ = $0.attempts.removeValue(forKey: id) }
        self.freed.wake()
    }
}
