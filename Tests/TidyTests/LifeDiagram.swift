// The diagram of a job's life, read from Mermaid; and the same diagram, walked out of JobLife.

import JobModel

/// The arrows of a state diagram.
struct LifeDiagram: Hashable, Sendable {
    struct Arrow: Hashable, Sendable, CustomStringConvertible {
        let from: String
        let to: String
        let event: String

        var description: String { "\(self.from) --> \(self.to) : \(self.event)" }
    }

    /// Where a diagram begins and ends.
    static let outside = "[*]"

    var arrows: Set<Arrow>

    /// The first `stateDiagram-v2` of a document.
    init(markdown text: String) {
        let block = text.split(separator: "stateDiagram-v2", maxSplits: 1).dropFirst().first ?? ""
        let lines = block.split(separator: "```", maxSplits: 1).first ?? ""
        self.arrows = Set(
            lines.split(separator: "\n").compactMap { line in
                guard let match = line.firstMatch(of: /^\s*(\S+) --> (\S+)(?: : (.+))?$/) else { return nil }
                return Arrow(from: "\(match.1)", to: "\(match.2)", event: "\(match.3 ?? "")")
            })
    }

    /// What `JobLife` allows: every state, every event, with and without a crash to spare.
    static func walked() -> LifeDiagram {
        var arrows: Set<Arrow> = []
        for state in JobState.allCases {
            for kind in EventKind.allCases {
                for crashes in [0, JobLimits.crashesMax] {
                    let life = JobLife(state: state, attempt: 1, failures: 0, crashes: crashes, epoch: 1)
                    do {
                        let next = try life.after(kind.event)
                        arrows.insert(Arrow(from: state.rawValue, to: next.state.rawValue, event: kind.rawValue))
                    } catch {
                        // A refusal: the diagram has no arrow.
                    }
                }
            }
            if state.isTerminal { arrows.insert(Arrow(from: state.rawValue, to: Self.outside, event: "")) }
        }
        arrows.insert(Arrow(from: Self.outside, to: JobState.available.rawValue, event: "enqueue"))
        arrows.insert(Arrow(from: Self.outside, to: JobState.scheduled.rawValue, event: "enqueue for later"))
        return LifeDiagram(arrows: arrows)
    }

    private init(arrows: Set<Arrow>) { self.arrows = arrows }

    /// How this diagram, a document's, differs from what the code allows.
    func findings(against code: LifeDiagram, path: String) -> [Finding] {
        self.arrows.subtracting(code.arrows).map { Finding(path, "draws \($0), which the code refuses") }
            + code.arrows.subtracting(self.arrows).map { Finding(path, "does not draw \($0)") }
    }
}

/// The events of a job's life, without their values. Two exhaustive switches keep it whole.
enum EventKind: String, CaseIterable {
    case promote, begin, crash, unpark, cancel, retry
    case succeeded = "settle succeeded"
    case settleRetry = "settle retry"
    case snooze = "settle snooze"
    case park = "settle park"
    case dead = "settle dead"
    case cancelled = "settle cancelled"
    case giveBack = "settle give back"

    var event: JobLife.Event {
        switch self {
        case .promote: .promote
        case .begin: .begin
        case .crash: .crash(epoch: 1)
        case .unpark: .unpark
        case .cancel: .cancel
        case .retry: .retry
        case .succeeded: .settle(epoch: 1, .succeeded)
        case .settleRetry: .settle(epoch: 1, .retry(after: .seconds(1)))
        case .snooze: .settle(epoch: 1, .snooze(for: .seconds(1)))
        case .park: .settle(epoch: 1, .park(.familyNotReady, probeAfter: .seconds(1)))
        case .dead: .settle(epoch: 1, .dead(spent: true, .discarded))
        case .cancelled: .settle(epoch: 1, .cancelled)
        case .giveBack: .settle(epoch: 1, .giveBack)
        }
    }

    init(_ event: JobLife.Event) {
        switch event {
        case .promote: self = .promote
        case .begin: self = .begin
        case .crash: self = .crash
        case .unpark: self = .unpark
        case .cancel: self = .cancel
        case .retry: self = .retry
        case .settle(_, .succeeded): self = .succeeded
        case .settle(_, .retry): self = .settleRetry
        case .settle(_, .snooze): self = .snooze
        case .settle(_, .park): self = .park
        case .settle(_, .dead): self = .dead
        case .settle(_, .cancelled): self = .cancelled
        case .settle(_, .giveBack): self = .giveBack
        }
    }
}

/// The words of a CHECK constraint, `column text … CHECK (column IN ('a', 'b'))`; nil when there is none.
func allowedWords(of column: String, inTable table: String, sql: String) -> Set<String>? {
    guard let start = sql.firstRange(of: "CREATE TABLE \(table) ("),
        let check = sql[start.upperBound...].firstRange(of: "CHECK (\(column) IN")
    else { return nil }
    let list = sql[check.upperBound...].drop { $0 != "(" }.prefix { $0 != ")" }
    return Set(list.matches(of: /'([^']*)'/).map { String($0.1) })
}
