// `chorewheel jobs retry`: runs dead or cancelled jobs again, with a fresh budget.

import ArgumentParser
import JobModel
import JobQueue

struct JobsRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Run dead or cancelled jobs again, with a fresh budget of attempts.")

    @Argument(help: "The jobs' ids.")
    var ids: [JobID] = []

    @Flag(help: "All dead jobs.")
    var dead = false

    @Option(help: "With --dead: only those of this kind.")
    var kind: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard self.ids.isEmpty == self.dead else {
            throw ValidationError("Name jobs by their ids, or all with --dead.")
        }
        if self.kind != nil, !self.dead { throw ValidationError("--kind goes with --dead.") }
    }

    func run() async throws {
        let kind = try self.kind.map { try JobKind(validating: $0) }
        try await self.common.withStores { context in
            let ledger = context.client.ledger
            guard self.dead else {
                return try await context.forEach(of: self.ids) { id in
                    try await ledger.retry(id)
                    return "retried"
                }
            }
            let ids = try await Self.dead(of: kind, in: ledger)
            guard !ids.isEmpty else {
                return try context.output.show(JobActionOutcome.Document(jobs: []), asText: "no dead jobs\n")
            }
            try await context.forEach(of: ids) { id in
                do {
                    try await ledger.retry(id)
                    return "retried"
                } catch let error as JobQueueError where error.code == .notPossible {
                    // Somebody else was quicker.
                    return "not dead any more"
                }
            }
        }
    }

    /// All dead jobs as they are now, oldest last.
    private static func dead(of kind: JobKind?, in ledger: Ledger) async throws -> [JobID] {
        var ids: [JobID] = []
        var filter = JobFilter(state: .dead, kind: kind, limit: 1000)
        while true {
            let page = try await ledger.jobs(filter)
            ids += page.compactMap { JobID($0.id) }
            guard page.count == filter.limit, let last = page.last else { return ids }
            filter.before = last.seq
        }
    }
}
