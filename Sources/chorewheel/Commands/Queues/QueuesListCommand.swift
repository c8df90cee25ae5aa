// `chorewheel queues list`: what waits and runs where.

import ArgumentParser
import JobQueue

struct QueuesListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List queues with their durable jobs by state.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await self.common.withStores { context in
            let list = QueueList(queues: try await context.client.ledger.queues())
            try context.output.show(list, asText: list.text)
        }
    }
}

/// All queues, as the HTTP API answers it.
struct QueueList: Encodable {
    let queues: [QueueRecord]

    var text: String {
        guard !self.queues.isEmpty else { return "no queues: no worker has registered a kind yet\n" }
        var table = TextTable(
            "NAME", "STATE", .number("AVAILABLE"), .number("RUNNING"), .number("SCHEDULED"), .number("PARKED"),
            .number("QUARANTINED"), .number("DEAD"), .number("OLDEST"))
        for queue in self.queues {
            table.append([
                queue.name, queue.paused ? "paused" : "open", "\(queue.available)", "\(queue.running)",
                "\(queue.scheduled)", "\(queue.parked)", "\(queue.quarantined)", "\(queue.dead)",
                queue.available > 0 ? Printable.age(milliseconds: queue.oldestMilliseconds) : "-",
            ])
        }
        return table.text
    }
}
