// A decoder that answers every question with a plausible value and notes what was asked. See PayloadSchema.

/// Notes the shape of a Decodable type.
final class ShapeRecorder: Decoder {
    var shape: PayloadShape = .any
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]
    /// Keys that were asked "is it null?": the standard library's `decodeIfPresent` for scalars asks before it decodes.
    fileprivate var optionalKeys: Set<String> = []

    private init(codingPath: [any CodingKey]) { self.codingPath = codingPath }

    /// The shape of a type; `.any` for what refuses plausible values.
    static func shape<Value: Decodable>(of type: Value.Type, at path: [any CodingKey] = []) -> PayloadShape {
        (try? Self.sample(of: type, at: path))?.shape ?? .any
    }

    /// A plausible value of a type, and its shape.
    ///
    /// - Throws: whatever the type's own decoding throws at the plausible values.
    static func sample<Value: Decodable>(
        of type: Value.Type, at path: [any CodingKey]
    ) throws -> (value: Value, shape: PayloadShape) {
        guard path.count < 16 else {
            throw DecodingError.dataCorrupted(.init(codingPath: path, debugDescription: "nested too deeply"))
        }
        let recorder = ShapeRecorder(codingPath: path)
        return (try Value(from: recorder), recorder.shape)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        if case .object = self.shape {} else { self.shape = .object(properties: [:], required: []) }
        return KeyedDecodingContainer(Keyed<Key>(recorder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        self.shape = .array(.any)
        return Unkeyed(recorder: self)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { Single(recorder: self) }

    fileprivate func note(_ name: String, _ shape: PayloadShape, required: Bool) {
        guard case .object(var properties, var names) = self.shape else { return }
        properties[name] = shape
        if required { names.insert(name) }
        self.shape = .object(properties: properties, required: names)
    }

    /// A plausible scalar of the type, if the type is a scalar.
    fileprivate static func scalar<Value>(_ type: Value.Type) -> (Value, PayloadShape)? {
        func with(_ value: Any, _ shape: PayloadShape) -> (Value, PayloadShape)? {
            (value as? Value).map { ($0, shape) }
        }
        switch type {
        case is String.Type: return with("00000000-0000-7000-8000-000000000000", .string)
        case is Bool.Type: return with(true, .boolean)
        case is Double.Type: return with(1.0, .number)
        case is Float.Type: return with(Float(1), .number)
        case let integer as any FixedWidthInteger.Type: return with(integer.init(1), .integer)
        default: return nil
        }
    }

    fileprivate static func value<Value: Decodable>(
        _ type: Value.Type, at path: [any CodingKey]
    ) throws -> (value: Value, shape: PayloadShape) {
        if let (value, shape) = Self.scalar(type) { return (value, shape) }
        return try Self.sample(of: type, at: path)
    }
}

private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let recorder: ShapeRecorder
    var codingPath: [any CodingKey] { self.recorder.codingPath }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) throws -> Bool {
        self.recorder.optionalKeys.insert(key.stringValue)
        return false
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try self.record(type, key, required: !self.recorder.optionalKeys.contains(key.stringValue))
    }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        do {
            return try self.record(type, key, required: false)
        } catch {
            // A part that refuses plausible values is of any shape, and may be absent.
            self.recorder.note(key.stringValue, .any, required: false)
            return nil
        }
    }

    private func record<Value: Decodable>(_ type: Value.Type, _ key: Key, required: Bool) throws -> Value {
        let sample = try ShapeRecorder.value(type, at: self.codingPath + [key])
        self.recorder.note(key.stringValue, sample.shape, required: required)
        return sample.value
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        throw self.unsupported
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { throw self.unsupported }
    func superDecoder() throws -> any Decoder { throw self.unsupported }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw self.unsupported }

    private var unsupported: DecodingError {
        .dataCorrupted(.init(codingPath: self.codingPath, debugDescription: "nested containers are not recorded"))
    }
}

private struct Unkeyed: UnkeyedDecodingContainer {
    let recorder: ShapeRecorder
    var codingPath: [any CodingKey] { self.recorder.codingPath }
    var count: Int? { 1 }
    var isAtEnd: Bool { self.currentIndex >= 1 }
    var currentIndex = 0

    init(recorder: ShapeRecorder) { self.recorder = recorder }

    mutating func decodeNil() throws -> Bool { false }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        self.currentIndex += 1
        let sample = try ShapeRecorder.value(type, at: self.codingPath)
        self.recorder.shape = .array(sample.shape)
        return sample.value
    }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        throw self.unsupported
    }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { throw self.unsupported }
    mutating func superDecoder() throws -> any Decoder { throw self.unsupported }

    private var unsupported: DecodingError {
        .dataCorrupted(.init(codingPath: self.codingPath, debugDescription: "nested containers are not recorded"))
    }
}

private struct Single: SingleValueDecodingContainer {
    let recorder: ShapeRecorder
    var codingPath: [any CodingKey] { self.recorder.codingPath }

    func decodeNil() -> Bool { false }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let sample = try ShapeRecorder.value(type, at: self.codingPath)
        self.recorder.shape = sample.shape
        return sample.value
    }
}
