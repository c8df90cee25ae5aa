// What the doctor found: a sentence, how bad it is, and what to do about it.

public struct Finding: Encodable, Sendable, Hashable {
    public enum Level: String, Encodable, Sendable, Hashable, CaseIterable {
        case ok
        /// It works, and should be looked at.
        case warn
        /// It does not work, or something promised is broken.
        case fail
    }

    /// Why something failed: what a script may tell apart.
    public enum Cause: Sendable, Hashable {
        /// A server cannot be reached.
        case unreachable
        /// A server refused a password or a right, or lets in whom it should not.
        case noPermission
        /// A setting, here or of a server, is missing or wrong.
        case configuration
        /// It may be otherwise in a moment.
        case temporary
        /// Something promised is broken.
        case broken
    }

    public let level: Level
    /// What was looked at: `postgres`, `queue webhooks`.
    public let subject: String
    public let what: String
    /// What to do; nil when all is well.
    public let remedy: String?
    /// Of a failure.
    public let cause: Cause?

    private enum CodingKeys: String, CodingKey { case level, subject, what, remedy }

    static func ok(_ subject: String, _ what: String) -> Finding {
        Finding(level: .ok, subject: subject, what: what, remedy: nil, cause: nil)
    }

    static func warn(_ subject: String, _ what: String, remedy: String) -> Finding {
        Finding(level: .warn, subject: subject, what: what, remedy: remedy, cause: nil)
    }

    static func fail(_ subject: String, _ what: String, remedy: String, cause: Cause = .broken) -> Finding {
        Finding(level: .fail, subject: subject, what: what, remedy: remedy, cause: cause)
    }
}
