// `chorewheel workers list`: who is alive, and who was within the last hour.

import ArgumentParser
import JobQueue

struct WorkersListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List worker sessions that live, or ended in the last hour.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await self.common.withStores { context in
            let list = WorkerList(workers: try await context.client.ledger.sessions())
            try context.output.show(list, asText: list.text)
        }
    }
}

/// All sessions, as the HTTP API answers it.
struct WorkerList: Encodable {
    let workers: [SessionRecord]

    var text: String {
        guard !self.workers.isEmpty else { return "no workers: start one with chorewheel work\n" }
        var table = TextTable(
            "SESSION", "HOST", .number("PID"), "VERSION", "STATE", .number("BEAT"), .number("RUNNING"),
            .number("SLOTS"), "QUEUES", "STARTED")
        for worker in self.workers {
            table.append([
                worker.id, worker.host, "\(worker.pid)", worker.version,
                worker.endReason ?? (worker.isQuiet ? "quiet" : "alive"),
                Printable.age(milliseconds: worker.beatAgeMilliseconds), "\(worker.running)",
                "\(worker.concurrency)", worker.queues.joined(separator: ","), worker.startedAt,
            ])
        }
        return table.text
    }
}
