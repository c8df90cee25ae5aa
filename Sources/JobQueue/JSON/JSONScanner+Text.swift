// From the bytes between two quotes to a string.

extension JSONScanner {
    /// The string of a text; nil if it is not valid UTF-8 or has a surrogate without its partner.
    static func text(_ entry: JSONEntry, in bytes: [UInt8]) -> String? {
        guard entry.kind != .escapedText else {
            return Self.unescaped(bytes[entry.range]).flatMap { String(validating: $0, as: UTF8.self) }
        }
        return bytes.withUnsafeBufferPointer { bytes in
            let written = UnsafeBufferPointer(rebasing: bytes[entry.range])
            // ASCII needs no second look.
            return entry.kind == .asciiText
                ? String(decoding: written, as: UTF8.self) : String(validating: written, as: UTF8.self)
        }
    }

    /// The UTF-16 unit that four hexadecimal digits name; nil if there are none.
    static func unit(at position: Int, in bytes: [UInt8]) -> UInt16? {
        guard position + 4 <= bytes.count else { return nil }
        var unit: UInt16 = 0
        for byte in bytes[position..<position + 4] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): unit = unit << 4 | UInt16(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): unit = unit << 4 | UInt16(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): unit = unit << 4 | UInt16(byte - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return unit
    }

    /// The bytes that escapes, known to be well formed, stand for.
    private static func unescaped(_ written: ArraySlice<UInt8>) -> [UInt8]? {
        let written = Array(written)
        var result: [UInt8] = []
        result.reserveCapacity(written.count)
        var position = 0
        while position < written.count {
            guard written[position] == UInt8(ascii: "\\") else {
                result.append(written[position])
                position += 1
                continue
            }
            let letter = written[position + 1]
            position += 2
            switch letter {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"):
                guard let scalar = Self.scalar(at: &position, in: written) else { return nil }
                result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            default: result.append(letter)
            }
        }
        return result
    }

    /// The scalar whose digits begin at `position`, which moves behind it; nil for half a surrogate pair.
    private static func scalar(at position: inout Int, in written: [UInt8]) -> Unicode.Scalar? {
        guard let first = Self.unit(at: position, in: written) else { return nil }
        position += 4
        guard UTF16.isLeadSurrogate(first) else { return Unicode.Scalar(first) }
        guard position + 1 < written.count, written[position] == UInt8(ascii: "\\"),
            written[position + 1] == UInt8(ascii: "u"),
            let second = Self.unit(at: position + 2, in: written), UTF16.isTrailSurrogate(second)
        else { return nil }
        position += 6
        return Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
    }
}
