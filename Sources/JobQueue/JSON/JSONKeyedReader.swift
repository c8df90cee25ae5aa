// An object's members, looked up by key.

/// Decodes the members of an object.
struct JSONKeyedReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
    /// The decoder that stands at the object.
    let object: JSONReader

    private var outline: JSONOutline { self.object.outline }

    var codingPath: [any CodingKey] { self.object.codingPath }

    var allKeys: [Key] { self.outline.keys(of: self.object.index).compactMap { Key(stringValue: $0) } }

    func contains(_ key: Key) -> Bool { self.index(of: key) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try self.member(key).decodeNil() }

    @inline(__always)
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try self.member(key).decode(type)
    }

    @inline(__always)
    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        guard let index = self.index(of: key), self.outline.kind(at: index) != .null else { return nil }
        return try self.outline.value(type, at: index)
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try self.member(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try self.member(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { throw self.outline.unsupported() }

    func superDecoder(forKey key: Key) throws -> any Decoder { throw self.outline.unsupported() }

    private func index(of key: Key) -> Int? { self.outline.member(key.stringValue, of: self.object.index) }

    private func member(_ key: Key) throws(JSONUnsupported) -> JSONReader {
        guard let index = self.index(of: key) else { throw self.outline.unsupported() }
        return JSONReader(outline: self.outline, index: index)
    }
}
