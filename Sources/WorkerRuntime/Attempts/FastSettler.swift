// Records fast attempts' outcomes in Redis, many in one script: attempts hand theirs in, one loop writes them.
//
// Invariant: what was handed in is written until it is settled or known to be fenced; a Redis that is away is waited
// for. A session that is lost writes nothing: its jobs are others'.

internal import JobModel
internal import JobQueue
internal import Logging

/// The one writer of a session's fast settlements.
final class FastSettler: Sendable {
    struct Item: Sendable {
        var attempt: AttemptID
        var queue: QueueName
        var kind: JobKind
        var settlement: Settlement
        var settled: SettledFast
    }

    /// How many outcomes one script takes: Redis does nothing else meanwhile.
    private static let batch = 1000

    private let index: DispatchIndex
    private let session: SessionID
    private let counters: RuntimeCounters
    private let logger: Logger
    private let onSettled: @Sendable ([AttemptID]) -> Void
    private let outcomes = Batcher<Item>(most: FastSettler.batch)

    init(
        index: DispatchIndex, session: SessionID, counters: RuntimeCounters, logger: Logger,
        onSettled: @escaping @Sendable ([AttemptID]) -> Void
    ) {
        self.index = index
        self.session = session
        self.counters = counters
        self.logger = logger
        self.onSettled = onSettled
    }

    /// Hands an outcome in; returns at once.
    func settle(_ item: Item) { self.outcomes.add(item) }

    /// Tells the loop to end once all is written.
    func finish() { self.outcomes.finish() }

    /// Writes until finished and empty, or cancelled.
    func run() async {
        await self.outcomes.run { batch in
            guard let queue = batch.first?.queue else { return }
            if batch.allSatisfy({ $0.queue == queue }) {
                await self.write(batch, queue)
            } else {
                for (queue, items) in Dictionary(grouping: batch, by: \.queue) { await self.write(items, queue) }
            }
        }
    }

    private func write(_ batch: [Item], _ queue: QueueName) async {
        var backoff = Backoff()
        var mayBeWritten = false
        while !Task.isCancelled {
            do {
                let fenced = try await self.index.settle(batch.map(\.settled), of: queue, session: self.session)
                self.tell(batch, fenced: mayBeWritten ? [] : Set(fenced))
                return
            } catch {
                mayBeWritten = true
                self.logger.error("outcomes could not be recorded; trying again", metadata: ["error": "\(error)"])
            }
            await backoff.pause()
        }
        self.onSettled(batch.map(\.attempt))
    }

    private func tell(_ batch: [Item], fenced: Set<JobID>) {
        var tally = OutcomeTally()
        for item in batch {
            if !fenced.isEmpty, fenced.contains(item.attempt.job) {
                self.counters.fenced(kind: item.kind)
                self.logger.warning(
                    "fenced: another session has this job now",
                    metadata: ["job": "\(item.attempt.job)", "kind": "\(item.kind)"])
            } else {
                tally.add(item.kind, item.settlement)
            }
        }
        self.counters.settled(tally)
        self.onSettled(batch.map(\.attempt))
    }
}
