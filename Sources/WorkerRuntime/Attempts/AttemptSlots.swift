// Runs attempts: a bounded number of long-lived tasks, the slots, that take one attempt after another. (A task for each
// attempt would cost more than a small job does.) What happens when is AttemptTable's; here are the lock and the tasks.

internal import JobModel
internal import JobQueue
internal import Synchronization

/// One session's attempts and the slots that run them.
final class AttemptSlots: Sendable {
    /// Runs an attempt to its end; called in a slot.
    typealias Perform = @Sendable (AttemptTable.Turn) async -> Void

    fileprivate struct State {
        var table: AttemptTable
        var tasks: [Int: Task<Void, Never>] = [:]
        var waiters: [Int: CheckedContinuation<AttemptTable.Next, Never>] = [:]
        var perform: Perform?
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

    /// Sets what slots do with an attempt; once, before the first is assigned.
    func setPerform(_ perform: @escaping Perform) { self.state.withLock { $0.perform = perform } }

    /// Takes attempts in. One that is here already, by a second hint of it, is left out.
    func assign(_ assignments: [Assignment]) {
        guard !assignments.isEmpty else { return }
        self.act { $0.table.assign(assignments, now: .now) }
        self.filled.wake()
    }

    /// A handler returned. - Returns: False when the attempt was abandoned before: its outcome does not count.
    func finish(_ id: AttemptID) -> Bool {
        var counts = false
        self.act { state in
            let starts = state.table.finish(id, now: .now)
            counts = starts != nil
            return starts ?? []
        }
        return counts
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
            state.perform = nil
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
        let (starts, waiters, perform) = self.state.withLock { state in
            let starts = body(&state)
            return (starts, starts.map { state.waiters.removeValue(forKey: $0.slot) }, state.perform)
        }
        for (start, waiter) in zip(starts, waiters) {
            if start.isNew {
                if let perform { self.spawn(start, perform) }
            } else {
                waiter?.resume(returning: .run(start.turn))
            }
        }
    }

    /// Owner: this value's session. A slot ends when it is retired, or with `close`.
    private func spawn(_ start: AttemptTable.Start, _ perform: @escaping Perform) {
        let slot = start.slot
        let task = Task {
            await perform(start.turn)
            while case .run(let turn) = await self.next(for: slot) { await perform(turn) }
        }
        let isRetired = self.state.withLock { state in
            if state.table.isRetired(slot) { return true }
            state.tasks[slot] = task
            return false
        }
        if isRetired { task.cancel() }
    }

    private func next(for slot: Int) async -> AttemptTable.Next {
        let next = self.state.withLock { $0.next(for: slot, isWaiting: false) }
        guard case .wait = next else { return next }
        return await withCheckedContinuation { continuation in
            let next = self.state.withLock { state in
                let next = state.next(for: slot, isWaiting: true)
                if case .wait = next { state.waiters[slot] = continuation }
                return next
            }
            guard case .wait = next else { return continuation.resume(returning: next) }
        }
    }
}

extension AttemptSlots.State {
    fileprivate mutating func next(for slot: Int, isWaiting: Bool) -> AttemptTable.Next {
        let next = self.table.next(for: slot, isWaiting: isWaiting, now: .now)
        if case .end = next { self.tasks[slot] = nil }
        return next
    }
}
