// An array's elements, one after the other.

/// Decodes the elements of an array. Three words, so that `any UnkeyedDecodingContainer` holds it without a box.
struct JSONUnkeyedReader: UnkeyedDecodingContainer {
    private let outline: JSONOutline
    /// The entry of the next element, and of what follows the last.
    private var next: Int32
    private let end: Int32
    private var position: Int32 = 0
    private let elements: Int32

    /// `array` stands at an array.
    init(array: JSONReader) {
        let entry = array.outline.entries[array.index]
        self.outline = array.outline
        self.next = Int32(array.index + 1)
        self.end = entry.end
        self.elements = Int32(entry.count)
    }

    var codingPath: [any CodingKey] {
        _ = self.outline.unsupported()
        return []
    }

    var count: Int? { Int(self.elements) }
    var currentIndex: Int { Int(self.position) }
    var isAtEnd: Bool { self.next >= self.end }

    mutating func decodeNil() throws -> Bool {
        guard try self.element().decodeNil() else { return false }
        self.advance()
        return true
    }

    @inline(__always)
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let value = try self.element().decode(type)
        self.advance()
        return value
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        let container = try self.element().container(keyedBy: type)
        self.advance()
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try self.element().unkeyedContainer()
        self.advance()
        return container
    }

    mutating func superDecoder() throws -> any Decoder { throw self.outline.unsupported() }

    private func element() throws(JSONUnsupported) -> JSONReader {
        guard !self.isAtEnd else { throw self.outline.unsupported() }
        return JSONReader(outline: self.outline, index: Int(self.next))
    }

    private mutating func advance() {
        self.next = Int32(self.outline.next(after: Int(self.next)))
        self.position += 1
    }
}
