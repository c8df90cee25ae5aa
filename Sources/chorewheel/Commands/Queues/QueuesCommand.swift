// `chorewheel queues`: the group of commands about queues.

import ArgumentParser

struct QueuesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queues", abstract: "List, pause and resume queues; decide of their dead fast jobs.",
        subcommands: [
            QueuesListCommand.self, QueuesPauseCommand.self, QueuesResumeCommand.self, QueuesDeadCommand.self,
        ])
}
