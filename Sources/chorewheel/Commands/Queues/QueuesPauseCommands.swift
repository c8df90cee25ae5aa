// `chorewheel queues pause` and `resume`: holds a queue, also over an emptied Redis, and lets it go on. One act with
// two names.

import ArgumentParser
import JobModel
import JobQueue

struct QueuesPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop workers from claiming from a queue; what runs goes on.")

    @OptionGroup var queue: QueuePausing

    func run() async throws { try await self.queue.set(paused: true) }
}

struct QueuesResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let workers claim from a queue again.")

    @OptionGroup var queue: QueuePausing

    func run() async throws { try await self.queue.set(paused: false) }
}

/// What both take and do.
struct QueuePausing: ParsableArguments {
    @Argument(help: "The queue's name, as chorewheel queues list has it.")
    var name: String

    @OptionGroup var common: CommonOptions

    /// - Throws: `JobQueueError(.notFound)`, naming the queues that there are.
    func set(paused: Bool) async throws {
        let queue = try QueueName(validating: self.name)
        try await self.common.withStores { context in
            if paused {
                try await context.client.pause(queue)
            } else {
                try await context.client.resume(queue)
            }
            try context.output.show(
                PausedQueue(name: queue.rawValue, paused: paused),
                asText: "\(paused ? "paused" : "resumed"): \(queue)\n")
        }
    }
}

/// Whether a queue is paused, as the HTTP API answers it.
private struct PausedQueue: Encodable {
    let name: String
    let paused: Bool
}
