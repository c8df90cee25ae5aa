// An array's elements.

/// Encodes the elements of an array.
struct JSONUnkeyedWriter: UnkeyedEncodingContainer {
    /// The encoder of the slot that the array fills.
    let array: JSONValueWriter

    private var writer: JSONWriter { self.array.writer }

    var codingPath: [any CodingKey] { self.array.codingPath }

    var count: Int { self.writer.draft.count(of: self.array.slot) }

    func encodeNil() throws {
        try self.writer.draft.beginElement(of: self.array.slot)
        self.writer.draft.appendNull()
    }

    @inline(__always)
    func encode<Value: Encodable>(_ value: Value) throws {
        try self.writer.draft.beginElement(of: self.array.slot)
        try self.writer.write(value)
    }

    func nestedContainer<NestedKey: CodingKey>(keyedBy type: NestedKey.Type) -> KeyedEncodingContainer<NestedKey> {
        self.slot().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { self.slot().unkeyedContainer() }

    func superEncoder() -> any Encoder { self.writer.makeSuperEncoder() }

    /// A slot for the next element; none, with the writer left to Foundation, if it cannot be had.
    private func slot() -> JSONValueWriter {
        do {
            try self.writer.draft.beginElement(of: self.array.slot)
            return JSONValueWriter(writer: self.writer, slot: self.writer.draft.makeSlot())
        } catch {
            return self.writer.makeSuperEncoder()
        }
    }
}
