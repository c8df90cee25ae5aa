// What an examination ends with. How it is shown is the command's.

/// All findings, in the order in which they were made.
public struct Diagnosis: Encodable, Sendable {
    public var findings: [Finding] = []

    /// The worst level there is.
    public var status: Finding.Level {
        if self.findings.contains(where: { $0.level == .fail }) { return .fail }
        return self.findings.contains { $0.level == .warn } ? .warn : .ok
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(self.status, forKey: .status)
        try container.encode(self.findings, forKey: .findings)
    }

    private enum Keys: String, CodingKey { case status, findings }

    /// The first that failed; nil when nothing did.
    public var failure: Finding? { self.findings.first { $0.level == .fail } }

    public init(findings: [Finding] = []) { self.findings = findings }
}
