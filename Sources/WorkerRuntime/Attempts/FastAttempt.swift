// What the runtime does for one fast attempt's context. There is no ledger row: an effect is guarded by an inbox row on
// whichever database it is, and there are no steps.

internal import JobModel
internal import JobQueue
internal import Postgres
internal import WorkerKit

/// One fast attempt's support.
final class FastAttempt: AttemptSupport {
    private let entry: FastEntry
    private let epoch: Int64
    private let platform: PostgresDatabase
    private let target: PostgresDatabase

    init(entry: FastEntry, epoch: Int64, platform: PostgresDatabase, target: PostgresDatabase) {
        self.entry = entry
        self.epoch = epoch
        self.platform = platform
        self.target = target
    }

    func effect(
        on place: EffectPlace,
        _ body: @escaping @Sendable (PostgresConnection, (any TransactionEnqueuer)?) async throws -> [UInt8]
    ) async throws -> [UInt8] {
        let database = place == .platform ? self.platform : self.target
        let enqueuer = place == .platform || self.entry.family == nil ? Ledger(database: self.platform) : nil
        let entry = Inbox.Entry(
            job: self.entry.id, kind: self.entry.kind, idempotencyKey: nil, epoch: self.epoch)
        return try await Inbox(database: database).once(entry) { connection in
            try await body(connection, enqueuer)
        }
    }

    func completedStep(_ name: String) async throws -> [UInt8]? { throw Self.noSteps }
    func completeStep(_ name: String, result: [UInt8]) async throws { throw Self.noSteps }

    private static let noSteps = JobFailure.discard("a fast job has no steps: declare its kind durable")

    /// Fast jobs have no row to keep progress in.
    func report(_ progress: JobProgress) {}
}
