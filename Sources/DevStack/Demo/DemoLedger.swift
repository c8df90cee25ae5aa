// What the story reads of the platform's database itself: figures, and the facts that the checks are about. It only
// reads. Each query is a line or two; what they find is put together in Swift.

internal import Postgres

/// A job's figures.
struct JobFigures: Sendable {
    let state: String
    let reason: String?
    /// From enqueued to settled; nil while it is not.
    let milliseconds: Int?
    let attempts: Int
    let failures: Int
    let crashes: Int
}

struct DemoLedger: Sendable {
    let platform: PostgresDatabase

    /// The figures of all jobs of some kinds.
    func figures(of kinds: [String]) async throws -> [JobFigures] {
        let rows = try await self.platform.query(
            """
            SELECT state, reason, attempt, failures, crashes,
                   (extract(epoch FROM settled_at - enqueued_at) * 1000)::bigint AS ms
            FROM jobs WHERE kind = ANY ($1::text[])
            """, [.array(kinds)])
        return try rows.map { row in
            JobFigures(
                state: try row.string("state"), reason: try row.optionalString("reason"),
                milliseconds: try row.optionalInt("ms"), attempts: try row.int("attempt"),
                failures: try row.int("failures"), crashes: try row.int("crashes"))
        }
    }

    /// How long after a moment each job that crashed with a session began again, in milliseconds, shortest first.
    ///
    /// - Parameter moment: milliseconds since 1970.
    func recovery(of session: String, since moment: Double) async throws -> [Int] {
        let rows = try await self.platform.query(
            """
            SELECT (extract(epoch FROM min(n.started_at)) * 1000 - $2::double precision)::bigint AS ms
            FROM job_attempts c
            JOIN (SELECT job_id, epoch, started_at FROM job_attempts UNION ALL SELECT id, epoch, started_at FROM jobs) n
                ON n.job_id = c.job_id AND n.epoch > c.epoch
            WHERE c.session_id = $1::uuid AND c.outcome = 'crashed' GROUP BY c.job_id
            """, [.text(session), .double(moment)])
        return try rows.map { try $0.int("ms") }.sorted()
    }

    /// The platform's figures of the latest day, by name.
    func platformMetrics() async throws -> [(name: String, value: String)] {
        try await self.platform.query(
            "SELECT DISTINCT ON (metric_name) metric_name, trim_scale(metric_value) FROM platform_analytics "
                + "WHERE family_id IS NULL AND plan IS NULL ORDER BY metric_name, metric_date DESC"
        ).map { (try $0.string(at: 0), try $0.string(at: 1)) }
    }

    /// One column of texts.
    func texts(_ sql: String, _ values: [PostgresValue] = []) async throws -> [String] {
        try await self.platform.query(sql, values).map { try $0.string(at: 0) }
    }

    /// One number.
    func number(_ sql: String, _ values: [PostgresValue] = []) async throws -> Int {
        guard let row = try await self.platform.query(sql, values).first else {
            throw DemoFailure("a query that always has a row had none")
        }
        return try row.int(at: 0)
    }
}
