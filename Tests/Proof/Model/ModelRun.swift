// Runs sequences side by side until so many operations are done or a difference is found; shrinks that.

internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// One run.
struct ModelRun: Sendable {
    enum Subject: String, Sendable, CaseIterable {
        case index, ledger
    }

    /// A sequence that failed, and what is left of it.
    private struct Failure: Error, Sendable {
        var subject: String
        var sequence: Int
        var first: Difference
        var shrunk: [Int]
        var words: [String]
        var last: Difference
    }

    /// One operation of so many is the ledger's: PostgreSQL takes about ten times as long.
    private static let ledgerShare = 25

    let seed: UInt64
    let lanes: Int

    /// Runs sequences until so many operations are done. - Returns: Whether no difference was found.
    func search(operations: Int, subject: Subject?) async throws -> Bool {
        Self.say("model: seed \(self.seed), \(operations) operations")
        let started = ContinuousClock.now
        var (index, ledger) = (operations - operations / Self.ledgerShare, operations / Self.ledgerShare)
        if let subject { (index, ledger) = subject == .index ? (operations, 0) : (0, operations) }
        let servers = try await ModelServers.start()
        let tallies: [String: Tally]
        do {
            tallies = try await self.searchAll(servers, index: index, ledger: ledger)
        } catch let failure as Failure {
            self.tell(failure)
            await servers.stop()
            return false
        }
        await servers.stop()
        for (subject, tally) in tallies.sorted(by: { $0.key < $1.key }) {
            Self.say("\(subject): \(tally.total) operations: \(Tally.line(tally.operations))")
            Self.say("\(subject): everything compared \(tally.comparisons) times; \(Tally.line(tally.outcomes))")
        }
        let total = tallies.values.reduce(0) { $0 + $1.total }
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        Self.say("model: seed \(self.seed), \(total) operations in \(Int(seconds.rounded())) s, 0 differences")
        return true
    }

    private func searchAll(
        _ servers: ModelServers, index: Int, ledger: Int
    ) async throws -> [String: Tally] {
        let next = [Subject.index: Counter(), .ledger: Counter()]
        return try await withThrowingTaskGroup(of: (String, Tally).self) { group in
            for lane in 0..<self.lanes where index > 0 {
                group.addTask {
                    try await servers.withIndex(lane: lane) { machine in
                        try await withTaskExecutorPreference(machine.executor) {
                            (IndexMachine.name, try await self.search(machine, index, next[.index]))
                        }
                    }
                }
            }
            if ledger > 0 {
                group.addTask {
                    try await servers.withLedger { machine in
                        (LedgerMachine.name, try await self.search(machine, ledger, next[.ledger]))
                    }
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0, default: Tally()].add($1.1) }
        }
    }

    /// Counts sequences up, for several lanes.
    private final class Counter: Sendable {
        private let value = Atomic(0)

        func next() -> Int { self.value.add(1, ordering: .relaxed).oldValue }
    }

    /// One lane: the next sequence, until enough are done.
    private func search<Machine: ModelMachine>(
        _ machine: Machine, _ operations: Int, _ next: Counter?
    ) async throws -> Tally {
        var tally = Tally()
        var none: [String]?
        while let sequence = next?.next(), sequence * Machine.length < operations {
            let steps = Array(0..<min(Machine.length, operations - sequence * Machine.length))
            let difference = try await machine.run(
                seed: self.seed, sequence: sequence, steps: steps, thoroughly: false, tally: &tally, words: &none)
            if let difference { throw try await self.shrink(machine, sequence, steps, difference) }
        }
        return tally
    }

    private func shrink<Machine: ModelMachine>(
        _ machine: Machine, _ sequence: Int, _ steps: [Int], _ difference: Difference
    ) async throws -> Failure {
        Self.say("\(Machine.name): a difference in sequence \(sequence), \(difference)")
        Self.say("\(Machine.name): shrinking \(difference.step + 1) steps")
        func run(_ steps: [Int], _ words: inout [String]?) async throws -> Difference? {
            var tally = Tally()
            return try await machine.run(
                seed: self.seed, sequence: sequence, steps: steps, thoroughly: true, tally: &tally, words: &words)
        }
        let failing = steps.filter { $0 <= difference.step }
        var unheard: [String]?
        guard try await run(failing, &unheard) != nil else {
            throw ProofFailure("\(Machine.name): sequence \(sequence) differs, and then it does not: \(difference)")
        }
        let shrunk = try await Shrinker.shrink(failing) { steps in
            var none: [String]?
            return try await run(steps, &none) != nil
        }
        var words: [String]? = []
        guard let last = try await run(shrunk, &words) else {
            throw ProofFailure("sequence \(sequence) fails, and then it does not: \(difference)")
        }
        return Failure(
            subject: Machine.name, sequence: sequence, first: difference, shrunk: shrunk, words: words ?? [], last: last
        )
    }

    private func tell(_ failure: Failure) {
        Self.say("\nThe shortest list of steps found that still differs:\n")
        for word in failure.words { Self.say(word) }
        let steps = failure.shrunk.map(String.init).joined(separator: ",")
        Self.say(
            """

            \(failure.last)

            model: seed \(self.seed), \(failure.subject) sequence \(failure.sequence), step \(failure.first.step): \
            DIFFERENT; \(failure.shrunk.count) steps are enough. Again:
              chorewheel-proof model --seed \(self.seed) --subject \(failure.subject) \
            --sequence \(failure.sequence) --steps \(steps)
            """)
    }

    /// Runs one sequence, or some of its steps, and tells each. - Returns: Whether there is no difference.
    func replay(_ subject: Subject, sequence: Int, steps: [Int]?) async throws -> Bool {
        let servers = try await ModelServers.start()
        let isEqual =
            switch subject {
            case .index: try await servers.withIndex(lane: 0) { try await self.replay($0, sequence, steps) }
            case .ledger: try await servers.withLedger { try await self.replay($0, sequence, steps) }
            }
        await servers.stop()
        return isEqual
    }

    private func replay<Machine: ModelMachine>(
        _ machine: Machine, _ sequence: Int, _ steps: [Int]?
    ) async throws -> Bool {
        var tally = Tally()
        var words: [String]? = []
        let difference = try await machine.run(
            seed: self.seed, sequence: sequence, steps: steps ?? Array(0..<Machine.length), thoroughly: true,
            tally: &tally, words: &words)
        for word in words ?? [] { Self.say(word) }
        Self.say(difference.map { "\n\($0)" } ?? "\nmodel: \(tally.total) operations, 0 differences")
        return difference == nil
    }

    private static func say(_ text: String) {
        print(text)
        fflush(nil)
    }
}
