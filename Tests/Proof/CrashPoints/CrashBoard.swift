// What is to be done, by whoever has a stack free, and what has come of it.

internal import Logging
internal import Postgres
internal import Processes
internal import QueueTestSupport
internal import Synchronization
internal import TestSupport

/// Something with points.
enum CrashWork: Sendable {
    case scenario(CrashScenario)
    case door(EnqueueDoor)

    var name: String {
        switch self {
        case .scenario(let scenario): scenario.name
        case .door(let door): door.name
        }
    }
}

final class CrashBoard: Sendable {
    static let modes: [Verdict] = [.dieBefore, .dieAfter, .loseReply]

    /// One run.
    enum Run: Sendable {
        case record(CrashWork)
        case crash(CrashWork, CrashPoint, Verdict, again: Int)
    }

    private struct Tally {
        var points = 0
        var trials = 0
        var failures = 0
        var notReached: [String] = []
        var modes: Set<String> = []
        var took = Duration.zero
    }

    private struct State {
        var runs: [Run]
        /// Recordings under way: they bring more runs.
        var recording = 0
        var tallies: [String: Tally] = [:]
        var kinds: Set<String> = []
        var failures = 0
        var runsDone = 0
    }

    private let names: [String]
    private let point: CrashPoint?
    private let modes: [Verdict]
    private let oneMode: Bool
    private let every: Int
    private let seed: Int
    private let onlyList: Bool
    private let state: Mutex<State>

    /// A worker that has died this often is replaced with growing pauses: its supervisor begins anew before that.
    private static let runsPerSupervisor = 4
    private static let triesMax = 3

    init(
        works: [CrashWork], point: CrashPoint?, modes: [Verdict]?, oneMode: Bool, every: Int, seed: Int, onlyList: Bool
    ) {
        self.names = works.map(\.name)
        self.point = point
        self.modes = modes ?? Self.modes
        self.oneMode = oneMode
        self.every = every
        self.seed = seed
        self.onlyList = onlyList
        self.state = Mutex(State(runs: works.reversed().map { .record($0) }))
    }

    var failures: Int { self.state.withLock { $0.failures } }

    /// Takes a run; nil: there is none, and none will come.
    func next() async throws -> Run? {
        while true {
            let (run, isOver) = self.state.withLock { state -> (Run?, Bool) in
                guard let run = state.runs.popLast() else { return (nil, state.recording == 0) }
                if case .record = run { state.recording += 1 }
                return (run, false)
            }
            if run != nil || isOver { return run }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Works on a new stack until nothing is left, or something went so wrong that the stack cannot be trusted.
    func work(_ first: Run, logger: Logger) async throws {
        try await CrashStack.with(logger: logger) { stack in
            let runner = CrashRunner(stack: stack)
            let current = Mutex<Run?>(first)
            let isSound = Mutex(true)
            while isSound.withLock({ $0 }), current.withLock({ $0 }) != nil {
                try await stack.withWorkers {
                    for _ in 0..<Self.runsPerSupervisor {
                        guard let run = current.withLock({ $0 }) else { return }
                        let held = await self.perform(run, runner)
                        guard held else {
                            isSound.withLock { $0 = false }
                            return
                        }
                        let next = try await self.next()
                        current.withLock { $0 = next }
                    }
                }
            }
            let kinds = try await stack.queue.platform.query("SELECT kind FROM job_kinds").map { try $0.string(at: 0) }
            self.state.withLock { $0.kinds.formUnion(kinds) }
        }
    }

    /// - Returns: Whether the stack is as it was.
    private func perform(_ run: Run, _ runner: CrashRunner) async -> Bool {
        let start = ContinuousClock.now
        switch run {
        case .record(let work):
            defer { self.state.withLock { $0.recording -= 1 } }
            do {
                let points =
                    switch work {
                    case .scenario(let scenario): try await runner.points(of: scenario)
                    case .door(let door): try await runner.points(of: door)
                    }
                self.recorded(points, of: work)
                return true
            } catch {
                self.failed(work.name, "cannot be recorded: \(error)", FileSystem.lastLines(15, of: runner.stack.log))
                return false
            }
        case .crash(let work, let point, let mode, let again):
            do {
                let outcome =
                    switch work {
                    case .scenario(let scenario):
                        try await runner.run(scenario, point, mode)
                    case .door(let door): try await runner.run(door, point, mode)
                    }
                let held = self.ended(work, point, mode, again, outcome, ContinuousClock.now - start)
                if !held { Self.say(FileSystem.lastLines(20, of: runner.stack.log)) }
                return held
            } catch {
                return self.ended(
                    work, point, mode, again, .violated([Violation(invariant: "I8", what: "\(error)")]),
                    ContinuousClock.now - start)
            }
        }
    }

    private func recorded(_ points: [CrashPoint], of work: CrashWork) {
        if self.onlyList { Self.say("\(work.name):\n" + points.map { "  \($0)" }.joined(separator: "\n")) }
        let sample = points.enumerated().filter { ($0.offset + self.seed).isMultiple(of: self.every) }.map(\.element)
        let wanted = self.point.map { [$0] } ?? sample
        self.state.withLock { state in
            state.tallies[work.name, default: Tally()].points = wanted.count
            guard !self.onlyList else { return }
            var runs: [Run] = []
            for (index, point) in wanted.enumerated() {
                // So that n seeds in a row go through the points, and three times as many through all faults.
                let mode = (index + self.seed / self.every) % self.modes.count
                let modes = self.oneMode ? [self.modes[mode]] : self.modes
                runs += modes.map { .crash(work, point, $0, again: 0) }
            }
            // Recordings first, so that the work is known and spread; within a handler in order.
            state.runs.insert(contentsOf: runs.reversed(), at: 0)
        }
    }

    private func ended(
        _ work: CrashWork, _ point: CrashPoint, _ mode: Verdict, _ again: Int, _ outcome: CrashOutcome, _ took: Duration
    ) -> Bool {
        self.state.withLock { state in
            state.tallies[work.name, default: Tally()].took += took
            switch outcome {
            case .notReached where again + 1 < Self.triesMax:
                state.runs.append(.crash(work, point, mode, again: again + 1))
                return
            case .notReached: state.tallies[work.name]?.notReached.append("\(point) \(mode.rawValue)")
            case .held, .violated: state.tallies[work.name]?.trials += 1
            }
            state.runsDone += 1
            state.tallies[work.name]?.modes.insert(mode.rawValue)
        }
        let (done, left) = self.state.withLock { ($0.runsDone, $0.runs.count) }
        if done.isMultiple(of: 100) { Self.say("  \(done) runs, \(left) to come") }
        guard case .violated(let violations) = outcome else { return true }
        let again = "--handler '\(work.name)' --point '\(point)' --mode \(mode.rawValue)"
        self.failed(
            work.name, "\(point), \(mode.rawValue):\n" + violations.map { "    \($0)" }.joined(separator: "\n"),
            "again: make crash-points ARGS=\"\(again)\"")
        return false
    }

    private func failed(_ name: String, _ what: String, _ hint: String) {
        self.state.withLock { state in
            state.failures += 1
            state.tallies[name, default: Tally()].failures += 1
        }
        Self.say("FAILED \(name) at \(what)\n    \(hint)")
    }

    /// Written at once, also into a pipe: a run takes minutes.
    static func say(_ line: String) { _ = FileSystem.writeAll(Array("\(line)\n".utf8), to: 1) }

    /// A kind that a worker registers and no scenario crashes is a gap.
    func requireAllKinds() {
        let covered = Set(CrashScenario.all.map(\.kind))
        for kind in self.state.withLock({ $0.kinds }).subtracting(covered).sorted() {
            self.failed(kind, "nothing: no scenario of crash-points covers it", "add one")
        }
    }

    func report(took: Duration) {
        let (tallies, failures) = self.state.withLock { ($0.tallies, $0.failures) }
        var (points, trials, notReached) = (0, 0, 0)
        for name in self.names {
            guard let tally = tallies[name] else { continue }
            points += tally.points
            trials += tally.trials
            notReached += tally.notReached.count
            let padded = name + String(repeating: " ", count: max(1, 34 - name.count))
            Self.say(
                "\(padded)\(tally.points) points × \(tally.modes.count) modes, \(tally.trials) trials, "
                    + "\(tally.failures) failures, \(tally.notReached.count) not reached, "
                    + "\(tally.took.components.seconds) s")
            for one in tally.notReached { Self.say("    not reached: \(one)") }
        }
        Self.say(
            "crash-points: \(tallies.count) handlers, \(points) points, \(trials) trials, \(notReached) not reached, "
                + "\(failures) failures, \(took.components.seconds) s")
    }
}
