// `chorewheel-proof crash-points`: the points of each handler are recorded in a run without faults; then at each point
// the worker dies before, dies after, and loses the reply, a run each. The oracle and the scenarios judge.

internal import ArgumentParser
internal import Logging
internal import QueueTestSupport
internal import Synchronization

struct CrashPointsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash-points", abstract: "Dies before, dies after and loses the reply of every store call.",
        discussion: """
            The whole takes long; --every 4 --one-mode is a twelfth of it, another with each seed.
            """)

    @Option(help: "Only scenarios whose name begins so.")
    var handler: String?

    @Option(help: "Only this point, as platform/begin_jobs#1.")
    var point: String?

    @Option(help: "Only this fault: die-before, die-after or lose-reply.")
    var mode: String?

    @Flag(name: .customLong("one-mode"), help: "One fault a point, chosen by the seed.")
    var oneMode = false

    @Option(help: "Only every nth point, from one that the seed chooses: n seeds in a row have them all.")
    var every = 1

    @Option(help: "For --one-mode and --every. Default: at random, and printed.")
    var seed: Int?

    @Option(help: "Stacks side by side, 1 to 8.")
    var stacks = 4

    @Flag(help: "Print the points and run no fault.")
    var list = false

    func validate() throws {
        guard (1...8).contains(self.stacks) else { throw ValidationError("--stacks must be 1 to 8.") }
        if let point, CrashPoint(point) == nil { throw ValidationError("--point must be as platform/begin_jobs#1.") }
        if let mode, !CrashBoard.modes.contains(where: { $0.rawValue == mode }) {
            throw ValidationError("--mode must be die-before, die-after or lose-reply.")
        }
    }

    func run() async throws {
        var logger = Logger(label: "crash-points")
        logger.logLevel = .warning
        guard self.every > 0 else { throw ValidationError("--every must be at least 1.") }
        let seed = self.seed ?? Int.random(in: 0..<1000)
        CrashBoard.say("crash-points: seed \(seed), \(self.stacks) stacks")
        let scenarios = CrashScenario.all.filter { self.handler.map($0.name.hasPrefix) ?? true }.map(CrashWork.scenario)
        let doors = EnqueueDoor.all.filter { self.handler.map($0.name.hasPrefix) ?? true }.map(CrashWork.door)
        guard !(scenarios + doors).isEmpty else { throw ProofFailure("there is no such handler") }
        let board = CrashBoard(
            works: scenarios + doors, point: self.point.flatMap { CrashPoint($0) },
            modes: self.mode.flatMap { Verdict(rawValue: $0) }.map { [$0] }, oneMode: self.oneMode, every: self.every,
            seed: seed, onlyList: self.list)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<self.stacks {
                group.addTask { [logger] in
                    while let first = try await board.next() { try await board.work(first, logger: logger) }
                }
            }
            try await group.waitForAll()
        }
        if self.handler == nil { board.requireAllKinds() }
        board.report(took: ContinuousClock.now - start)
        if board.failures > 0 { throw ExitCode(1) }
    }
}
