// Enqueueing durable jobs on a connection that somebody else's transaction is open on. The commit is theirs.

public import Postgres

/// Puts jobs into the ledger by a given connection.
public protocol TransactionEnqueuer: Sendable {
    /// Joins the transaction that is open on the connection; without one, it is a transaction of its own.
    ///
    /// - Throws: `JobQueueError`; the transaction is then failed, as after any SQL error.
    func enqueue(_ request: JobRequest, on connection: PostgresConnection) async throws -> EnqueuedJob
}
