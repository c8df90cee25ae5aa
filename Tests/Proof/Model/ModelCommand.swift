// `chorewheel-proof model`: the Lua scripts, and the ledger's SQL, against pure models, on random sequences of
// operations.

internal import ArgumentParser

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Holds the Lua scripts and the ledger against pure models, on random sequences of operations.",
        discussion: """
            The same seed gives the same operations, however many run at once. At a difference the sequence is shrunk, \
            told in words, and the command is told that runs it again.
            """)

    @Option(help: "How many operations, of both subjects together.") var operations = 1_000_000
    @Option(help: "What all random numbers come from; a new one if none is given.") var seed: UInt64?
    @Option(help: "Runs this one sequence and tells each step.") var sequence: Int?
    @Option(help: "Of that sequence only these steps: 3,7,12.") var steps: String?
    @Option(help: "Only this subject: index (Redis) or ledger (PostgreSQL).") var subject: ModelRun.Subject?
    @Option(help: "How many Redis servers at once.") var lanes = 3

    func validate() throws {
        guard self.operations > 0, self.lanes > 0 else { throw ValidationError("the numbers must be positive") }
        guard self.sequence == nil || (self.seed != nil && self.subject != nil) else {
            throw ValidationError("a sequence is one of a seed and a subject: give --seed and --subject, too")
        }
    }

    func run() async throws {
        let run = ModelRun(seed: self.seed ?? .random(in: 0 ... .max >> 1), lanes: self.lanes)
        let steps = self.steps.map { $0.split(separator: ",").compactMap { Int($0) } }
        let isEqual =
            if let sequence = self.sequence, let subject = self.subject {
                try await run.replay(subject, sequence: sequence, steps: steps)
            } else {
                try await run.search(operations: self.operations, subject: self.subject)
            }
        if !isEqual { throw ExitCode.failure }
    }
}

extension ModelRun.Subject: ExpressibleByArgument {}
