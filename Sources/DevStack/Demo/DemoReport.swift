// What happened: values, which encode as the JSON of `--json`. How people read it is in DemoReport+Text.

/// The result of a demonstration.
public struct DemoReport: Sendable, Encodable {
    /// A step of the story.
    public struct Step: Sendable, Encodable {
        public let name: String
        public let items: Int
        public let unit: String
        public let totalMilliseconds: Int
        /// Of one item; nil when none was timed.
        public let medianMilliseconds: Int?
        public let longestMilliseconds: Int?
        /// Handler runs. Those that ended in a crash are in `crashes` instead.
        public let attempts: Int
        public let failures: Int
        public let crashes: Int
        /// From the kill until the first of the killed worker's jobs ran again; nil when nothing was killed.
        public let recoveryMilliseconds: Int?

        private enum CodingKeys: String, CodingKey {
            case name, items, unit
            case totalMilliseconds = "total_ms"
            case medianMilliseconds = "p50_ms"
            case longestMilliseconds = "max_ms"
            case attempts, failures, crashes
            case recoveryMilliseconds = "recovery_ms"
        }
    }

    /// A family's way from the accepted sign-up to its database.
    public struct Family: Sendable, Encodable {
        public let slug: String
        /// From the 202 until it was seen as a trial.
        public let milliseconds: Int
        public let attempts: Int
        public let failures: Int
        public let crashes: Int

        private enum CodingKeys: String, CodingKey {
            case slug
            case milliseconds = "ready_ms"
            case attempts, failures, crashes
        }
    }

    /// Something that must be true.
    public struct Check: Sendable, Encodable {
        public let name: String
        public let passed: Bool
        /// What was found: figures when it passed, what is wrong when not.
        public let detail: String?
    }

    public let seed: UInt64
    public internal(set) var steps: [Step] = []
    public internal(set) var families: [Family] = []
    public internal(set) var checks: [Check] = []
    public internal(set) var totalMilliseconds = 0
    /// The state directory, when it was kept.
    public internal(set) var directory: String?

    /// Whether there were checks and none failed.
    public var passed: Bool { !self.checks.isEmpty && self.checks.allSatisfy(\.passed) }

    init(seed: UInt64) { self.seed = seed }

    private enum CodingKeys: String, CodingKey {
        case passed, seed, steps, families, checks, directory
        case totalMilliseconds = "total_ms"
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.passed, forKey: .passed)
        try container.encode(self.seed, forKey: .seed)
        try container.encode(self.totalMilliseconds, forKey: .totalMilliseconds)
        try container.encode(self.steps, forKey: .steps)
        try container.encode(self.families, forKey: .families)
        try container.encode(self.checks, forKey: .checks)
        try container.encodeIfPresent(self.directory, forKey: .directory)
    }
}

extension DemoReport.Step {
    /// A step whose items took these times, in milliseconds.
    init(
        name: String, items: Int, unit: String, total: Duration, times: [Int], attempts: Int, failures: Int,
        crashes: Int, recoveryMilliseconds: Int? = nil
    ) {
        let sorted = times.sorted()
        self.init(
            name: name, items: items, unit: unit, totalMilliseconds: total.inMillisecondsRounded,
            medianMilliseconds: sorted.isEmpty ? nil : sorted[(sorted.count - 1) / 2],
            longestMilliseconds: sorted.last, attempts: attempts, failures: failures, crashes: crashes,
            recoveryMilliseconds: recoveryMilliseconds)
    }

    /// A step that was done by jobs.
    init(_ name: String, items: Int, unit: String, total: Duration, jobs: [JobFigures]) {
        self.init(
            name: name, items: items, unit: unit, total: total, times: jobs.compactMap(\.milliseconds),
            attempts: jobs.map(\.attempts).reduce(0, +), failures: jobs.map(\.failures).reduce(0, +),
            crashes: jobs.map(\.crashes).reduce(0, +))
    }
}

extension Duration {
    var inMillisecondsRounded: Int { Int((self / .milliseconds(1)).rounded()) }

    /// `850 ms`, `12.3 s`
    var shown: String { showMilliseconds(self.inMillisecondsRounded) }
}

/// `850 ms`, `12.3 s`
func showMilliseconds(_ milliseconds: Int) -> String {
    guard milliseconds >= 1000 else { return "\(milliseconds) ms" }
    let tenths = (milliseconds + 50) / 100
    return "\(tenths / 10).\(tenths % 10) s"
}
