// The ledger: durable jobs in the platform database. This file is the door to it; its SQL is in `SQL/`, what it returns
// in LedgerValues.swift, facets in Ledger+*.swift.
//
// Invariants:
// 1. Every change of a job is one statement (or one transaction) that names what it expects: a state, or (id, epoch).
// 2. Time is PostgreSQL's; no worker's clock decides anything here.
// 3. A job that waits for something has a ticket in job_dispatches; a running one is in its session's job_claims.

internal import JobModel
public import Postgres

/// The durable truth of every durable job.
///
/// A value over a shared pool; any number of tasks may use it. Every call may throw `JobQueueError(.unavailable)` when
/// the database cannot be reached: nothing, or all, of the call was done then, as its comment says.
public struct Ledger: Sendable {
    public let database: PostgresDatabase

    public init(database: PostgresDatabase) {
        self.database = database
    }

    /// No statement of the ledger waits longer, for a row that somebody holds or for a server that is gone.
    private static let statementTimeout: Duration = .seconds(30)

    /// Runs one statement of the ledger, turning its errors into `JobQueueError`.
    func query(
        _ sql: String, _ values: [PostgresValue] = [], on connection: PostgresConnection? = nil,
        timeout: Duration = Self.statementTimeout
    ) async throws -> PostgresRows {
        do {
            if let connection { return try await connection.query(sql, values, timeout: timeout) }
            return try await self.database.query(sql, values, timeout: timeout)
        } catch let error as PostgresError {
            throw JobQueueError(ledger: error)
        }
    }
}

extension JobQueueError {
    /// Reads an error of the ledger's SQL: CW001 is a conflict, CW002 a broken rule whose HINT names the field.
    public init(ledger error: PostgresError) {
        // The function's messages begin with the field that the hint names.
        let field = error.hint.map { "\($0) " } ?? ""
        let rule = error.message.hasPrefix(field) ? String(error.message.dropFirst(field.count)) : error.message
        switch error.sqlState?.rawValue {
        case "CW001":
            self.init(.conflict, field: error.hint, rule, existing: error.detail.flatMap { JobID($0) })
        case "CW002": self.init(.invalid, field: error.hint, rule)
        case "22P02", "22P05", "22021": self.init(.invalid, field: "payload", "must be JSON without NUL characters")
        default:
            self.init(error.canRetry ? .unavailable : .corrupt, "ledger: \(error)", underlying: error)
        }
    }
}

extension Ledger: TransactionEnqueuer {
    public func enqueue(_ request: JobRequest, on connection: PostgresConnection) async throws -> EnqueuedJob {
        try await self.insert(request, on: connection)
    }

    /// Enqueues in a transaction of its own. When the reply is lost the same request, with its id, may be sent again.
    ///
    /// - Throws: `JobQueueError`: `.conflict`, `.invalid`, `.unavailable`.
    public func enqueue(_ request: JobRequest) async throws -> EnqueuedJob {
        try await self.insert(request, on: nil)
    }

    /// Enqueues all, or none, in one statement.
    ///
    /// - Throws: `JobQueueError` whose field begins with `jobs[<index>]` of the bad one.
    public func enqueue(_ requests: [JobRequest]) async throws -> [EnqueuedJob] {
        guard requests.count <= JobLimits.batchJobsMax else {
            throw JobQueueError.invalid("jobs", "must be at most \(JobLimits.batchJobsMax)")
        }
        do {
            return try await self.insert(requests, on: nil)
        } catch let error as JobQueueError where error.code == .invalid || error.code == .conflict {
            // The statement does not say whose error it was: once more, one by one, to name it.
            do {
                return try await self.database.transaction { try await self.enqueue(requests, on: $0) }
            } catch let error as PostgresError {
                throw JobQueueError(ledger: error)
            }
        }
    }

    /// Enqueues all in the caller's transaction, which an error ends. See the other `enqueue`.
    public func enqueue(_ requests: [JobRequest], on connection: PostgresConnection) async throws -> [EnqueuedJob] {
        var jobs: [EnqueuedJob] = []
        jobs.reserveCapacity(requests.count)
        for (index, request) in requests.enumerated() {
            do {
                jobs.append(try await self.insert(request, on: connection))
            } catch let error as JobQueueError {
                // A job of this batch goes away with it: nobody could look at it.
                if let other = jobs.firstIndex(where: { !$0.replayed && $0.id == error.existing }) {
                    throw JobQueueError(error.code, field: error.field, "is that of jobs[\(other)], which differs")
                        .inBatch(at: index)
                }
                throw error.inBatch(at: index)
            }
        }
        return jobs
    }

    /// So many of a transaction's jobs are announced by the ledger's `enqueue`.
    private static let announced = 8

    private func insert(_ requests: [JobRequest], on connection: PostgresConnection?) async throws -> [EnqueuedJob] {
        guard !requests.isEmpty else { return [] }
        let options = requests.map(\.options)
        let ids = options.map { $0.id ?? .mint() }
        let mustGoAlone = options.contains { $0.idempotencyKey != nil } || Set(ids).count < ids.count
        let rows = try await self.query(
            EmbeddedText.enqueueJobs,
            [
                .array(requests.map(\.kind.rawValue)),
                .array(requests.map { String(decoding: $0.payload, as: UTF8.self) }),
                .array(requests.map { $0.target.family?.description }), .array(options.map(\.idempotencyKey)),
                .array(options.map { $0.queue?.rawValue }),
                .array(options.map { $0.delay.map { String($0.wholeMilliseconds) } }),
                .array(options.map { String($0.priority.rawValue) }), .array(ids.map(\.description)),
                .array(options.map { $0.maxAttempts.map { String($0) } }),
                .array(requests.map { String($0.payloadVersion) }),
                .array(requests.indices.map { mustGoAlone || $0 < Self.announced ? "t" : "f" }),
            ],
            on: connection)
        guard rows.count == requests.count else { throw JobQueueError(.corrupt, "enqueue returned too few ids") }
        return try rows.map { row in
            guard let id = JobID(try row.string(at: 0)) else {
                throw JobQueueError(.corrupt, "enqueue returned no job id")
            }
            return EnqueuedJob(id: id, replayed: try row.bool(at: 1))
        }
    }

    private func insert(_ request: JobRequest, on connection: PostgresConnection?) async throws -> EnqueuedJob {
        let options = request.options
        let rows = try await self.query(
            EmbeddedText.enqueueJob,
            [
                .text(request.kind.rawValue), .text(String(decoding: request.payload, as: UTF8.self)),
                .text(request.target.family?.description), .text(options.idempotencyKey),
                .text(options.queue?.rawValue), .int(options.delay?.wholeMilliseconds),
                .int(options.priority.rawValue), .text(options.id?.description), .int(options.maxAttempts),
                .int(request.payloadVersion),
            ],
            on: connection)
        guard let row = rows.first, let id = JobID(try row.string("job_id")) else {
            throw JobQueueError(.corrupt, "enqueue returned no job id")
        }
        return EnqueuedJob(id: id, replayed: try row.bool("replayed"))
    }
}

extension Duration {
    /// Whole milliseconds, rounded up.
    package var wholeMilliseconds: Int {
        let (seconds, attoseconds) = self.components
        return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
