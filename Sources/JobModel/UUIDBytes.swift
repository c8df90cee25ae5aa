// A UUID as two words, without Foundation: 16 bytes inline, ordered as PostgreSQL orders uuid, textual form as in
// RFC 9562. It mints version 7 from a clock and a random source that the caller passes in.

/// A 128-bit universally unique identifier.
public struct UUIDBytes: Hashable, Sendable, Comparable {
    /// Bytes 0 to 7, big-endian.
    public let high: UInt64
    /// Bytes 8 to 15, big-endian.
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A version 7 UUID: 48 bits of milliseconds since 1970, 74 random bits.
    ///
    /// Source: RFC 9562, section 5.7. Two ids minted in one millisecond are not ordered between each other.
    public static func version7(
        milliseconds: UInt64, using generator: inout some RandomNumberGenerator
    ) -> UUIDBytes {
        let random = (generator.next() as UInt64, generator.next() as UInt64)
        return UUIDBytes(
            high: (milliseconds << 16) | 0x7000 | (random.0 & 0x0FFF),
            low: 0x8000_0000_0000_0000 | (random.1 & 0x3FFF_FFFF_FFFF_FFFF)
        )
    }

    /// The same with its last 62 bits counted up by `count`, round and round: another version 7 UUID for each.
    public func counting(up count: UInt64) -> UUIDBytes {
        let mask: UInt64 = 0x3FFF_FFFF_FFFF_FFFF
        return UUIDBytes(high: self.high, low: (self.low & ~mask) | ((self.low &+ count) & mask))
    }

    /// The 16 bytes, first byte first.
    public var bytes: [UInt8] {
        let words = (self.high.bigEndian, self.low.bigEndian)
        return withUnsafeBytes(of: words) { Array($0) }
    }

    /// Reads 16 bytes; nil unless there are exactly 16. Not generic: a generic one is slow across modules.
    public init?(bytes: ArraySlice<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self = bytes.withUnsafeBytes { bytes in
            UUIDBytes(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    public static func < (left: UUIDBytes, right: UUIDBytes) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension UUIDBytes: LosslessStringConvertible {
    /// Reads the 36-character form, in either case; nil for anything else.
    public init?(_ description: String) {
        var description = description
        guard let value = description.withUTF8({ UUIDBytes(text: $0) }) else { return nil }
        self = value
    }

    /// Reads the 36-character form where it lies.
    public init?(text: UnsafeBufferPointer<UInt8>) {
        guard text.count == 36 else { return nil }
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for position in 0..<36 {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard text[position] == UInt8(ascii: "-") else { return nil }
            } else if position < 18 {
                guard let digit = Self.hexadecimalDigit(text[position]) else { return nil }
                words.high = words.high << 4 | digit
            } else {
                guard let digit = Self.hexadecimalDigit(text[position]) else { return nil }
                words.low = words.low << 4 | digit
            }
        }
        self.init(high: words.high, low: words.low)
    }

    /// The 36-character form, lower case.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = digit < 16 ? self.high : self.low
                let value = UInt8(truncatingIfNeeded: word >> (60 - 4 * UInt64(digit % 16))) & 0xF
                buffer[position] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                position += 1
            }
            return 36
        }
    }

    private static func hexadecimalDigit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}

extension UUIDBytes: Codable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let value = UUIDBytes(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "must be a UUID of 36 characters"))
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}
