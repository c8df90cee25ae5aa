// Random scalars, with the odd ones more often than chance would have them, from a seed.

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
struct JSONRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func bool() -> Bool { Bool.random(using: &self) }

    mutating func maybe<Value>(_ make: (inout Self) -> Value) -> Value? { self.bool() ? make(&self) : nil }

    mutating func list<Value>(max: Int = 4, _ make: (inout Self) -> Value) -> [Value] {
        (0..<Int.random(in: 0...max, using: &self)).map { _ in make(&self) }
    }

    mutating func map<Value>(max: Int = 4, _ make: (inout Self) -> Value) -> [String: Value] {
        var keys = Set<String>()
        for _ in 0..<Int.random(in: 0...max, using: &self) { keys.insert(self.key()) }
        return Dictionary(uniqueKeysWithValues: keys.sorted().map { ($0, make(&self)) })
    }

    /// Without what must be escaped, which in keys is left to Foundation.
    private mutating func key() -> String {
        let letters = ["a", "B", "c/d", "é", "e\u{301}", "日", "😀", "K", "\u{212A}", " ", "", "key", "\u{7F}"]
        return (0..<3).map { _ in letters.randomElement(using: &self) ?? "" }.joined()
    }

    mutating func text() -> String {
        let parts = [
            "", "a", "plain text ", "\"", "\\", "/", "\n", "\r", "\t", "\u{08}", "\u{0C}", "\0", "\u{1F}", "\u{7F}",
            "é",
            "e\u{301}", "日本", "😀", "👩‍👩‍👧", "\u{2028}", "\u{FEFF}", "\u{FFFF}", "\u{10FFFF}",
        ]
        return (0..<Int.random(in: 0...6, using: &self)).map { _ in parts.randomElement(using: &self) ?? "" }.joined()
    }

    mutating func integer<Number: FixedWidthInteger>() -> Number {
        switch Int.random(in: 0..<6, using: &self) {
        case 0: Number.min
        case 1: Number.max
        case 2: 0
        case 3: Number(clamping: Int.random(in: -200...200, using: &self))
        default:
            Number.random(in: Number.min...Number.max, using: &self)
                >> Int.random(in: 0..<Number.bitWidth, using: &self)
        }
    }

    mutating func double() -> Double {
        let odd: [Double] = [
            0, -0.0, 1, -1, 0.1, 0.1 + 0.2, 1e15, 1e16, 1e22, 1e23, 123_456_789_012_345, 9_007_199_254_740_992, 1e300,
            .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, 1.0e-7, 100.25, .pi,
        ]
        switch Int.random(in: 0..<4, using: &self) {
        case 0: return odd.randomElement(using: &self) ?? 0
        case 1: return (Double.random(in: -1000...1000, using: &self) * 100).rounded() / 100
        case 2: return Double.random(in: -1...1, using: &self)
        default:
            let any = Double(bitPattern: self.next())
            return any.isFinite ? any : 2.5
        }
    }

    mutating func float() -> Float {
        let any = Float(bitPattern: UInt32(truncatingIfNeeded: self.next()))
        return any.isFinite ? any : 0.1
    }

    /// Whole seconds, as texts have them, from the year 0 to 4000.
    mutating func date() -> Date {
        Date(timeIntervalSince1970: Double(Int.random(in: -62_000_000_000...64_000_000_000, using: &self)))
    }
}
