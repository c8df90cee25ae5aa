// Transactions on one connection: begin, the caller's work, commit or roll back. What is begun is always ended,
// cancelled task or not.

import Logging

/// How a transaction sees others, and whether it may write.
public enum TransactionMode: Sendable, Hashable, CaseIterable {
    case readCommitted, repeatableRead, serializable
    /// One snapshot, no writes.
    case readOnly

    var beginStatement: String {
        switch self {
        case .readCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED"
        case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
        case .readOnly: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        }
    }
}

extension PostgresConnection {
    /// How long a commit may take (disks, a synchronous standby) before the connection is given up.
    static let commitBound: Duration = .seconds(60)
    /// How long a rollback may take before the connection is given up.
    static let rollbackBound: Duration = .seconds(5)

    /// Runs the body in a transaction: commits if it returns, rolls back if it throws.
    ///
    /// Transactions do not nest; use SAVEPOINT. Cancellation reaches the body's statements; once the body has
    /// returned, the commit is carried through. Serialization failures are thrown (`canRetry`), not repeated: only
    /// the caller knows what the body did besides.
    ///
    /// - Throws: the body's error after a rollback; a `.server` error of the commit (nothing is committed; also 25P02
    ///   if the body swallowed a statement's error); **`.connectionLost` with `outcomeUnknown`** if the connection
    ///   ended during the commit: it may have happened.
    @discardableResult
    public func transaction<R: Sendable>(
        _ mode: TransactionMode = .readCommitted,
        _ body: @Sendable (PostgresConnection) async throws -> R
    ) async throws -> R {
        guard !isInTransaction else {
            throw PostgresError(.protocolViolation, "a transaction is open on this connection already")
        }
        do {
            try await query(mode.beginStatement)
        } catch {
            // A cancel may have come after the server began; leave nothing open.
            try await rollBack(after: error)
        }
        let value: R
        do {
            value = try await body(self)
        } catch {
            try await rollBack(after: error)
        }
        try await commit()
        return value
    }

    private func commit() async throws(PostgresError) {
        let rows: PostgresRows
        do throws(PostgresError) {
            rows = try await runShielded("COMMIT", timeout: Self.commitBound)
        } catch {
            switch error.code {
            case .server:
                throw error
            default:
                lose()
                throw PostgresError(
                    .connectionLost, "the connection ended during COMMIT: \(error.message)", sqlState: error.sqlState,
                    outcomeUnknown: true)
            }
        }
        guard rows.commandTag == "COMMIT" else {
            throw PostgresError(
                .server, "the transaction was rolled back, because a statement in it had failed",
                sqlState: .inFailedTransaction)
        }
    }

    /// Rolls back and throws the error that made it necessary.
    private func rollBack(after cause: any Error) async throws -> Never {
        if isInTransaction {
            do throws(PostgresError) {
                _ = try await runShielded("ROLLBACK", timeout: Self.rollbackBound)
            } catch {
                // The cause matters more. The server rolls back by itself when the connection ends.
                logger.warning("rollback failed; closing the connection", metadata: ["error": "\(error)"])
                await close()
            }
        }
        throw cause
    }
}
