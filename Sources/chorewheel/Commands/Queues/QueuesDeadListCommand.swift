// `chorewheel queues dead list`: a queue's dead fast jobs, a page at a time.

import ArgumentParser
import ControlPlane
import JobModel
import JobQueue

struct QueuesDeadListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List a queue's dead fast jobs, newest first; with --json also their payloads.")

    @Argument(help: "The queue's name, as chorewheel queues list has it.")
    var name: String

    @Option(help: "How many at most, 1 to 100.")
    var limit = DeadFastJobPage.defaultLimit

    @Option(help: ArgumentHelp("Leave out this many newer ones: the next page.", valueName: "number"))
    var offset = 0

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard DeadFastJobPage.limits.contains(self.limit) else { throw ValidationError("--limit must be 1 to 100.") }
        guard (0...JobLimits.deadFastJobsMax).contains(self.offset) else {
            throw ValidationError("--offset must be 0 to \(JobLimits.deadFastJobsMax).")
        }
    }

    func run() async throws {
        let queue = try QueueName(validating: self.name)
        try await self.common.withStores { context in
            let page = try await context.client.deadFastJobs(of: queue, from: self.offset, limit: self.limit)
            try context.output.show(page, asText: page.text)
        }
    }
}

extension DeadFastJobPage {
    /// For people. What is not known of an entry that cannot be read is left empty.
    fileprivate var text: String {
        guard !self.jobs.isEmpty else { return "no dead fast jobs\n" }
        var table = TextTable(
            "ID", "KIND", "TARGET", "DIED", .number("FAILED"), .number("CRASHED"), "REASON", "ERROR")
        for job in self.jobs {
            table.append([
                job.id, job.kind, job.familyID ?? job.kind.map { _ in "platform" },
                job.diedAt, job.failures.map(String.init),
                job.crashes.map(String.init), job.reason, job.error?.message,
            ])
        }
        return table.text + (self.offset.map { "older ones: --offset \($0)\n" } ?? "")
    }
}
