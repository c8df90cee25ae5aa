// Swift source with its comments and the contents of its strings blanked out, so that a rule about code does not see
// words in prose. Lines and columns stay (a byte becomes a space). Code in interpolations stays code.
//
// Not a parser: it knows comments, strings of all kinds, and nothing else. A quote in a regular expression literal is
// taken for a string; that blanks the rest of its line at most.

/// Blanks what is not code.
struct SwiftMask {
    private let source: [UInt8]
    private var masked: [UInt8] = []
    private var next = 0
    private let keepsStrings: Bool

    private init(_ text: String, keepsStrings: Bool) {
        self.source = Array(text.utf8)
        self.keepsStrings = keepsStrings
        self.masked.reserveCapacity(self.source.count)
    }

    /// The code alone.
    static func code(of text: String) -> String {
        var mask = SwiftMask(text, keepsStrings: false)
        mask.scanCode(isInterpolation: false)
        return String(decoding: mask.masked, as: UTF8.self)
    }

    /// The text without its comments.
    static func withoutComments(_ text: String) -> String {
        var mask = SwiftMask(text, keepsStrings: true)
        mask.scanCode(isInterpolation: false)
        return String(decoding: mask.masked, as: UTF8.self)
    }

    private func isNext(_ text: StaticString, after offset: Int = 0) -> Bool {
        let start = self.next + offset
        guard start + text.utf8CodeUnitCount <= self.source.count else { return false }
        return (0..<text.utf8CodeUnitCount).allSatisfy { self.source[start + $0] == text.utf8Start[$0] }
    }

    private mutating func keep(_ count: Int = 1) {
        self.masked.append(contentsOf: self.source[self.next..<min(self.next + count, self.source.count)])
        self.next += count
    }

    private mutating func blank(_ count: Int = 1) {
        for byte in self.source[self.next..<min(self.next + count, self.source.count)] {
            self.masked.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
        }
        self.next += count
    }

    private mutating func scanCode(isInterpolation: Bool) {
        var depth = 0
        while self.next < self.source.count {
            if self.isNext("//") {
                while self.next < self.source.count, !self.isNext("\n") { self.blank() }
            } else if self.isNext("/*") {
                self.blankComment()
            } else if self.isNext("\"") || self.isNext("#") {
                let hashes = self.source[self.next...].prefix { $0 == UInt8(ascii: "#") }.count
                if self.isNext("\"", after: hashes) { self.scanString(hashes: hashes) } else { self.keep(hashes) }
            } else {
                if self.isNext("(") { depth += 1 }
                if self.isNext(")") { depth -= 1 }
                self.keep()
                if isInterpolation, depth < 0 { return }
            }
        }
    }

    private mutating func blankComment() {
        var depth = 0
        repeat {
            if self.isNext("/*") {
                depth += 1
                self.blank(2)
            } else if self.isNext("*/") {
                depth -= 1
                self.blank(2)
            } else {
                self.blank()
            }
        } while depth > 0 && self.next < self.source.count
    }

    private mutating func scanString(hashes: Int) {
        let isMultiline = self.isNext("\"\"\"", after: hashes)
        let quotes = isMultiline ? 3 : 1
        self.keep(hashes + quotes)
        while self.next < self.source.count {
            if self.isNext("\\"), self.hashes(at: 1, are: hashes) {
                if self.isNext("(", after: 1 + hashes) {
                    self.keep(2 + hashes)
                    self.scanCode(isInterpolation: true)
                } else {
                    self.skip(2 + hashes)
                }
            } else if isMultiline ? self.isNext("\"\"\"") : self.isNext("\""), self.hashes(at: quotes, are: hashes) {
                self.keep(quotes + hashes)
                return
            } else if !isMultiline, self.isNext("\n") {
                return
            } else {
                self.skip(1)
            }
        }
    }

    private mutating func skip(_ count: Int) { if self.keepsStrings { self.keep(count) } else { self.blank(count) } }

    private func hashes(at offset: Int, are count: Int) -> Bool {
        (0..<count).allSatisfy { self.isNext("#", after: offset + $0) }
    }
}
