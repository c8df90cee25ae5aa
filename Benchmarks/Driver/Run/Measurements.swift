// What came of a workload's runs, and what can be said of it: medians, ranges, ratios, and whether targets are met.

/// One program's runs.
struct SubjectRuns: Codable, Sendable {
    let name: String
    let role: Subject.Role
    /// Which of ours it is compared with; nil: the first.
    let comparedWith: String?
    var results: [[String: Figure]] = []
    /// Why runs have no result.
    var failures: [String] = []

    init(_ subject: Subject) {
        self.name = subject.name
        self.role = subject.role
        self.comparedWith = subject.comparedWith
    }

    /// Ascending; empty when the program does not tell it.
    func values(_ metric: Metric) -> [Double] { self.results.compactMap { $0[metric.key]?.number }.sorted() }

    /// The middle value, or the mean of the two in the middle.
    func median(_ metric: Metric) -> Double? {
        let values = self.values(metric)
        guard !values.isEmpty else { return nil }
        let middle = values.count / 2
        return values.count.isMultiple(of: 2) ? (values[middle - 1] + values[middle]) / 2 : values[middle]
    }

    func text(_ key: String) -> String? { self.results.last?[key]?.text }

    enum CodingKeys: String, CodingKey {
        case name, role, results, failures
        case comparedWith = "compared_with"
    }
}

/// What a target came to.
struct Verdict: Codable, Sendable {
    let target: String
    /// nil: not measured.
    let isMet: Bool?
    /// `met by 27 %`, `short by 12 %`, `not measured`.
    let finding: String

    enum CodingKeys: String, CodingKey {
        case target, finding
        case isMet = "is_met"
    }
}

/// One workload's runs.
struct WorkloadRuns: Sendable {
    let workload: Workload
    var subjects: [SubjectRuns]

    init(_ workload: Workload, subjects: [Subject]) {
        self.workload = workload
        self.subjects = subjects.map { SubjectRuns($0) }
    }

    func subject(_ name: String) -> SubjectRuns? { self.subjects.first { $0.name == name } }

    /// The one that the others are compared with.
    var ours: SubjectRuns? { self.subjects.first { $0.role == .ours } }

    var failures: [String] { self.subjects.flatMap { subject in subject.failures.map { "\(subject.name): \($0)" } } }

    var verdicts: [Verdict] { self.workload.targets.map { self.judge($0) } }

    private func judge(_ target: Target) -> Verdict {
        let subject = target.subject.flatMap { self.subject($0) } ?? self.ours
        guard let value = subject?.median(target.metric), let base = self.base(of: target), base > 0 else {
            return Verdict(target: target.text, isMet: nil, finding: "not measured in this run")
        }
        let limit = target.factor * base
        let high = target.metric.isBetterHigh
        let isMet = high ? value >= limit : value <= limit
        let distance = numberText(abs(value - limit) / limit * 100, digits: 1)
        let digits = target.metric.digits
        let figures = "\(numberText(value, digits: digits)), limit \(numberText(limit, digits: digits))"
        return Verdict(
            target: target.text, isMet: isMet,
            finding: isMet ? "met by \(distance) % (\(figures))" : "short by \(distance) % (\(figures))")
    }

    private func base(of target: Target) -> Double? {
        switch target.base {
        case .number: 1
        case .floor: self.subjects.first { $0.role == .floor }?.median(target.metric)
        case .fastestPeer: self.fastestPeer(target.metric)
        case .subject(let name, let otherwise): self.subject(name)?.median(target.metric) ?? otherwise
        }
    }

    private func fastestPeer(_ metric: Metric) -> Double? {
        let medians = self.subjects.filter { $0.role == .peer }.compactMap { $0.median(metric) }
        return metric.isBetterHigh ? medians.max() : medians.min()
    }
}
