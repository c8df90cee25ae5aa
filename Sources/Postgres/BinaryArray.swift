// PostgreSQL's binary form of one-dimensional arrays without NULL: for statements that name thousands of rows, where
// writing and reading texts costs more than finding the rows.

extension PostgresValue {
    /// A `uuid[]`, sent in binary: each the two halves of its 16 bytes, big-endian.
    public static func uuids(_ values: some Collection<(high: UInt64, low: UInt64)>) -> PostgresValue {
        var array = BinaryArray(elementType: 2950, elementSize: 16, count: values.count)
        for value in values {
            array.append(elementOf: 16)
            array.append(value.high)
            array.append(value.low)
        }
        return .bytes(array.bytes)
    }

    /// A `bigint[]`, sent in binary.
    public static func bigints(_ values: some Collection<Int64>) -> PostgresValue {
        var array = BinaryArray(elementType: 20, elementSize: 8, count: values.count)
        for value in values {
            array.append(elementOf: 8)
            array.append(value)
        }
        return .bytes(array.bytes)
    }
}

/// What `array_recv` reads: dimensions, whether NULLs come, the element's type; for the dimension its length and lower
/// bound; for each element its length and bytes. Source: PostgreSQL 15, src/backend/utils/adt/arrayfuncs.c.
private struct BinaryArray {
    private(set) var bytes: [UInt8] = []

    init(elementType: Int32, elementSize: Int, count: Int) {
        self.bytes.reserveCapacity(20 + count * (4 + elementSize))
        self.append(Int32(count == 0 ? 0 : 1))
        self.append(Int32(0))
        self.append(elementType)
        guard count > 0 else { return }
        // More elements than an Int32 counts do not fit into a parameter: 2 GiB.
        self.append(Int32(clamping: count))
        self.append(Int32(1))
    }

    mutating func append(elementOf size: Int32) { self.append(size) }

    mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { self.bytes.append(contentsOf: $0) }
    }
}
