// What stands at an entry, as a Swift value. What Foundation might answer in another way, or refuse, is left to it.

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension JSONOutline {
    /// The value at an entry. Scalars are read here, since the standard library's own `init(from:)` would ask for a
    /// container first; all else reads itself. Each cast is from a type to itself.
    @inline(__always)
    func value<Value: Decodable>(_ type: Value.Type, at index: Int) throws -> Value {
        if type == String.self { return unsafeBitCast(try self.string(at: index), to: type) }
        if type == Int.self { return unsafeBitCast(try self.integer(Int.self, at: index), to: type) }
        if type == Bool.self { return unsafeBitCast(try self.bool(at: index), to: type) }
        if type == Double.self { return unsafeBitCast(try self.double(at: index), to: type) }
        if type == Float.self { return unsafeBitCast(try self.float(at: index), to: type) }
        if type == Int64.self { return unsafeBitCast(try self.integer(Int64.self, at: index), to: type) }
        if type == Int32.self { return unsafeBitCast(try self.integer(Int32.self, at: index), to: type) }
        if type == Int16.self { return unsafeBitCast(try self.integer(Int16.self, at: index), to: type) }
        if type == Int8.self { return unsafeBitCast(try self.integer(Int8.self, at: index), to: type) }
        if type == Int128.self { return unsafeBitCast(try self.integer(Int128.self, at: index), to: type) }
        if type == UInt.self { return unsafeBitCast(try self.integer(UInt.self, at: index), to: type) }
        if type == UInt64.self { return unsafeBitCast(try self.integer(UInt64.self, at: index), to: type) }
        if type == UInt32.self { return unsafeBitCast(try self.integer(UInt32.self, at: index), to: type) }
        if type == UInt16.self { return unsafeBitCast(try self.integer(UInt16.self, at: index), to: type) }
        if type == UInt8.self { return unsafeBitCast(try self.integer(UInt8.self, at: index), to: type) }
        if type == UInt128.self { return unsafeBitCast(try self.integer(UInt128.self, at: index), to: type) }
        return try self.composite(type, at: index)
    }

    /// What is no scalar.
    @inline(never)
    private func composite<Value: Decodable>(_ type: Value.Type, at index: Int) throws -> Value {
        if type == Date.self { return unsafeBitCast(try self.date(at: index), to: type) }
        // The types that Foundation's decoder knows itself.
        if type == Data.self || type == URL.self || type == Decimal.self { throw self.unsupported() }
        return try Value(from: JSONReader(outline: self, index: index))
    }

    // MARK: Scalars

    private func bool(at index: Int) throws(JSONUnsupported) -> Bool {
        switch self.entries[index].kind {
        case .true: return true
        case .false: return false
        case .null, .integer, .fraction, .asciiText, .unicodeText, .escapedText, .object, .array:
            throw self.unsupported()
        }
    }

    func string(at index: Int) throws(JSONUnsupported) -> String {
        let entry = self.entries[index]
        switch entry.kind {
        case .asciiText, .unicodeText, .escapedText:
            guard let text = JSONScanner.text(entry, in: self.bytes) else { throw self.unsupported() }
            return text
        case .null, .true, .false, .integer, .fraction, .object, .array: throw self.unsupported()
        }
    }

    private func integer<Value: FixedWidthInteger>(
        _ type: Value.Type, at index: Int
    ) throws(JSONUnsupported) -> Value {
        let entry = self.entries[index]
        guard entry.kind == .integer else { throw self.unsupported() }
        let isNegative = self.bytes[entry.range.lowerBound] == UInt8(ascii: "-")
        var magnitude: UInt64 = 0
        for byte in self.bytes[entry.range.dropFirst(isNegative ? 1 : 0)] {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            guard !overflow, !carry else { throw self.unsupported() }
            magnitude = sum
        }
        guard isNegative else {
            guard let value = Value(exactly: magnitude) else { throw self.unsupported() }
            return value
        }
        guard Value.isSigned, magnitude <= Int64.min.magnitude,
            let value = Value(exactly: Int64(truncatingIfNeeded: 0 &- magnitude))
        else { throw self.unsupported() }
        return value
    }

    /// Throws for what is too large or, other than zero itself, too small.
    func double(at index: Int) throws(JSONUnsupported) -> Double {
        let range = try self.number(at: index)
        if let exact = JSONDecimal(self.bytes[range])?.exactDouble { return exact }
        guard let value = self.written(range, Double.init), value.isFinite, value != 0 || self.isZero(range)
        else { throw self.unsupported() }
        return value
    }

    private func float(at index: Int) throws(JSONUnsupported) -> Float {
        let range = try self.number(at: index)
        guard let value = self.written(range, Float.init), value.isFinite, value != 0 || self.isZero(range)
        else { throw self.unsupported() }
        return value
    }

    private func number(at index: Int) throws(JSONUnsupported) -> Range<Int> {
        let entry = self.entries[index]
        guard entry.kind == .integer || entry.kind == .fraction else { throw self.unsupported() }
        return entry.range
    }

    private func written<Number>(_ range: Range<Int>, _ parse: (String) -> Number?) -> Number? {
        parse(String(decoding: self.bytes[range], as: UTF8.self))
    }

    /// Whether it is zero beyond doubt: Foundation takes `0e5` for too small a number.
    private func isZero(_ range: Range<Int>) -> Bool {
        !self.bytes[range].contains { UInt8(ascii: "1")...UInt8(ascii: "9") ~= $0 }
    }

    private func date(at index: Int) throws -> Date {
        let text = try self.string(at: index)
        guard let date = try? Date.ISO8601FormatStyle().parse(text) else { throw self.unsupported() }
        return date
    }
}
