// `chorewheel queues dead`: the group of commands about dead fast jobs.

import ArgumentParser

struct QueuesDeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead", abstract: "List, retry and discard a queue's dead fast jobs.",
        discussion: """
            Redis alone has them, the newest 10,000 of each queue. Dead durable jobs are in the ledger: \
            chorewheel jobs list --state dead.
            """,
        subcommands: [QueuesDeadListCommand.self, QueuesDeadRetryCommand.self, QueuesDeadDiscardCommand.self])
}
