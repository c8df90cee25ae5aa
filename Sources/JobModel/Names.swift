// The names that people choose: kinds and queues. Both go into SQL, Redis keys, metrics labels and URLs, so both are
// plain: lower-case letters, digits, `_`, `-`, `.`; a letter first; 1 to 64 bytes.

/// Why a name was refused.
public struct InvalidName: Error, Hashable, Sendable, CustomStringConvertible {
    /// `kind` or `queue`.
    public let field: String
    public let value: String

    public static let rule = "must be 1 to 64 of a-z, 0-9, '_', '-', '.', and begin with a letter"

    public var description: String { "\(self.field) \"\(self.value.prefix(80))\" \(Self.rule)" }
}

/// The name of a handler, `family.provision`.
public struct JobKind: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let rawValue: String

    /// - Throws: `InvalidName` naming the rule.
    public init(validating text: String) throws(InvalidName) {
        guard isPlainName(text) else { throw InvalidName(field: "kind", value: text) }
        self.rawValue = text
    }

    public var description: String { self.rawValue }
    public static func < (left: JobKind, right: JobKind) -> Bool { left.rawValue < right.rawValue }
}

extension JobKind: ExpressibleByStringLiteral {
    /// A kind in source code; a literal that breaks the rule is a programmer's error and traps.
    public init(stringLiteral text: StaticString) {
        let text = "\(text)"
        precondition(isPlainName(text), "kind \"\(text)\" \(InvalidName.rule)")
        self.rawValue = text
    }
}

/// A named line of jobs with its own limits.
public struct QueueName: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let rawValue: String

    /// - Throws: `InvalidName` naming the rule.
    public init(validating text: String) throws(InvalidName) {
        guard isPlainName(text) else { throw InvalidName(field: "queue", value: text) }
        self.rawValue = text
    }

    /// Where jobs go whose kind names no queue.
    public static let `default`: QueueName = "default"

    public var description: String { self.rawValue }
    public static func < (left: QueueName, right: QueueName) -> Bool { left.rawValue < right.rawValue }
}

extension QueueName: ExpressibleByStringLiteral {
    /// A queue in source code; a literal that breaks the rule is a programmer's error and traps.
    public init(stringLiteral text: StaticString) {
        let text = "\(text)"
        precondition(isPlainName(text), "queue \"\(text)\" \(InvalidName.rule)")
        self.rawValue = text
    }
}

private func isPlainName(_ text: String) -> Bool {
    guard (1...64).contains(text.utf8.count), let first = text.utf8.first else { return false }
    guard (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
            UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
