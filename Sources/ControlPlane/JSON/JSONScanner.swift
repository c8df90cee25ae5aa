// Finds its way through a JSON text without changing it: where each member's value begins and ends. A job's payload is
// passed on as those very bytes, so that its 64-bit integers, its hash and its size stay what the caller sent.
// Foundation's decoders give values, not places.
//
// Strict RFC 8259: no comments, no trailing commas, no lone surrogates. Invariant: after a value was skipped, the bytes
// of its range are a JSON value by themselves.

/// The text is not JSON.
struct JSONSyntaxError: Error, Sendable, CustomStringConvertible {
    let message: String
    /// In bytes, from 0.
    let offset: Int

    var description: String { "\(self.message) at byte \(self.offset)" }
}

/// A position in a JSON text.
struct JSONScanner {
    /// Deeper nesting is refused: PostgreSQL, Swift's decoders and readers in other languages recurse.
    static let depthMax = 128

    let bytes: [UInt8]
    private(set) var position: Int
    private let end: Int

    /// - Parameter range: The part to look at; all of it by default.
    init(_ bytes: [UInt8], range: Range<Int>? = nil) {
        self.bytes = bytes
        self.position = range?.lowerBound ?? 0
        self.end = range?.upperBound ?? bytes.count
    }

    /// The range of the only value, white space around it left out.
    mutating func onlyValue() throws(JSONSyntaxError) -> Range<Int> {
        let range = try self.value()
        self.skipSpace()
        guard self.position == self.end else { throw self.error("there is more after the value") }
        return range
    }

    /// Skips a value. - Returns: its range.
    mutating func value(depth: Int = 0) throws(JSONSyntaxError) -> Range<Int> {
        self.skipSpace()
        let start = self.position
        guard let first = self.next else { throw self.error("a value is missing") }
        switch first {
        case UInt8(ascii: "{"): try self.members(depth: depth) { _, _ in }
        case UInt8(ascii: "["): try self.elements(depth: depth) { _ in }
        case UInt8(ascii: "\""): _ = try self.string()
        case UInt8(ascii: "t"): try self.word("true")
        case UInt8(ascii: "f"): try self.word("false")
        case UInt8(ascii: "n"): try self.word("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try self.number()
        default: throw self.error("a value cannot begin here")
        }
        return start..<self.position
    }

    /// Skips an object. `body` is told each name and the range of its value.
    mutating func members(
        depth: Int = 0, _ body: (String, Range<Int>) throws(JSONSyntaxError) -> Void
    ) throws(JSONSyntaxError) {
        try self.sequence(from: "{", to: "}", depth: depth) { scanner throws(JSONSyntaxError) in
            scanner.skipSpace()
            guard scanner.next == UInt8(ascii: "\"") else { throw scanner.error("a member's name is missing") }
            let name = try scanner.string()
            scanner.skipSpace()
            guard scanner.take(":") else { throw scanner.error("':' is missing") }
            try body(name, try scanner.value(depth: depth + 1))
        }
    }

    /// Skips an array. `body` is told the range of each element.
    mutating func elements(
        depth: Int = 0, _ body: (Range<Int>) throws(JSONSyntaxError) -> Void
    ) throws(JSONSyntaxError) {
        try self.sequence(from: "[", to: "]", depth: depth) { scanner throws(JSONSyntaxError) in
            try body(try scanner.value(depth: depth + 1))
        }
    }

    private mutating func sequence(
        from first: UnicodeScalar, to last: UnicodeScalar, depth: Int,
        each: (inout JSONScanner) throws(JSONSyntaxError) -> Void
    ) throws(JSONSyntaxError) {
        guard depth < Self.depthMax else { throw self.error("nesting is deeper than \(Self.depthMax)") }
        self.skipSpace()
        guard self.take(first) else { throw self.error("'\(first)' is missing") }
        self.skipSpace()
        if self.take(last) { return }
        while true {
            try each(&self)
            self.skipSpace()
            if self.take(last) { return }
            guard self.take(",") else { throw self.error("',' or '\(last)' is missing") }
        }
    }

    /// Reads a string.
    mutating func string() throws(JSONSyntaxError) -> String {
        guard self.take("\"") else { throw self.error("a string is missing") }
        var text: [UInt8] = []
        while let byte = self.next {
            self.position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text.append(contentsOf: Array(String(try self.escape()).utf8))
            case 0..<0x20: throw self.error("a string holds a control character")
            default: text.append(byte)
            }
        }
        throw self.error("a string does not end")
    }

    private mutating func escape() throws(JSONSyntaxError) -> Character {
        guard let byte = self.next else { throw self.error("a string does not end") }
        self.position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Character(UnicodeScalar(byte))
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let unit = try self.hexadecimalUnit()
            if let scalar = UnicodeScalar(unit) { return Character(scalar) }
            // A surrogate: the first of two, or wrong.
            guard (0xD800..<0xDC00).contains(unit), self.take("\\"), self.take("u") else {
                throw self.error("a string holds a lone surrogate")
            }
            let second = try self.hexadecimalUnit()
            guard (0xDC00..<0xE000).contains(second),
                let scalar = UnicodeScalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
            else { throw self.error("a string holds a lone surrogate") }
            return Character(scalar)
        default: throw self.error("a string holds an unknown escape")
        }
    }

    private mutating func hexadecimalUnit() throws(JSONSyntaxError) -> UInt16 {
        guard self.end - self.position >= 4 else { throw self.error("a \\u escape needs four digits") }
        var unit: UInt16 = 0
        for byte in self.bytes[self.position..<(self.position + 4)] {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else {
                throw self.error("a \\u escape needs four digits")
            }
            unit = unit << 4 | UInt16(digit)
        }
        self.position += 4
        return unit
    }

    private mutating func number() throws(JSONSyntaxError) {
        _ = self.take("-")
        if !self.take("0") { try self.digits() }
        if self.take(".") { try self.digits() }
        if self.take("e") || self.take("E") {
            if !self.take("+") { _ = self.take("-") }
            try self.digits()
        }
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = self.position
        while let byte = self.next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.position += 1 }
        guard self.position > start else { throw self.error("a number lacks digits") }
    }

    private mutating func word(_ word: String) throws(JSONSyntaxError) {
        for scalar in word.unicodeScalars {
            guard self.take(scalar) else { throw self.error("'\(word)' is misspelt") }
        }
    }

    private var next: UInt8? { self.position < self.end ? self.bytes[self.position] : nil }

    private mutating func take(_ scalar: UnicodeScalar) -> Bool {
        guard let byte = self.next, UInt32(byte) == scalar.value else { return false }
        self.position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = self.next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { self.position += 1 }
    }

    private func error(_ message: String) -> JSONSyntaxError {
        JSONSyntaxError(message: message, offset: self.position)
    }
}
