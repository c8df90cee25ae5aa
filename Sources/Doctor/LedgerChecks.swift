// The ledger's invariants, and the jobs that wait for a person. The looks go over the jobs above the reconciler's
// watermark, where everything unfinished is, and over partial indexes; never over all history.

internal import JobModel
internal import Postgres

extension Examination {
    func checkLedger() async throws -> [Finding] {
        var findings: [Finding] = []
        for invariant in LedgerInvariant.all {
            let rows = try await self.platform.query(invariant.sql, invariant.values)
            let count = try rows.first?.int(at: 0) ?? 0
            if count > 0 {
                findings.append(.fail("ledger", "\(count) jobs \(invariant.broken)", remedy: invariant.remedy))
            }
        }
        if findings.isEmpty { findings.append(.ok("ledger", "\(LedgerInvariant.all.count) invariants hold")) }
        let rows = try await self.platform.query(
            "SELECT kind, count(*) AS jobs FROM jobs WHERE dead_at IS NOT NULL GROUP BY kind ORDER BY 2 DESC, 1")
        let dead = try rows.map { (kind: try $0.string("kind"), jobs: try $0.int("jobs")) }
        if dead.isEmpty {
            findings.append(.ok("ledger", "no dead jobs"))
        } else {
            let kinds = dead.prefix(5).map { "\($0.jobs) \($0.kind)" }.joined(separator: ", ")
            findings.append(
                .warn(
                    "ledger", "\(dead.reduce(0) { $0 + $1.jobs }) dead jobs (\(kinds))",
                    remedy: "chorewheel jobs list --state dead; then jobs retry, or leave them"))
        }
        return findings
    }
}

/// A rule of the ledger, as the statement that counts what breaks it.
private struct LedgerInvariant {
    let sql: String
    var values: [PostgresValue] = []
    /// After "3 jobs": `are …`.
    let broken: String
    let remedy: String

    private static let repaired =
        "a living worker repairs this within 30 s; if it stays, keep the rows and report it"

    /// The jobs that may be open: history below the watermark is not searched.
    private static let mayBeOpen =
        "(j.seq > (SELECT settled_seq FROM reconciliation) OR j.id IN (SELECT job_id FROM job_stragglers))"

    /// Five seconds are left for what is under way.
    static let all = [
        LedgerInvariant(
            sql: "SELECT count(*) FROM jobs j LEFT JOIN worker_sessions s ON s.id = j.session_id "
                + "WHERE \(Self.mayBeOpen) "
                + "AND j.state = 'running' "
                + "AND (s.id IS NULL OR s.ended_at < clock_timestamp() - interval '5 seconds')",
            broken: "are running in a session that has ended", remedy: repaired),
        LedgerInvariant(
            sql: "SELECT count(*) FROM jobs j "
                + "WHERE \(Self.mayBeOpen) "
                + "AND j.state IN ('scheduled', 'parked') "
                + "AND NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = j.id)",
            broken: "wait for a time or a family without a ticket that would wake them", remedy: repaired),
        LedgerInvariant(
            sql: "SELECT count(*) FROM jobs j "
                + "WHERE \(Self.mayBeOpen) "
                + "AND j.state <> ALL ($1)",
            values: [.array(JobState.allCases.map(\.rawValue))],
            broken: "have a state that this program does not know", remedy: "use the newest chorewheel"),
        LedgerInvariant(
            sql: "SELECT count(*) FROM jobs WHERE dead_at IS NOT NULL AND reason IS NULL",
            broken: "are dead without a reason", remedy: "keep the rows and report it"),
    ]
}
