// `chorewheel queues resume`: lets a paused queue go on.

import ArgumentParser
import JobModel
import JobQueue

struct QueuesResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let workers claim from a queue again.")

    @Argument(help: "The queue's name; no job need have come to it yet.")
    var name: String

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let queue = try QueueName(validating: self.name)
        try await self.common.withStores { context in
            try await context.client.resume(queue)
            try context.output.show(PausedQueue(name: queue.rawValue, paused: false), asText: "resumed: \(queue)\n")
        }
    }
}
