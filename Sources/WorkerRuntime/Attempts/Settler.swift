// Records durable attempts' outcomes in the ledger, many in one statement: attempts hand theirs in, one loop writes
// them.
//
// Invariants:
// 1. What was handed in is written until it is settled or known to be fenced; a database that is away is waited for.
// 2. An id is told to `onSettled` only after the ledger has it: only then may Redis forget it.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres

/// The one writer of a session's settlements.
final class Settler: Sendable {
    /// An outcome with what is needed to tell of it.
    struct Item: Sendable {
        var attempt: SettledAttempt
        var kind: JobKind
        var queue: QueueName
    }

    /// How many outcomes one statement takes.
    private static let batch = 1000

    private let ledger: Ledger
    private let session: SessionID
    private let counters: RuntimeCounters
    private let logger: Logger
    private let onSettled: @Sendable ([Item]) -> Void
    private let outcomes = Batcher<Item>(most: Settler.batch)

    init(
        ledger: Ledger, session: SessionID, counters: RuntimeCounters, logger: Logger,
        onSettled: @escaping @Sendable ([Item]) -> Void
    ) {
        self.ledger = ledger
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
    func run() async { await self.outcomes.run { await self.write($0) } }

    /// - Parameter mayBeWritten: A call before may have written some: one that is missing is then ours, not fenced.
    private func write(_ batch: [Item], mayBeWritten: Bool = false) async {
        var backoff = Backoff()
        var mayBeWritten = mayBeWritten
        while !Task.isCancelled {
            do {
                let settled = try await self.ledger.settle(batch.map(\.attempt), session: self.session)
                self.tell(batch, settled, missingMayBeOurs: mayBeWritten)
                return
            } catch let error as JobQueueError where error.refusesContent {
                // One outcome that the ledger refuses (a result it cannot store, say) must not hold up the others.
                if batch.count > 1 {
                    for item in batch { await self.write([item], mayBeWritten: true) }
                } else {
                    await self.settleRefused(batch[0], error)
                }
                return
            } catch {
                mayBeWritten = true
                self.logger.error("outcomes could not be recorded; trying again", metadata: ["error": "\(error)"])
            }
            await backoff.pause()
        }
    }

    /// The ledger refuses the outcome itself: the job fails with that as its error, for people to see.
    private func settleRefused(_ item: Item, _ error: JobQueueError) async {
        self.logger.error(
            "the ledger refused an outcome; the attempt counts as failed",
            metadata: ["job": "\(item.attempt.id)", "error": "\(error)"])
        var failed = item
        failed.attempt = SettledAttempt(
            id: item.attempt.id, epoch: item.attempt.epoch, settlement: .dead(spent: true, .discarded),
            error: AttemptError(type: "OutcomeRefused", message: "\(error)"))
        if case .dead(_, .discarded) = item.attempt.settlement, item.attempt.result == nil {
            // This was that already: nothing plainer can be said. The session's self-check gives the job back.
            return self.onSettled([item])
        }
        await self.write([failed])
    }

    private func tell(_ batch: [Item], _ settled: Set<JobID>, missingMayBeOurs: Bool) {
        var tally = OutcomeTally()
        for item in batch {
            if settled.contains(item.attempt.id) || missingMayBeOurs {
                tally.add(item.kind, item.attempt.settlement)
            } else {
                self.counters.fenced(kind: item.kind)
                self.logger.warning(
                    "fenced: another session has this job now",
                    metadata: ["job": "\(item.attempt.id)", "kind": "\(item.kind)", "epoch": "\(item.attempt.epoch)"])
            }
        }
        self.counters.settled(tally)
        self.onSettled(batch)
    }
}

extension JobQueueError {
    /// Whether the store refuses what is in the request, rather than being unable to take anything now.
    fileprivate var refusesContent: Bool {
        if self.code == .invalid { return true }
        guard let state = (self.underlying as? PostgresError)?.sqlState?.rawValue else { return false }
        return ["22", "23", "54"].contains { state.hasPrefix($0) }
    }
}
