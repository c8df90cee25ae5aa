// What is settled in the ledger and not yet forgotten elsewhere: ids that Redis holds as running (they go with the next
// claim of their queue) and batches in job_claims (they go when the last of their jobs is settled).

internal import JobModel
internal import JobQueue
internal import Synchronization

/// A session's loose ends.
final class Acknowledgements: Sendable {
    fileprivate struct State {
        var byQueue: [QueueName: [JobID]] = [:]
        var batchOf: [AttemptID: Int64] = [:]
        var openJobs: [Int64: Int] = [:]
        var settledBatches: [Int64] = []
        /// Of those in `byQueue`, the jobs that others are to run.
        var givenBack: Set<JobID> = []
    }

    private let state = Mutex(State())

    /// A batch was begun.
    func open(batch: Int64, attempts: [AttemptID]) {
        guard !attempts.isEmpty else { return }
        self.state.withLock { state in
            state.openJobs[batch] = attempts.count
            for attempt in attempts { state.batchOf[attempt] = batch }
        }
    }

    func add(_ items: [Settler.Item]) {
        self.state.withLock { state in
            for item in items {
                state.settle(item.attempt.attemptID, item.queue)
                if item.attempt.settlement == .giveBack { state.givenBack.insert(item.attempt.id) }
            }
        }
    }

    func add(_ attempt: AttemptID, _ queue: QueueName) {
        self.state.withLock { $0.settle(attempt, queue) }
    }

    /// Hints that were stale: Redis is to forget them, and nothing else changes. The job may well be running here.
    func forget(hints ids: [JobID], _ queue: QueueName) { self.restore(ids, queue) }

    /// The ids to be forgotten by Redis; put back with `restore` if that failed.
    func take(_ queue: QueueName) -> [JobID] {
        self.state.withLock { $0.byQueue.removeValue(forKey: queue) ?? [] }
    }

    /// As `take`, but for what was given back: that returns to its lane with the session's end, for others at once.
    func takeDone(_ queue: QueueName) -> [JobID] {
        self.state.withLock { state in
            (state.byQueue.removeValue(forKey: queue) ?? []).filter { !state.givenBack.contains($0) }
        }
    }

    func restore(_ ids: [JobID], _ queue: QueueName) {
        guard !ids.isEmpty else { return }
        self.state.withLock { $0.byQueue[queue, default: []].append(contentsOf: ids) }
    }

    /// The jobs that Redis may still hold for running here, and that are known to be settled, or stale hints.
    func ids(of queue: QueueName) -> Set<JobID> { self.state.withLock { Set($0.byQueue[queue] ?? []) } }

    func takeSettledBatches() -> [Int64] {
        self.state.withLock { state in
            defer { state.settledBatches.removeAll(keepingCapacity: true) }
            return state.settledBatches
        }
    }

    func restoreSettledBatches(_ batches: [Int64]) {
        self.state.withLock { $0.settledBatches.append(contentsOf: batches) }
    }
}

extension Acknowledgements.State {
    fileprivate mutating func settle(_ attempt: AttemptID, _ queue: QueueName) {
        self.byQueue[queue, default: []].append(attempt.job)
        guard let batch = self.batchOf.removeValue(forKey: attempt), let open = self.openJobs[batch] else { return }
        if open > 1 {
            self.openJobs[batch] = open - 1
        } else {
            self.openJobs[batch] = nil
            self.settledBatches.append(batch)
        }
    }
}
