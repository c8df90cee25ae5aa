// An object's members.

/// Encodes the members of an object.
struct JSONKeyedWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
    /// The encoder of the slot that the object fills.
    let object: JSONValueWriter

    private var writer: JSONWriter { self.object.writer }

    var codingPath: [any CodingKey] { self.object.codingPath }

    func encodeNil(forKey key: Key) throws {
        try self.begin(key)
        self.writer.draft.appendNull()
    }

    @inline(__always)
    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        try self.begin(key)
        try self.writer.write(value)
    }

    @inline(__always)
    func encodeIfPresent<Value: Encodable>(_ value: Value?, forKey key: Key) throws {
        if let value { try self.encode(value, forKey: key) }
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        self.slot(for: key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        self.slot(for: key).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { self.writer.makeSuperEncoder() }

    func superEncoder(forKey key: Key) -> any Encoder { self.writer.makeSuperEncoder() }

    private func begin(_ key: Key) throws(JSONUnsupported) {
        try self.writer.draft.beginMember(key.stringValue, of: self.object.slot)
    }

    /// A slot for a key's value; none, with the writer left to Foundation, if it cannot be had.
    private func slot(for key: Key) -> JSONValueWriter {
        do {
            try self.begin(key)
            return JSONValueWriter(writer: self.writer, slot: self.writer.draft.makeSlot())
        } catch {
            return self.writer.makeSuperEncoder()
        }
    }
}
