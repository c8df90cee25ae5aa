// `chorewheel queues dead retry` and `discard`: what becomes of dead fast jobs. One choice with two names.

import ArgumentParser
import ControlPlane
import JobModel
import JobQueue

struct QueuesDeadRetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Run dead fast jobs again, with a fresh budget of attempts.")

    @OptionGroup var jobs: DeadFastJobsChoice

    func run() async throws { try await self.jobs.decide(.retry, outcome: "retried") }
}

struct QueuesDeadDiscardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard", abstract: "Throw dead fast jobs away, with their payloads.")

    @OptionGroup var jobs: DeadFastJobsChoice

    func run() async throws { try await self.jobs.decide(.discard, outcome: "discarded") }
}

/// What both take and do.
struct DeadFastJobsChoice: ParsableArguments {
    @Argument(help: "The queue's name, as chorewheel queues list has it.")
    var name: String

    @Argument(help: "The jobs' ids.")
    var ids: [JobID] = []

    @Flag(help: "All that are dead when the command starts.")
    var all = false

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard self.ids.isEmpty == self.all else { throw ValidationError("Name jobs by their ids, or all with --all.") }
    }

    /// - Throws: `JobQueueError(.notFound)` for an unknown queue; `CommandFailure` of the first job that is not dead.
    func decide(_ decision: DeadDecision, outcome: String) async throws {
        let queue = try QueueName(validating: self.name)
        try await self.common.withStores { context in
            guard self.all else {
                return try await context.forEach(of: self.ids) { id in
                    try await context.client.decide(decision, of: id, in: queue)
                    return outcome
                }
            }
            // Once: a retried job that dies again at once is not retried for ever.
            let ids = try await context.client.allDeadFastJobs(of: queue)
            guard !ids.isEmpty else {
                return try context.output.show(JobActionOutcome.Document(jobs: []), asText: "no dead fast jobs\n")
            }
            try await context.forEach(of: ids) { id in
                do {
                    try await context.client.decide(decision, of: id, in: queue)
                    return outcome
                } catch let error as JobQueueError where error.code == .notFound {
                    // Somebody else was quicker.
                    return "not dead any more"
                }
            }
        }
    }
}
