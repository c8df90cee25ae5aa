// Finds the entries of a JSON text, in one pass. Strict, as RFC 8259 has it: Foundation takes more (trailing commas,
// other encodings) and checks less (numbers that nobody asks for), and is asked whenever this refuses.

/// Reads a text from its first byte to its last.
struct JSONScanner {
    private let bytes: [UInt8]
    private var position = 0
    private(set) var entries: [JSONEntry] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        // A guess at the density of ordinary payloads, so that most need one allocation.
        self.entries.reserveCapacity(4 + bytes.count / 8)
    }

    mutating func scan() throws(JSONUnsupported) {
        guard self.bytes.count < Int32.max else { throw JSONUnsupported() }
        try self.scanValue(depth: 0)
        self.skipSpace()
        guard self.position == self.bytes.count else { throw JSONUnsupported() }
    }

    private mutating func scanValue(depth: Int) throws(JSONUnsupported) {
        self.skipSpace()
        switch self.byte {
        case UInt8(ascii: "\""): try self.scanText()
        case UInt8(ascii: "{"): try self.scanObject(depth: depth + 1)
        case UInt8(ascii: "["): try self.scanArray(depth: depth + 1)
        case UInt8(ascii: "t"): try self.scanWord("true", .true)
        case UInt8(ascii: "f"): try self.scanWord("false", .false)
        case UInt8(ascii: "n"): try self.scanWord("null", .null)
        default: try self.scanNumber()
        }
    }

    // MARK: Containers

    private mutating func scanObject(depth: Int) throws(JSONUnsupported) {
        let index = try self.open(.object, depth)
        var count: Int32 = 0
        if !self.take(UInt8(ascii: "}")) {
            repeat {
                self.skipSpace()
                guard self.byte == UInt8(ascii: "\"") else { throw JSONUnsupported() }
                try self.scanText()
                try self.checkKey()
                self.skipSpace()
                guard self.take(UInt8(ascii: ":")) else { throw JSONUnsupported() }
                try self.scanValue(depth: depth)
                count += 1
                self.skipSpace()
            } while self.take(UInt8(ascii: ","))
            guard self.take(UInt8(ascii: "}")) else { throw JSONUnsupported() }
        }
        self.close(index, count)
    }

    private mutating func scanArray(depth: Int) throws(JSONUnsupported) {
        let index = try self.open(.array, depth)
        var count: Int32 = 0
        if !self.take(UInt8(ascii: "]")) {
            repeat {
                try self.scanValue(depth: depth)
                count += 1
                self.skipSpace()
            } while self.take(UInt8(ascii: ","))
            guard self.take(UInt8(ascii: "]")) else { throw JSONUnsupported() }
        }
        self.close(index, count)
    }

    private mutating func open(_ kind: JSONEntry.Kind, _ depth: Int) throws(JSONUnsupported) -> Int {
        guard depth <= JSONUnsupported.depthMax else { throw JSONUnsupported() }
        self.position += 1
        self.skipSpace()
        self.entries.append(JSONEntry(kind: kind, start: 0, end: 0))
        return self.entries.count - 1
    }

    private mutating func close(_ index: Int, _ count: Int32) {
        self.entries[index].start = count
        self.entries[index].end = Int32(self.entries.count)
    }

    /// Keys are compared whenever their object is looked at: they must be readable. Other texts are read when asked
    /// for.
    private func checkKey() throws(JSONUnsupported) {
        guard let entry = self.entries.last, entry.kind != .asciiText else { return }
        guard Self.text(entry, in: self.bytes) != nil else { throw JSONUnsupported() }
    }

    // MARK: Scalars

    private mutating func scanWord(_ word: StaticString, _ kind: JSONEntry.Kind) throws(JSONUnsupported) {
        let start = self.position
        let isThere = word.withUTF8Buffer { self.bytes[start...].starts(with: $0) }
        guard isThere else { throw JSONUnsupported() }
        self.position += word.utf8CodeUnitCount
        self.append(kind, start, self.position)
    }

    private mutating func scanNumber() throws(JSONUnsupported) {
        let start = self.position
        var kind = JSONEntry.Kind.integer
        _ = self.take(UInt8(ascii: "-"))
        if !self.take(UInt8(ascii: "0")) { try self.skipDigits() }
        if self.take(UInt8(ascii: ".")) {
            kind = .fraction
            try self.skipDigits()
        }
        if self.take(UInt8(ascii: "e")) || self.take(UInt8(ascii: "E")) {
            kind = .fraction
            if !self.take(UInt8(ascii: "+")) { _ = self.take(UInt8(ascii: "-")) }
            try self.skipDigits()
        }
        self.append(kind, start, self.position)
    }

    private mutating func skipDigits() throws(JSONUnsupported) {
        let start = self.position
        while UInt8(ascii: "0")...UInt8(ascii: "9") ~= self.byte { self.position += 1 }
        guard self.position > start else { throw JSONUnsupported() }
    }

    private mutating func scanText() throws(JSONUnsupported) {
        var position = self.position + 1
        let start = position
        var hasEscapes = false
        var seen: UInt8 = 0
        while position < self.bytes.count {
            let byte = self.bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                self.position = position + 1
                self.append(hasEscapes ? .escapedText : seen < 0x80 ? .asciiText : .unicodeText, start, position)
                return
            case UInt8(ascii: "\\"):
                hasEscapes = true
                position = try self.endOfEscape(position)
            case 0..<0x20:
                throw JSONUnsupported()
            default:
                seen |= byte
                position += 1
            }
        }
        throw JSONUnsupported()
    }

    /// The position after the escape that begins at `position`.
    private func endOfEscape(_ position: Int) throws(JSONUnsupported) -> Int {
        guard position + 1 < self.bytes.count else { throw JSONUnsupported() }
        switch self.bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return position + 2
        case UInt8(ascii: "u"):
            guard Self.unit(at: position + 2, in: self.bytes) != nil else { throw JSONUnsupported() }
            return position + 6
        default:
            throw JSONUnsupported()
        }
    }

    // MARK: Bytes

    /// The next byte; zero, which no rule expects, at the end.
    private var byte: UInt8 { self.position < self.bytes.count ? self.bytes[self.position] : 0 }

    private mutating func take(_ expected: UInt8) -> Bool {
        guard self.byte == expected else { return false }
        self.position += 1
        return true
    }

    private mutating func skipSpace() {
        while true {
            switch self.byte {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): self.position += 1
            default: return
            }
        }
    }

    private mutating func append(_ kind: JSONEntry.Kind, _ start: Int, _ end: Int) {
        self.entries.append(JSONEntry(kind: kind, start: Int32(start), end: Int32(end)))
    }
}
