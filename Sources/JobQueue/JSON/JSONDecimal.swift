// A decimal number of few digits, and the one case in which it is a double without more ado: up to 15 digits and powers
// of ten up to 22 are exact as doubles, so that one multiplication or division rounds once and hence correctly.
// Source: W. D. Clinger, "How to read floating point numbers accurately" (1990), the fast path.

/// The parts of a JSON number: sign, digits as an integer, power of ten.
struct JSONDecimal {
    private var isNegative = false
    private var digits: UInt64 = 0
    private var exponent = 0

    /// Reads a number that is known to be one; nil if it has more digits than are exact, or is zero with an exponent.
    init?(_ written: ArraySlice<UInt8>) {
        var count = 0
        var isFraction = false
        var position = written.startIndex
        scan: while position < written.endIndex {
            let byte = written[position]
            position += 1
            switch byte {
            case UInt8(ascii: "-"): self.isNegative = true
            case UInt8(ascii: "."): isFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"): break scan
            default:
                count += 1
                guard count <= Self.digitsMax else { return nil }
                self.digits = self.digits * 10 + UInt64(byte - UInt8(ascii: "0"))
                if isFraction { self.exponent -= 1 }
            }
        }
        guard position < written.endIndex else { return }
        guard self.digits > 0, let power = Int(String(decoding: written[position...], as: UTF8.self)),
            power.magnitude < 1000
        else { return nil }
        self.exponent += power
    }

    /// The double, if one operation on exact numbers makes it.
    var exactDouble: Double? {
        let magnitude = Double(self.digits)
        guard Int(self.exponent.magnitude) < Self.powers.count else { return nil }
        let power = Self.powers[Int(self.exponent.magnitude)]
        let value = self.exponent < 0 ? magnitude / power : magnitude * power
        return self.isNegative ? -value : value
    }

    private static let digitsMax = 15
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]
}
