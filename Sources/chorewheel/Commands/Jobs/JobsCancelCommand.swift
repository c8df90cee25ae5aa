// `chorewheel jobs cancel`: gives jobs up.

import ArgumentParser
import JobModel
import JobQueue

struct JobsCancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Give jobs up. One that waits is cancelled at once; one that runs is asked to stop.")

    @Argument(help: "The jobs' ids.")
    var ids: [JobID]

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await self.common.withStores { context in
            try await context.forEach(of: self.ids) { try await context.client.ledger.cancel($0).rawValue }
        }
    }
}
