// What the doctor found: a sentence, how bad it is, and what to do about it.

struct Finding: Encodable, Sendable, Hashable {
    enum Level: String, Encodable, Sendable, Hashable, CaseIterable {
        case ok
        /// It works, and should be looked at.
        case warn
        /// It does not work, or something promised is broken.
        case fail
    }

    let level: Level
    /// What was looked at: `postgres`, `queue webhooks`.
    let subject: String
    let what: String
    /// What to do; nil when all is well.
    let remedy: String?
    /// Of a failure.
    let exit: Sysexit?

    private enum CodingKeys: String, CodingKey { case level, subject, what, remedy }

    static func ok(_ subject: String, _ what: String) -> Finding {
        Finding(level: .ok, subject: subject, what: what, remedy: nil, exit: nil)
    }

    static func warn(_ subject: String, _ what: String, remedy: String) -> Finding {
        Finding(level: .warn, subject: subject, what: what, remedy: remedy, exit: nil)
    }

    static func fail(_ subject: String, _ what: String, remedy: String, exit: Sysexit = .software) -> Finding {
        Finding(level: .fail, subject: subject, what: what, remedy: remedy, exit: exit)
    }
}

/// All findings, in the order in which they were made.
struct Diagnosis: Encodable, Sendable {
    var findings: [Finding] = []

    /// The worst level there is.
    var status: Finding.Level {
        if self.findings.contains(where: { $0.level == .fail }) { return .fail }
        return self.findings.contains { $0.level == .warn } ? .warn : .ok
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(self.status, forKey: .status)
        try container.encode(self.findings, forKey: .findings)
    }

    private enum Keys: String, CodingKey { case status, findings }

    /// - Parameter colored: For a terminal that shows colours.
    func text(colored: Bool) -> String {
        let width = self.findings.map(\.subject.count).max() ?? 0
        var text = ""
        for finding in self.findings {
            let space = String(repeating: " ", count: 4 - finding.level.rawValue.count)
            let level = colored ? finding.level.colored : finding.level.rawValue
            let subject = finding.subject + String(repeating: " ", count: width - finding.subject.count)
            text += "\(level)\(space)  \(subject)  \(Printable.line(finding.what))\n"
            if let remedy = finding.remedy {
                text += String(repeating: " ", count: width + 8) + "→ \(Printable.line(remedy))\n"
            }
        }
        let counts = Finding.Level.allCases.map { level in
            "\(self.findings.count { $0.level == level }) \(level.rawValue)"
        }
        return text + counts.joined(separator: ", ") + "\n"
    }

    /// nil when nothing failed.
    var failure: CommandFailure? {
        let failures = self.findings.filter { $0.level == .fail }
        guard let first = failures.first else { return nil }
        let others = failures.count == 1 ? "" : " (and \(failures.count - 1) more)"
        return CommandFailure(first.exit ?? .software, field: first.subject, first.what + others)
    }
}

extension Finding.Level {
    /// Green, yellow, red (ECMA-48 SGR).
    fileprivate var colored: String {
        let color =
            switch self {
            case .ok: 32
            case .warn: 33
            case .fail: 31
            }
        return "\u{1B}[\(color)m\(self.rawValue)\u{1B}[0m"
    }
}
