// The fast decoder: a `Decoder` over an outline. Not for general use; `JSONText` says what it leaves to Foundation.

/// Decodes the value at one entry; also its single value container.
struct JSONReader: Decoder, SingleValueDecodingContainer {
    let outline: JSONOutline
    let index: Int

    /// The value that `json` holds; nil when Foundation must say what it holds, or what is wrong.
    static func value<Value: Decodable>(_ type: Value.Type, in json: [UInt8]) -> Value? {
        guard let outline = try? JSONOutline(json), let value = try? outline.value(type, at: 0),
            !outline.needsFoundation
        else { return nil }
        return value
    }

    /// Nobody asks for the path but to report an error: keeping it would cost each container an allocation.
    var codingPath: [any CodingKey] {
        _ = self.outline.unsupported()
        return []
    }

    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard self.outline.kind(at: self.index) == .object else { throw self.outline.unsupported() }
        return KeyedDecodingContainer(JSONKeyedReader<Key>(object: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard self.outline.kind(at: self.index) == .array else { throw self.outline.unsupported() }
        return JSONUnkeyedReader(array: self)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

    // MARK: SingleValueDecodingContainer

    func decodeNil() -> Bool { self.outline.kind(at: self.index) == .null }

    @inline(__always)
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try self.outline.value(type, at: self.index)
    }
}
