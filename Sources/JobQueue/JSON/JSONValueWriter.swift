// The fast encoder: an `Encoder` for one slot of a writer. Not for general use; `JSONText` says what it leaves to
// Foundation.

/// Encodes the value of one slot; also its single value container.
struct JSONValueWriter: Encoder, SingleValueEncodingContainer {
    let writer: JSONWriter
    let slot: JSONDraft.Handle

    /// Nobody asks for the path but to report an error: keeping it would cost each container an allocation.
    var codingPath: [any CodingKey] {
        _ = self.writer.draft.unsupported()
        return []
    }

    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        self.writer.draft.open(self.slot, isObject: true)
        return KeyedEncodingContainer(JSONKeyedWriter<Key>(object: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        self.writer.draft.open(self.slot, isObject: false)
        return JSONUnkeyedWriter(array: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    // MARK: SingleValueEncodingContainer

    func encodeNil() throws {
        try self.writer.draft.fill(self.slot)
        self.writer.draft.appendNull()
    }

    @inline(__always)
    func encode<Value: Encodable>(_ value: Value) throws {
        try self.writer.draft.fill(self.slot)
        try self.writer.write(value)
    }
}
