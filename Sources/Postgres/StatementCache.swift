// Which statements this connection has prepared, by their text: a bounded, least-recently-used table. Pure; it sends
// nothing. Invariants: at most `capacity` names are live; a name is never used twice; a name that was dropped from
// the table is in `retired` until someone has deallocated it.

struct StatementCache {
    /// Retired names are deallocated this many at a time, so that eviction does not cost a round trip each.
    static let retiredBatch = 32

    private struct Entry {
        let name: String
        var lastUse: UInt64
    }

    let capacity: Int
    private var entries: [String: Entry] = [:]
    private var uses: UInt64 = 0
    private var minted: UInt64 = 0
    /// Names that the server still knows and nobody will use again.
    private(set) var retired: [String] = []

    init(capacity: Int) { self.capacity = max(0, capacity) }

    var count: Int { entries.count }

    /// The name under which the statement is prepared, or nil. Counts as a use.
    mutating func name(for sql: String) -> String? {
        guard let index = entries.index(forKey: sql) else { return nil }
        uses += 1
        entries.values[index].lastUse = uses
        return entries.values[index].name
    }

    /// A name for a statement that may be cached, or nil if it should run unprepared.
    mutating func mintName(for sql: String) -> String? {
        guard capacity > 0, Self.isPreparable(sql) else { return nil }
        minted += 1
        return "cw\(minted)"
    }

    /// Records that the server has prepared the statement, and retires the least recently used one if there are too
    /// many.
    mutating func insert(_ sql: String, name: String) {
        uses += 1
        if let old = entries.updateValue(Entry(name: name, lastUse: uses), forKey: sql) { retired.append(old.name) }
        guard entries.count > capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else {
            return
        }
        entries.removeValue(forKey: oldest.key)
        retired.append(oldest.value.name)
    }

    /// Drops one statement whose plan no longer fits.
    mutating func forget(_ sql: String) {
        if let entry = entries.removeValue(forKey: sql) { retired.append(entry.name) }
    }

    /// Drops everything, for the server knows none of it any more (DISCARD, a pooler behind the address).
    mutating func forgetAll() {
        entries.removeAll()
        retired.removeAll()
    }

    /// The names to deallocate now, once there are enough of them; they are no longer in `retired` afterwards.
    mutating func takeRetired() -> [String]? {
        guard retired.count >= Self.retiredBatch else { return nil }
        defer { retired.removeAll() }
        return retired
    }

    /// Whether a statement is one that is planned. Utility statements (DDL, SET, LISTEN, BEGIN) gain nothing from being
    /// prepared, and texts made for one use would push the useful ones out.
    static func isPreparable(_ sql: String) -> Bool {
        let planned: Set<String> = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "MERGE", "TABLE"]
        return planned.contains(firstWord(of: sql).uppercased())
    }

    /// The first word after white space, comments and opening parentheses.
    private static func firstWord(of sql: String) -> Substring {
        var rest = sql[...].unicodeScalars
        while let scalar = rest.first {
            if scalar.properties.isWhitespace || scalar == "(" {
                rest.removeFirst()
            } else if rest.starts(with: "--".unicodeScalars) {
                rest = rest.drop(while: { $0 != "\n" })
            } else if rest.starts(with: "/*".unicodeScalars) {
                rest = afterBlockComment(rest)
            } else {
                break
            }
        }
        return Substring(rest.prefix(while: { $0.properties.isAlphabetic }))
    }

    /// Block comments nest in PostgreSQL.
    private static func afterBlockComment(_ text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
        var rest = text
        var depth = 0
        repeat {
            if rest.starts(with: "/*".unicodeScalars) {
                depth += 1
                rest = rest.dropFirst(2)
            } else if rest.starts(with: "*/".unicodeScalars) {
                depth -= 1
                rest = rest.dropFirst(2)
            } else {
                rest = rest.dropFirst()
            }
        } while depth > 0 && !rest.isEmpty
        return rest
    }
}
