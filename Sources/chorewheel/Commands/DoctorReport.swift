// How a diagnosis is shown, and which exit code it has.

import Doctor

extension Diagnosis {
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
    var commandFailure: CommandFailure? {
        guard let first = self.failure else { return nil }
        let failures = self.findings.count { $0.level == .fail }
        let others = failures == 1 ? "" : " (and \(failures - 1) more)"
        return CommandFailure(Sysexit(first.cause ?? .broken), field: first.subject, first.what + others)
    }
}

extension Sysexit {
    init(_ cause: Finding.Cause) {
        switch cause {
        case .unreachable: self = .unavailable
        case .noPermission: self = .noPermission
        case .configuration: self = .configuration
        case .temporary: self = .temporary
        case .broken: self = .software
        }
    }

    var cause: Finding.Cause {
        switch self {
        case .unavailable: .unreachable
        case .noPermission: .noPermission
        case .configuration: .configuration
        case .temporary: .temporary
        case .usage, .data, .notFound, .software, .inputOutput: .broken
        }
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
