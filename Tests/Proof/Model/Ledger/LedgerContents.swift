// The ledger's tables as text, a line a row, so that what is there can be compared with what the model says is there.

internal import JobModel

struct LedgerContents: Sendable {
    var rows: [String: String] = [:]

    init() {}

    /// What the tables have to hold.
    init(_ model: LedgerModel) {
        for job in model.jobs.values {
            var words = [
                job.life.state.rawValue, "attempt \(job.life.attempt)", "failures \(job.life.failures)",
                "crashes \(job.life.crashes)", "epoch \(job.life.epoch)",
                "session \(job.session?.description ?? "none")", "reason \(job.reason ?? "none")",
            ]
            if job.due != nil { words.append("due") }
            if job.life.state.isTerminal { words.append("settled") }
            let history = job.history.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            let steps = job.steps.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            words += [history, steps].filter { !$0.isEmpty }.map { $0.joined(separator: ", ") }
            self.rows["job \(job.id)"] = words.joined(separator: " ")
        }
        for (job, tickets) in Dictionary(grouping: model.tickets, by: \.job) {
            let texts = tickets.map { ticket in
                (["ticket"] + [ticket.parkedFamily?.description, ticket.parkedKind?.rawValue].compactMap { $0 })
                    .joined(separator: " ")
            }
            self.rows["tickets of \(job)"] = texts.joined(separator: ", ")
        }
        for (id, session) in model.sessions {
            for (number, jobs) in session.claims {
                self.rows["claim \(number) of \(id)"] = jobs.sorted().map(\.description).joined(separator: " ")
            }
        }
    }

    /// The first difference; nil: there is none.
    static func difference(model: LedgerContents, ledger: LedgerContents) -> String? {
        let names = Set(model.rows.keys).union(ledger.rows.keys)
            .filter { model.rows[$0] != ledger.rows[$0] }.sorted()
        guard let name = names.first else { return nil }
        return """
            \(name)\(names.count > 1 ? " and \(names.count - 1) more" : "")
              the model:  \(model.rows[name] ?? "missing")
              the ledger: \(ledger.rows[name] ?? "missing")
            """
    }
}
