// The ledger's invariants, and the jobs that wait for a person. The looks go over the jobs above the reconciler's
// watermark, where everything unfinished is, and over partial indexes; never over all history.

internal import JobModel
internal import Postgres

extension Examination {
    func checkLedger() async throws -> [Finding] {
        var findings: [Finding] = []
        for invariant in LedgerInvariant.all {
            if let finding = try await self.check(invariant) { findings.append(finding) }
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

    /// More rows are counted, not named.
    private static let namesMax = 5
    /// How long one look may take: some go over all history.
    private static let lookMax: Duration = .seconds(20)

    private func check(_ invariant: LedgerInvariant) async throws -> Finding? {
        let rows: PostgresRows
        do {
            rows = try await self.platform.query(
                "SELECT count(*) AS rows, array_to_string((array_agg(name ORDER BY name))[1:\(Self.namesMax)], ', ') "
                    + "AS names FROM (\(invariant.sql)) AS broken (name)", invariant.values, timeout: Self.lookMax)
        } catch let error as PostgresError where error.sqlState?.rawValue == "57014" || error.code == .timeout {
            return .warn(
                "ledger",
                "whether \(invariant.subject) \(invariant.broken) was not found out in "
                    + "\(Self.lookMax.components.seconds) s", remedy: "run this again when the database is less busy")
        }
        let count = try rows.first?.int("rows") ?? 0
        guard count > 0, let names = try rows.first?.optionalString("names") else { return nil }
        let text =
            "\(count) \(invariant.subject) \(invariant.broken): \(names)\(count > Self.namesMax ? ", …" : "")"
        return invariant.isHarmless
            ? .warn("ledger", text, remedy: invariant.remedy) : .fail("ledger", text, remedy: invariant.remedy)
    }
}
