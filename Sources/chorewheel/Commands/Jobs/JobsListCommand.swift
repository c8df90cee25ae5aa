// `chorewheel jobs list`: the newest jobs, a page at a time.

import ArgumentParser
import JobModel
import JobQueue
import Tenancy

struct JobsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List durable jobs, newest first.")

    @Option(help: "Only jobs in this state.")
    var state: JobState?

    @Option(help: "Only jobs of this kind.")
    var kind: String?

    @Option(help: "Only jobs of this queue.")
    var queue: String?

    @Option(help: ArgumentHelp("Only jobs of this family.", valueName: "slug or id"))
    var family: String?

    @Option(help: "How many at most, 1 to 1000.")
    var limit = 50

    @Option(help: ArgumentHelp("Only jobs before this seq: the next page.", valueName: "seq"))
    var before: Int?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (1...1000).contains(self.limit) else { throw ValidationError("--limit must be 1 to 1000.") }
    }

    func run() async throws {
        var filter = JobFilter(state: self.state, before: self.before, limit: self.limit)
        filter.kind = try self.kind.map { try JobKind(validating: $0) }
        filter.queue = try self.queue.map { try QueueName(validating: $0) }
        try await self.common.withStores { context in
            if let family = self.family { filter.family = try await context.family(family).id }
            let jobs = try await context.client.ledger.jobs(filter)
            let page = JobPage(jobs: jobs, before: jobs.count == filter.limit ? jobs.last?.seq : nil)
            try context.output.show(page, asText: page.text)
        }
    }
}

/// A page of jobs, as the HTTP API answers it.
struct JobPage: Encodable {
    let jobs: [JobRecord]
    /// The `before` of the next page; absent on the last.
    let before: Int?

    var text: String {
        guard !self.jobs.isEmpty else { return "no jobs\n" }
        var table = TextTable(
            "ID", "KIND", "QUEUE", "TARGET", "STATE", .number("ATTEMPT"), .number("FAILED"), .number("CRASHED"),
            "ENQUEUED", "REASON")
        for job in self.jobs {
            table.append([
                job.id, job.kind, job.queue, job.familyID ?? "platform", job.state, "\(job.attempt)",
                "\(job.failures)", "\(job.crashes)", job.enqueuedAt, job.reason,
            ])
        }
        return table.text + (self.before.map { "older ones: --before \($0)\n" } ?? "")
    }
}
