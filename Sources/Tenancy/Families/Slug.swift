// A family's name in addresses, and the names in PostgreSQL that follow from it. The same rules stand as constraints of
// `families` and in `sign_up_family`; here they give an answer before a database is asked.
//
// Invariant: two slugs never have one database name. '-' becomes '_', and '_' is not in slugs.

/// The part of a host name that names a family: `smith-nyc`.
public struct Slug: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let rawValue: String

    /// Bounds of the length, in bytes.
    public static let length = 2...50

    /// Names that addresses of the service itself use (seed 000).
    public static let reserved: Set<String> = [
        "api", "www", "app", "admin", "staging", "dev", "support", "help", "blog", "docs",
    ]

    /// - Throws: `TenancyError(.invalid)`, field `slug`, naming the rule.
    public init(validating text: String) throws(TenancyError) {
        let bytes = Array(text.utf8)
        guard Self.length.contains(bytes.count) else { throw .invalid("slug", "must have 2 to 50 characters") }
        guard let first = bytes.first, let last = bytes.last, bytes.allSatisfy({ $0 == hyphen || isLetterOrDigit($0) }),
            isLetterOrDigit(first), isLetterOrDigit(last)
        else {
            throw .invalid("slug", "must be of a-z, 0-9 and '-', and begin and end with a letter or digit")
        }
        guard bytes.count(where: { $0 == hyphen }) <= 1 else { throw .invalid("slug", "must have at most one '-'") }
        guard !Self.reserved.contains(text) else { throw .invalid("slug", "is a reserved name") }
        self.rawValue = text
    }

    public var description: String { self.rawValue }
    public static func < (left: Slug, right: Slug) -> Bool { left.rawValue < right.rawValue }
}

private let hyphen = UInt8(ascii: "-")

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

/// What a family's database and its application role are called.
public struct FamilyDatabaseName: Hashable, Sendable {
    /// `family_smith_nyc`
    public let database: String
    /// `family_smith_nyc_app`
    public let role: String

    /// PostgreSQL cuts longer names without a word, and then they collide (NAMEDATALEN - 1).
    public static let bytesMax = 63

    /// - Throws: `TenancyError(.invalid)`, field `slug`, if a name would be longer than `bytesMax`.
    public init(slug: Slug) throws(TenancyError) {
        self.database = "family_" + slug.rawValue.split(separator: "-").joined(separator: "_")
        self.role = self.database + "_app"
        guard self.role.utf8.count <= Self.bytesMax else {
            throw .invalid("slug", "makes a database identifier of more than \(Self.bytesMax) bytes")
        }
    }
}
