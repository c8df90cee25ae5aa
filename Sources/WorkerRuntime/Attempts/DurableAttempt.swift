// What the runtime does for one durable attempt's context: effects that commit with their settlement, steps, progress.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres
internal import Synchronization
internal import WorkerKit

/// One durable attempt's support.
///
/// An effect on the platform settles the job in the effect's own transaction. An effect on a family's database commits
/// with an inbox row there; the ledger is settled afterwards, and a redelivery finds the row.
final class DurableAttempt: AttemptSupport {
    let job: BegunJob
    private let info: JobInfo
    private let session: SessionID
    private let ledger: Ledger
    private let platform: PostgresDatabase
    private let family = Mutex<PostgresDatabase?>(nil)
    private let logger: Logger
    private let settled = Mutex(false)
    private let progress: ProgressReporter

    init(
        job: BegunJob, info: JobInfo, session: SessionID, ledger: Ledger, platform: PostgresDatabase, logger: Logger
    ) {
        self.job = job
        self.info = info
        self.session = session
        self.ledger = ledger
        self.platform = platform
        self.logger = logger
        self.progress = ProgressReporter { json in
            try await ledger.report(json, of: job.id, epoch: job.epoch, session: session)
        }
    }

    /// The family's database is found; nil for a platform job.
    func lend(_ family: PostgresDatabase?) { self.family.withLock { $0 = family } }

    /// Whether the effect's transaction settled the job already.
    var isSettled: Bool { self.settled.withLock { $0 } }

    func effect(
        on place: EffectPlace,
        _ body: @escaping @Sendable (PostgresConnection, (any TransactionEnqueuer)?) async throws -> [UInt8]
    ) async throws -> [UInt8] {
        if place == .target, let family = self.family.withLock({ $0 }) {
            return try await Inbox(database: family).once(
                Inbox.Entry(
                    job: self.job.id, kind: self.job.kind, idempotencyKey: self.job.idempotencyKey,
                    epoch: self.job.epoch)
            ) { connection in
                try await body(connection, nil)
            }
        }
        let json = try await self.platform.transaction { connection in
            let json = try await body(connection, self.ledger)
            let attempt = SettledAttempt(
                id: self.job.id, epoch: self.job.epoch, settlement: .succeeded, result: json)
            guard try await self.ledger.settle([attempt], session: self.session, on: connection).contains(self.job.id)
            else { throw Fenced() }
            return json
        }
        self.settled.withLock { $0 = true }
        return json
    }

    func completedStep(_ name: String) async throws -> [UInt8]? {
        try await self.ledger.completedStep(name, of: self.job.id)
    }

    func completeStep(_ name: String, result: [UInt8]) async throws {
        guard
            try await self.ledger.completeStep(
                name, of: self.job.id, epoch: self.job.epoch, session: self.session, result: result)
        else { throw Fenced() }
    }

    func report(_ progress: JobProgress) { self.progress.report(progress) }

    /// Waits for the last progress report, so that none comes after the settlement.
    func finishReporting() async { await self.progress.finish { self.info.named(in: self.logger) } }
}
