// Runs attempts: a bounded number of long-lived tasks, the slots, that take one attempt after another. (A task for each
// attempt would cost more than a small job does.) What happens when is AttemptTable's; here are the lock and the tasks.

internal import JobModel
internal import JobQueue
internal import Synchronization

/// One session's attempts and the slots that run them.
final class AttemptSlots: Sendable {
    /// What the session does with an attempt.
    struct Work: Sendable {
        /// Runs it to its end; called in a slot.
        let perform: @Sendable (AttemptTable.Turn) async -> AttemptOutcome
        /// Takes its outcome, unless it was abandoned before.
        let conclude: @Sendable (Assignment, AttemptOutcome) -> Void
    }

    fileprivate struct State {
        var table: AttemptTable
        var tasks: [Int: Task<Void, Never>] = [:]
        var waiters: [Int: CheckedContinuation<AttemptTable.Next, Never>] = [:]
        var work: Work?
        /// How many attempts have ended, for the claim loop's measure of speed.
        var ended = 0
    }

    private let state: Mutex<State>
    /// How many handlers run at once.
    let capacity: Int
    /// Woken when an attempt is forgotten.
    let freed = WakeSignal()
    /// Woken when attempts are taken in.
    let filled = WakeSignal()

    init(capacity: Int) {
        self.capacity = capacity
        self.state = Mutex(State(table: AttemptTable(capacity: capacity)))
    }

    /// All attempts in this session's hands: waiting, running, settling.
    var count: Int { self.state.withLock { $0.table.count } }
    /// In hand, waiting for a slot, and ended so far.
    var load: (count: Int, waiting: Int, ended: Int) {
        self.state.withLock { ($0.table.count, $0.table.waiting, $0.ended) }
    }
    var jobs: Set<JobID> { self.state.withLock { $0.table.jobs } }
    func contains(_ id: AttemptID) -> Bool { self.state.withLock { $0.table.contains(id) } }
    func interruption(of id: AttemptID) -> Interruption? { self.state.withLock { $0.table.interruption(of: id) } }

    /// Sets what becomes of attempts; once, before the first is assigned.
    func set(_ work: Work) { self.state.withLock { $0.work = work } }

    /// Takes attempts in. One that is here already, by a second hint of it, is left out.
    func assign(_ assignments: [Assignment]) {
        guard !assignments.isEmpty else { return }
        self.act { $0.table.assign(assignments, now: .now) }
        self.filled.wake()
    }

    /// The outcomes are written, or will never be.
    func forget(_ ids: some Sequence<AttemptID>) {
        self.state.withLock { state in
            for id in ids where state.table.forget(id) { state.ended += 1 }
        }
        self.freed.wake()
    }

    /// Cuts a job's attempts short; nothing when it does not run here.
    func interrupt(_ job: JobID, because interruption: Interruption) {
        self.cancel { $0.interrupt(job, because: interruption, now: .now) }
    }

    /// Cuts all short, and those that come later.
    func interruptAll(because interruption: Interruption) {
        self.cancel { $0.interruptAll(because: interruption, now: .now) }
    }

    /// Takes the attempts away that wait for a slot.
    func takeWaiting() -> [Assignment] { self.state.withLock { $0.table.takeWaiting() } }

    /// Cuts attempts short whose time is over. - Returns: Those that did not heed that within the grace: abandoned.
    func sweep(grace: Duration) -> [Assignment] {
        var abandoned: [Assignment] = []
        self.act { state in
            let swept = state.table.sweep(now: .now, grace: grace)
            for slot in swept.cancel { state.tasks.removeValue(forKey: slot)?.cancel() }
            abandoned = swept.abandoned
            return swept.starts
        }
        return abandoned
    }

    /// Ends the slots that are idle; the others end with their attempts.
    func close() {
        let waiters = self.state.withLock { state in
            // What it holds, holds this.
            state.work = nil
            return state.table.close().compactMap { state.waiters.removeValue(forKey: $0) }
        }
        for waiter in waiters { waiter.resume(returning: .end) }
    }

    private func cancel(_ interrupt: (inout AttemptTable) -> [Int]) {
        let tasks = self.state.withLock { state in
            interrupt(&state.table).compactMap { state.tasks.removeValue(forKey: $0) }
        }
        for task in tasks { task.cancel() }
    }

    /// Does something to the table, and starts what it says.
    private func act(_ body: (inout State) -> [AttemptTable.Start]) {
        let (starts, waiters, work) = self.state.withLock { state in
            let starts = body(&state)
            return (starts, starts.map { state.waiters.removeValue(forKey: $0.slot) }, state.work)
        }
        self.perform(starts, waiters, work)
    }

    private func perform(
        _ starts: [AttemptTable.Start], _ waiters: [CheckedContinuation<AttemptTable.Next, Never>?], _ work: Work?
    ) {
        for (start, waiter) in zip(starts, waiters) {
            if start.isNew {
                if let work { self.spawn(start, work) }
            } else {
                waiter?.resume(returning: .run(start.turn))
            }
        }
    }

    /// Owner: this value's session. A slot ends when it is retired, or with `close`.
    private func spawn(_ start: AttemptTable.Start, _ work: Work) {
        let slot = start.slot
        let task = Task {
            var turn = start.turn
            while true {
                let outcome = await work.perform(turn)
                // The next turn first: the slot takes the lock once an attempt.
                let (counts, next) = self.finish(turn, andNextFor: slot)
                if counts { work.conclude(turn.assignment, outcome) }
                switch next {
                case .run(let next): turn = next
                case .end: return
                case .wait:
                    guard case .run(let next) = await self.wait(slot) else { return }
                    turn = next
                }
            }
        }
        let isRetired = self.state.withLock { state in
            if state.table.isRetired(slot) { return true }
            state.tasks[slot] = task
            return false
        }
        if isRetired { task.cancel() }
    }

    /// A handler returned. - Returns: Whether its outcome counts (it does not when the attempt was abandoned), and what
    /// the slot does next.
    private func finish(
        _ turn: AttemptTable.Turn, andNextFor slot: Int
    ) -> (counts: Bool, next: AttemptTable.Next) {
        let (starts, waiters, work, counts, next) = self.state.withLock { state in
            let now = ContinuousClock.now
            let starts = state.table.finish(turn, now: now)
            let waiters = (starts ?? []).map { state.waiters.removeValue(forKey: $0.slot) }
            return (starts ?? [], waiters, state.work, starts != nil, state.next(for: slot, isWaiting: false, now: now))
        }
        if !starts.isEmpty { self.perform(starts, waiters, work) }
        return (counts, next)
    }

    /// Waits until the idle slot has something to do.
    private func wait(_ slot: Int) async -> AttemptTable.Next {
        await withCheckedContinuation { continuation in
            let next = self.state.withLock { state in
                let next = state.next(for: slot, isWaiting: true, now: .now)
                if case .wait = next { state.waiters[slot] = continuation }
                return next
            }
            guard case .wait = next else { return continuation.resume(returning: next) }
        }
    }
}

extension AttemptSlots.State {
    fileprivate mutating func next(
        for slot: Int, isWaiting: Bool, now: AttemptTable.Instant
    ) -> AttemptTable.Next {
        let next = self.table.next(for: slot, isWaiting: isWaiting, now: now)
        if case .end = next { self.tasks[slot] = nil }
        return next
    }
}
