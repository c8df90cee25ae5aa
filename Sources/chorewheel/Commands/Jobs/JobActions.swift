// One action on many jobs: each is tried, each has its outcome, and the exit code is that of the first refusal.

import JobModel
import JobQueue

/// What asking for something did to one job.
struct JobActionOutcome: Encodable {
    let id: JobID
    /// What was done, or `refused`.
    let outcome: String
    /// Why it was refused.
    let error: String?

    struct Document: Encodable { let jobs: [JobActionOutcome] }
}

extension CommandContext {
    /// Acts on each job in turn. A refusal of one does not stop the others; anything else (a server that went away)
    /// does, and is told after the outcomes so far.
    ///
    /// - Throws: `CommandFailure` of the first refusal, after the outcomes were shown.
    func forEach(of ids: [JobID], _ act: (JobID) async throws -> String) async throws {
        var outcomes: [JobActionOutcome] = []
        var first: CommandFailure?
        for id in ids {
            do {
                outcomes.append(JobActionOutcome(id: id, outcome: try await act(id), error: nil))
            } catch {
                let failure = CommandFailure(error)
                first = first ?? failure
                outcomes.append(JobActionOutcome(id: id, outcome: "refused", error: failure.description))
                guard failure.exit == .data || failure.exit == .notFound else {
                    first = failure
                    break
                }
            }
        }
        var table = TextTable("ID", "OUTCOME", "WHY")
        for outcome in outcomes { table.append([outcome.id.description, outcome.outcome, outcome.error]) }
        try self.output.show(JobActionOutcome.Document(jobs: outcomes), asText: table.text)
        guard let first else { return }
        let refused = outcomes.count { $0.error != nil }
        throw refused == 1 && ids.count == 1
            ? first : CommandFailure(first.exit, "\(refused) of \(ids.count) were refused; the first: \(first)")
    }
}
