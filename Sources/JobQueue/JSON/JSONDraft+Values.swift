// Scalars as JSON, byte for byte as Foundation writes them.

extension JSONDraft {
    mutating func appendNull() { self.append("null" as StaticString) }

    /// What a text needed.
    struct TextTraits {
        var hasEscapes: Bool
        var isASCII: Bool
    }

    /// Writes a text in quotes. Escaped are quotes, backslashes and control characters; slashes are not.
    @discardableResult
    mutating func append(_ text: String) -> TextTraits {
        var text = text
        return text.withUTF8 { text in
            let traits = Self.traits(of: text)
            self.bytes.append(UInt8(ascii: "\""))
            if traits.hasEscapes { self.append(escaping: text) } else { self.bytes.append(contentsOf: text) }
            self.bytes.append(UInt8(ascii: "\""))
            return traits
        }
    }

    /// Without a branch in the loop, so that many bytes are looked at in one step.
    private static func traits(of text: UnsafeBufferPointer<UInt8>) -> TextTraits {
        var (escapes, seen): (UInt8, UInt8) = (0, 0)
        for position in 0..<text.count {
            let byte = text[position]
            escapes |= byte < 0x20 ? 1 : 0
            escapes |= byte == UInt8(ascii: "\"") ? 1 : 0
            escapes |= byte == UInt8(ascii: "\\") ? 1 : 0
            seen |= byte
        }
        return TextTraits(hasEscapes: escapes != 0, isASCII: seen < 0x80)
    }

    private mutating func append(escaping text: UnsafeBufferPointer<UInt8>) {
        var plain = 0
        for position in text.indices {
            let byte = text[position]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            self.bytes.append(contentsOf: text[plain..<position])
            self.append(escape: byte)
            plain = position + 1
        }
        self.bytes.append(contentsOf: text[plain...])
    }

    private mutating func append(escape byte: UInt8) {
        self.bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: self.bytes.append(UInt8(ascii: "b"))
        case 0x09: self.bytes.append(UInt8(ascii: "t"))
        case 0x0A: self.bytes.append(UInt8(ascii: "n"))
        case 0x0C: self.bytes.append(UInt8(ascii: "f"))
        case 0x0D: self.bytes.append(UInt8(ascii: "r"))
        case 0..<0x20:
            self.append("u00" as StaticString)
            for digit in [byte >> 4, byte & 0xF] {
                self.bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        default: self.bytes.append(byte)
        }
    }

    mutating func append(integer value: some FixedWidthInteger & CustomStringConvertible) {
        self.append(plain: value.description)
    }

    /// As short as reads back the same, without a fraction of zero.
    mutating func append(
        number value: some BinaryFloatingPoint & CustomStringConvertible
    ) throws(JSONUnsupported) {
        guard value.isFinite else { throw self.unsupported() }
        self.append(plain: value.description)
        if self.bytes.suffix(2).elementsEqual(".0".utf8) { self.bytes.removeLast(2) }
    }

    private mutating func append(plain text: String) {
        var text = text
        text.withUTF8 { self.bytes.append(contentsOf: $0) }
    }

    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { self.bytes.append(contentsOf: $0) }
    }
}
