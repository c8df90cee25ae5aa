// Typed reading of cells, by column name or index. Values travel in PostgreSQL's text form.

extension PostgresRow {
    /// Whether the cell is NULL.
    public func isNull(at index: Int) throws(PostgresError) -> Bool {
        try read(index, as: "a cell") { _ in true } == nil
    }
    /// Whether the cell is NULL.
    public func isNull(_ column: String) throws(PostgresError) -> Bool { try isNull(at: index(of: column)) }

    /// A text of any type's text form; nil for NULL.
    public func optionalString(at index: Int) throws(PostgresError) -> String? {
        try read(index, as: "a text", CellText.string)
    }
    /// A text of any type's text form.
    public func string(at index: Int) throws(PostgresError) -> String { try required(optionalString(at: index), index) }
    /// A text of any type's text form; nil for NULL.
    public func optionalString(_ column: String) throws(PostgresError) -> String? {
        try optionalString(at: index(of: column))
    }
    /// A text of any type's text form.
    public func string(_ column: String) throws(PostgresError) -> String { try string(at: index(of: column)) }

    /// `smallint`, `integer`, `bigint`, or a numeric without fraction; nil for NULL.
    public func optionalInt(at index: Int) throws(PostgresError) -> Int? {
        try read(index, as: "an integer", CellText.int)
    }
    /// `smallint`, `integer`, `bigint`, or a numeric without fraction.
    public func int(at index: Int) throws(PostgresError) -> Int { try required(optionalInt(at: index), index) }
    /// `smallint`, `integer`, `bigint`, or a numeric without fraction; nil for NULL.
    public func optionalInt(_ column: String) throws(PostgresError) -> Int? {
        try optionalInt(at: index(of: column))
    }
    /// `smallint`, `integer`, `bigint`, or a numeric without fraction.
    public func int(_ column: String) throws(PostgresError) -> Int { try int(at: index(of: column)) }

    /// `real`, `double precision` or `numeric`; nil for NULL.
    public func optionalDouble(at index: Int) throws(PostgresError) -> Double? {
        try read(index, as: "a number", CellText.double)
    }
    /// `real`, `double precision` or `numeric`.
    public func double(at index: Int) throws(PostgresError) -> Double { try required(optionalDouble(at: index), index) }
    /// `real`, `double precision` or `numeric`; nil for NULL.
    public func optionalDouble(_ column: String) throws(PostgresError) -> Double? {
        try optionalDouble(at: index(of: column))
    }
    /// `real`, `double precision` or `numeric`.
    public func double(_ column: String) throws(PostgresError) -> Double { try double(at: index(of: column)) }

    /// `boolean`; nil for NULL.
    public func optionalBool(at index: Int) throws(PostgresError) -> Bool? {
        try read(index, as: "a truth value", CellText.bool)
    }
    /// `boolean`.
    public func bool(at index: Int) throws(PostgresError) -> Bool { try required(optionalBool(at: index), index) }
    /// `boolean`; nil for NULL.
    public func optionalBool(_ column: String) throws(PostgresError) -> Bool? {
        try optionalBool(at: index(of: column))
    }
    /// `boolean`.
    public func bool(_ column: String) throws(PostgresError) -> Bool { try bool(at: index(of: column)) }

    /// `bytea`; nil for NULL.
    public func optionalBytes(at index: Int) throws(PostgresError) -> [UInt8]? {
        try read(index, as: "a bytea in hexadecimal form", CellText.bytes)
    }
    /// `bytea`.
    public func bytes(at index: Int) throws(PostgresError) -> [UInt8] { try required(optionalBytes(at: index), index) }
    /// `bytea`; nil for NULL.
    public func optionalBytes(_ column: String) throws(PostgresError) -> [UInt8]? {
        try optionalBytes(at: index(of: column))
    }
    /// `bytea`.
    public func bytes(_ column: String) throws(PostgresError) -> [UInt8] { try bytes(at: index(of: column)) }

    /// `text[]`, `uuid[]` or another one-dimensional array without NULL; nil for NULL.
    public func optionalStringArray(at index: Int) throws(PostgresError) -> [String]? {
        try read(index, as: "a one-dimensional array without NULL", CellText.stringArray)
    }
    /// `text[]`, `uuid[]` or another one-dimensional array without NULL.
    public func stringArray(at index: Int) throws(PostgresError) -> [String] {
        try required(optionalStringArray(at: index), index)
    }
    /// `text[]`, `uuid[]` or another one-dimensional array without NULL; nil for NULL.
    public func optionalStringArray(_ column: String) throws(PostgresError) -> [String]? {
        try optionalStringArray(at: index(of: column))
    }
    /// `text[]`, `uuid[]` or another one-dimensional array without NULL.
    public func stringArray(_ column: String) throws(PostgresError) -> [String] {
        try stringArray(at: index(of: column))
    }
}

/// Parsers of PostgreSQL's text form; nil for what is not of the type. Pure.
enum CellText {
    static func string(_ cell: UnsafeBufferPointer<UInt8>) -> String? { String(decoding: cell, as: UTF8.self) }

    static func int(_ cell: UnsafeBufferPointer<UInt8>) -> Int? {
        var digits = cell[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative { digits = digits.dropFirst() }
        guard !digits.isEmpty else { return nil }
        // Summed up on the negative side, which has the larger magnitude.
        var sum = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            let (product, overflowed) = sum.multipliedReportingOverflow(by: 10)
            let (next, passed) = product.subtractingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            guard !overflowed, !passed else { return nil }
            sum = next
        }
        guard !isNegative else { return sum }
        return sum == .min ? nil : -sum
    }

    static func double(_ cell: UnsafeBufferPointer<UInt8>) -> Double? { Double(String(decoding: cell, as: UTF8.self)) }

    static func bool(_ cell: UnsafeBufferPointer<UInt8>) -> Bool? {
        guard cell.count == 1 else { return nil }
        switch cell[0] {
        case UInt8(ascii: "t"): return true
        case UInt8(ascii: "f"): return false
        default: return nil
        }
    }

    static func bytes(_ cell: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard cell.count >= 2, cell.count.isMultiple(of: 2), cell[0] == UInt8(ascii: "\\"), cell[1] == UInt8(ascii: "x")
        else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(cell.count / 2 - 1)
        for position in stride(from: 2, to: cell.count, by: 2) {
            guard let high = Hex.digit(cell[position]), let low = Hex.digit(cell[position + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    static func stringArray(_ cell: UnsafeBufferPointer<UInt8>) -> [String]? {
        guard let elements = ArrayLiteral.parse(cell) else { return nil }
        let present = elements.compactMap { $0 }
        return present.count == elements.count ? present : nil
    }
}
