// A job's life as a value: an event goes in, the next life or a refusal comes out. No I/O, no clock, no lock. The
// ledger's SQL and the Lua scripts do the same changes where the data is; tests hold them against this.
//
// Invariants:
// 1. `epoch` grows by one at every begin and never falls: it fences whoever holds an older one.
// 2. `attempt` counts handler runs that ended by themselves (or are under way); a run that a crash, a drain or a park
//    cut short is taken back.
// 3. `failures` counts runs that threw; only they spend the budget of `maxAttempts`.
// 4. `crashes` counts processes that died with the job aboard. Who was aboard `crashesMax` of them may be the cause, or
//    a neighbour of it: it is quarantined, which is to say run alone. One more, and it was the cause.

/// The part of a job that changes as it lives.
public struct JobLife: Hashable, Sendable {
    public var state: JobState
    public var attempt: Int
    public var failures: Int
    public var crashes: Int
    public var epoch: Int64

    /// A job as it is enqueued.
    public init(state: JobState = .available, attempt: Int = 0, failures: Int = 0, crashes: Int = 0, epoch: Int64 = 0) {
        self.state = state
        self.attempt = attempt
        self.failures = failures
        self.crashes = crashes
        self.epoch = epoch
    }

    /// Whether it may only be run alone, in a process that runs nothing else meanwhile.
    public var isQuarantined: Bool { self.crashes >= JobLimits.crashesMax }

    /// What can happen to a job.
    public enum Event: Hashable, Sendable {
        /// Its time came.
        case promote
        /// A session starts an attempt.
        case begin
        /// The attempt of this epoch ended.
        case settle(epoch: Int64, Settlement)
        /// The process that ran the attempt of this epoch died.
        case crash(epoch: Int64)
        /// What it waited for is ready.
        case unpark
        /// A person gives it up while it is not running.
        case cancel
        /// A person wants it run again.
        case retry
    }

    /// Why an event changed nothing.
    public enum Refusal: Error, Hashable, Sendable {
        /// The event names an epoch that is no longer the job's: somebody else has it now.
        case fenced
        /// The state has no such exit.
        case notPossible(from: JobState)
    }

    /// The life after an event.
    ///
    /// - Throws: `Refusal`; the job is then unchanged.
    public func after(_ event: Event) throws(Refusal) -> JobLife {
        var next = self
        switch event {
        case .promote:
            guard self.state == .scheduled else { throw .notPossible(from: self.state) }
            next.state = .available
        case .begin:
            guard self.state == .available else { throw .notPossible(from: self.state) }
            next.state = .running
            next.attempt += 1
            next.epoch += 1
        case .settle(let epoch, let settlement):
            try self.requireRunning(epoch)
            next.settle(settlement)
        case .crash(let epoch):
            try self.requireRunning(epoch)
            next.attempt -= 1
            next.crashes += 1
            next.state = next.crashes > JobLimits.crashesMax ? .dead : .available
        case .unpark:
            guard self.state == .parked else { throw .notPossible(from: self.state) }
            next.state = .available
        case .cancel:
            switch self.state {
            case .scheduled, .available, .parked: next.state = .cancelled
            case .running, .succeeded, .dead, .cancelled: throw .notPossible(from: self.state)
            }
        case .retry:
            switch self.state {
            case .dead, .cancelled:
                next.state = .available
                next.failures = 0
                next.crashes = 0
            case .scheduled, .available, .running, .parked, .succeeded: throw .notPossible(from: self.state)
            }
        }
        return next
    }

    private func requireRunning(_ epoch: Int64) throws(Refusal) {
        guard self.state == .running, self.epoch == epoch else { throw .fenced }
    }

    private mutating func settle(_ settlement: Settlement) {
        switch settlement {
        case .succeeded:
            self.state = .succeeded
        case .retry:
            self.failures += 1
            self.state = .scheduled
        case .snooze:
            self.state = .scheduled
        case .park:
            self.attempt -= 1
            self.state = .parked
        case .dead(let spent, _):
            if spent { self.failures += 1 }
            self.state = .dead
        case .cancelled:
            self.state = .cancelled
        case .giveBack:
            self.attempt -= 1
            self.state = .available
        }
    }
}
