// `chorewheel queues pause`: holds a queue, also over an emptied Redis.

import ArgumentParser
import JobModel
import JobQueue

struct QueuesPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop workers from claiming from a queue; what runs goes on.")

    @Argument(help: "The queue's name; no job need have come to it yet.")
    var name: String

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let queue = try QueueName(validating: self.name)
        try await self.common.withStores { context in
            try await context.client.pause(queue)
            try context.output.show(PausedQueue(name: queue.rawValue, paused: true), asText: "paused: \(queue)\n")
        }
    }
}

/// Whether a queue is paused, as the HTTP API answers it.
struct PausedQueue: Encodable {
    let name: String
    let paused: Bool
}
