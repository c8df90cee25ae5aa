// What the runner needs of a subject: that it can run the steps of a sequence on a model and on the real thing, and say
// where they differ.

/// Where the model and the real thing differ.
struct Difference: Error, Sendable, CustomStringConvertible {
    let step: Int
    let what: String

    var description: String { "step \(self.step): \(self.what)" }
}

/// A model and its subject, on servers of their own; one sequence at a time.
protocol ModelMachine: Sendable {
    /// `index`, `ledger`
    static var name: String { get }
    /// Steps of a sequence.
    static var length: Int { get }

    /// Runs steps of a sequence from the beginning.
    ///
    /// - Parameters:
    ///   - steps: which; each draws from dice of its own.
    ///   - thoroughly: compares everything after each step, not only now and then.
    ///   - words: if there is a list, each step is told there.
    /// - Returns: the first difference.
    func run(
        seed: UInt64, sequence: Int, steps: [Int], thoroughly: Bool, tally: inout Tally, words: inout [String]?
    ) async throws -> Difference?
}

/// How often what happened.
struct Tally: Sendable {
    private(set) var operations: [String: Int] = [:]
    private(set) var outcomes: [String: Int] = [:]
    var comparisons = 0

    var total: Int { self.operations.values.reduce(0, +) }

    mutating func did(_ operation: String) { self.operations[operation, default: 0] += 1 }

    mutating func saw(_ outcome: String, _ times: Int = 1) {
        if times > 0 { self.outcomes[outcome, default: 0] += times }
    }

    mutating func add(_ other: Tally) {
        self.operations.merge(other.operations, uniquingKeysWith: +)
        self.outcomes.merge(other.outcomes, uniquingKeysWith: +)
        self.comparisons += other.comparisons
    }

    /// `claim 12, push 3`, the most frequent first.
    static func line(_ counts: [String: Int]) -> String {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }
            .joined(separator: ", ")
    }
}
