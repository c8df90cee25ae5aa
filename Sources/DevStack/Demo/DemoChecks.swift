// What must be true when the story is told. Each check is a line of its own, and one that cannot be made has failed.
// Those of the families' databases are in DemoChecks+Databases.

internal import JobModel
internal import Postgres
internal import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

struct DemoChecks: Sendable {
    let stage: DemoStage

    /// What a check found.
    enum Finding: Sendable {
        case good(String?)
        case bad(String)

        /// Good if nothing is in the list.
        static func none(of wrong: [String], _ detail: String? = nil) -> Finding {
            wrong.isEmpty ? .good(detail) : .bad(wrong.prefix(5).joined(separator: "; "))
        }
    }

    func run(
        _ families: [SignedUp], _ webhooks: DeliveredWebhooks, version: Int, _ report: inout DemoReport
    ) async {
        func check(_ name: String, _ body: () async throws -> Finding) async {
            let check: DemoReport.Check
            do {
                switch try await body() {
                case .good(let detail): check = .init(name: name, passed: true, detail: detail)
                case .bad(let detail): check = .init(name: name, passed: false, detail: detail)
                }
            } catch {
                check = .init(name: name, passed: false, detail: "could not be checked: \(error)")
            }
            self.stage.screen.show(check)
            report.checks.append(check)
        }
        await check("every family has one database and one role, and there are no others") {
            try await self.databasesAndRoles(of: families)
        }
        await check("PUBLIC may connect to none of them") { try await self.publicIsKeptOut() }
        await check("a family's role enters its own database, and no other's") {
            try await self.rolesKeepToTheirOwn(families)
        }
        await check("every database is at version \(version), and has what it adds") {
            try await self.schemas(of: families, at: version)
        }
        await check("billing is the same as if the events had come once and in order") {
            try await self.billing(webhooks.billings)
        }
        await check("every webhook is stored once, and was processed once") { try await self.webhooks(webhooks) }
        await check("the altered webhook was refused, and is not stored") { try await self.alteredWebhook(webhooks) }
        await check("statistics are there for every family and for the platform") {
            try await self.statistics(of: families)
        }
        await check("every job has succeeded: none is dead, none is left") { try await self.allSucceeded() }
        await check("nothing was done twice") { try await self.nothingTwice(families, version: version) }
        await check("the crash is counted as a crash, and cost no attempt") { try await self.crash(report) }
        await check("the API is ready") {
            let answer = try await self.stage.client.get("/readyz")
            return answer.status == 200 ? .good(nil) : .bad(String(decoding: answer.body, as: UTF8.self))
        }
    }

    // MARK: Webhooks and statistics

    private func billing(_ billings: [DemoBilling]) async throws -> Finding {
        let rows = try await self.stage.ledger.platform.query(
            "SELECT f.slug, f.status AS family, s.status AS subscription, f.plan, f.stripe_customer_id AS customer "
                + "FROM families f LEFT JOIN subscriptions s ON s.family_id = f.id")
        var found: [String: String] = [:]
        for row in rows {
            let texts = try ["family", "subscription", "plan", "customer"].map { try row.optionalString($0) ?? "none" }
            found[try row.string("slug")] = texts.joined(separator: ", ")
        }
        return .none(
            of: billings.compactMap { billing in
                let expected = [billing.expectedFamily, billing.expectedSubscription, "premium", billing.customer]
                    .joined(separator: ", ")
                let actual = found[billing.family.slug] ?? "no family"
                return actual == expected ? nil : "\(billing.family.slug) is \(actual) instead of \(expected)"
            },
            "\(billings.count { $0.expectedFamily == "active" }) active, "
                + "\(billings.count { $0.expectedFamily == "cancelled" }) cancelled")
    }

    private func webhooks(_ sent: DeliveredWebhooks) async throws -> Finding {
        let stored = try await self.stage.ledger.number("SELECT count(*) FROM stripe_webhook_events")
        let projected = try await self.stage.ledger.number(
            "SELECT count(*) FROM stripe_webhook_events WHERE outcome = 'projected'")
        let jobs = try await self.stage.ledger.number("SELECT count(*) FROM jobs WHERE kind = 'stripe.process_event'")
        let counts = [stored, projected, jobs, sent.newAnswers, sent.duplicateAnswers]
        guard counts.allSatisfy({ $0 == sent.events }) else {
            return .bad(
                "of \(sent.events) events \(stored) are stored, \(projected) projected, with \(jobs) jobs; "
                    + "\(sent.newAnswers) were answered as new, \(sent.duplicateAnswers) as duplicates")
        }
        return .good("\(sent.events) events, \(sent.newAnswers + sent.duplicateAnswers) deliveries")
    }

    private func alteredWebhook(_ sent: DeliveredWebhooks) async throws -> Finding {
        let stored = try await self.stage.ledger.number(
            "SELECT count(*) FROM stripe_webhook_events WHERE event_id = $1", [.text(sent.alteredID)])
        guard sent.alteredStatus == 400, stored == 0 else {
            return .bad("it was answered \(sent.alteredStatus), and is stored \(stored) times")
        }
        return .good("400")
    }

    private func statistics(of families: [SignedUp]) async throws -> Finding {
        let counted = try await self.stage.ledger.texts(
            "SELECT slug FROM families "
                + "WHERE stats_computed_at IS NOT NULL AND member_count >= 1 AND storage_used_mb > 0")
        let metrics = Set(try await self.stage.ledger.platformMetrics().map(\.name))
        let wanted: Set = [
            "total_families", "revenue_mrr", "active_users_daily", "chores_completed_daily", "storage_used_gb",
        ]
        let missing = families.map(\.slug).filter { !counted.contains($0) } + wanted.subtracting(metrics).sorted()
        return .none(of: missing.map { "\($0) has no figures" }, "\(wanted.count) platform metrics")
    }

    // MARK: Jobs

    private func allSucceeded() async throws -> Finding {
        let rows = try await self.stage.ledger.platform.query("SELECT state, count(*) FROM jobs GROUP BY state")
        var counts: [String: Int] = [:]
        for row in rows { counts[try row.string(at: 0)] = try row.int(at: 1) }
        let tickets = try await self.stage.ledger.number("SELECT count(*) FROM job_dispatches")
        var wrong = counts.filter { $0.key != "succeeded" }.map { "\($0.value) are \($0.key)" }.sorted()
        if tickets > 0 { wrong.append("\(tickets) wait to be dispatched") }
        if counts["succeeded"] == nil { wrong.append("none has succeeded") }
        return .none(of: wrong, "\(counts["succeeded"] ?? 0) jobs")
    }

    private func crash(_ report: DemoReport) async throws -> Finding {
        let rows = try await self.stage.ledger.platform.query(
            "SELECT j.id, j.kind, j.attempt, j.failures, j.crashes, count(a.*) AS recorded FROM jobs j "
                + "JOIN job_attempts a ON a.job_id = j.id AND a.outcome = 'crashed' GROUP BY j.id")
        guard !rows.isEmpty else { return .bad("no job was aboard when the worker was killed") }
        var wrong: [String] = []
        for row in rows {
            let (crashes, recorded) = (try row.int("crashes"), try row.int("recorded"))
            let (attempts, failures) = (try row.int("attempt"), try row.int("failures"))
            if crashes != recorded || failures != 0 || attempts != 1 {
                wrong.append(
                    "\(try row.string("kind")) \(try row.string("id")): \(attempts) attempts, \(failures) failures, "
                        + "\(crashes) crashes, \(recorded) crashes recorded")
            }
        }
        if !report.steps.contains(where: { $0.recoveryMilliseconds != nil }) { wrong.append("nothing ran again") }
        return .none(of: wrong, "\(rows.count) job(s)")
    }

    // MARK: Processes

    /// Whether all of the stack's processes have ended.
    static func nothingIsLeft(of processes: [DemoProcess]) -> DemoReport.Check {
        let left = processes.filter { Self.isRunning($0.id) }
        return .init(
            name: "after the stop nothing is left running", passed: left.isEmpty && !processes.isEmpty,
            detail: left.isEmpty
                ? "\(processes.count) processes have ended"
                : left.map { "\($0.name) \($0.id)" }.joined(separator: ", "))
    }

    /// A zombie has ended: it only waits for its parent to ask.
    private static func isRunning(_ id: Int32) -> Bool {
        guard kill(id, 0) == 0 || errno == EPERM else { return false }
        #if os(Linux)
        let stat = FileSystem.text(ofFileThatMayVanish: "/proc/\(id)/stat") ?? ""
        // `pid (name) state …`; the name may hold brackets.
        guard let bracket = stat.lastIndex(of: ")") else { return false }
        return !["Z", "X"].contains(stat[stat.index(after: bracket)...].first { $0 != " " })
        #else
        return true
        #endif
    }
}
