// What a rule has to say about a text.

import Testing

/// One place that breaks a rule.
struct Finding: Hashable, Sendable, CustomStringConvertible {
    let path: String
    /// From 1; nil: the file as a whole.
    let line: Int?
    let rule: String

    init(_ path: String, line: Int? = nil, _ rule: String) {
        self.path = path
        self.line = line
        self.rule = rule
    }

    var description: String { "\(self.path)\(self.line.map { ":\($0)" } ?? ""): \(self.rule)" }
}

/// Records each finding as an issue of the running test.
func expectNone(_ findings: [Finding], sourceLocation: SourceLocation = #_sourceLocation) {
    for finding in findings { Issue.record("\(finding)", sourceLocation: sourceLocation) }
}
