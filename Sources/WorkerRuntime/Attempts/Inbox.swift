// Effects once: an inbox row commits with the effect in the effect's own database, and whoever comes again finds it.

internal import JobModel
internal import Postgres

/// The `job_inbox` table of one database.
struct Inbox: Sendable {
    let database: PostgresDatabase

    /// Whose effect it is.
    struct Entry: Sendable {
        var job: JobID
        var kind: JobKind
        var idempotencyKey: String?
        var epoch: Int64
    }

    /// Runs `body` and commits its effect with an inbox row; or, when the row is there, returns the first run's value.
    ///
    /// Two attempts at once: the second waits on the first's row until it commits or rolls back.
    func once(
        _ entry: Entry, _ body: @escaping @Sendable (PostgresConnection) async throws -> [UInt8]
    ) async throws -> [UInt8] {
        try await self.database.transaction { connection in
            let inserted = try await connection.query(
                "INSERT INTO job_inbox (job_id, kind, idempotency_key, epoch) VALUES ($1::uuid, $2, $3, $4::bigint) "
                    + "ON CONFLICT DO NOTHING RETURNING job_id",
                [
                    .text(entry.job.description), .text(entry.kind.rawValue), .text(entry.idempotencyKey),
                    .int(Int(entry.epoch)),
                ])
            guard !inserted.isEmpty else {
                let rows = try await connection.query(
                    "SELECT result::text FROM job_inbox WHERE job_id = $1::uuid", [.text(entry.job.description)])
                return Array(try rows.first?.optionalString(at: 0)?.utf8 ?? "null".utf8)
            }
            let json = try await body(connection)
            try await connection.query(
                "UPDATE job_inbox SET result = $2::jsonb WHERE job_id = $1::uuid",
                [.text(entry.job.description), .text(String(decoding: json, as: UTF8.self))])
            return json
        }
    }
}
