// A decoder that answers every question with a plausible value and notes what was asked. See PayloadSchema.

internal import JobModel

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Notes the shape of a Decodable type. Belongs to one call of `sample`, and does not leave it.
final class ShapeRecorder: Decoder {
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]
    /// nil: nothing was asked yet.
    fileprivate var shape: PayloadShape?
    /// Keys that were asked "is it there?" or "is it null?" before they were decoded.
    fileprivate var optionalKeys: Set<String> = []
    /// Keys that were asked "is it there?" and no more: the type picks its members by what there is.
    fileprivate var probedKeys: Set<String> = []
    /// The value itself was asked "is it null?".
    fileprivate var isNullable = false
    /// Refuses every single value, to see whether the type then asks for another one.
    fileprivate let refuses: Bool
    /// How many single values were asked for.
    fileprivate var asked = 0

    private init(codingPath: [any CodingKey], refuses: Bool = false) {
        self.codingPath = codingPath
        self.refuses = refuses
    }

    /// The shape of a type; `.any` for what refuses plausible values.
    static func shape<Value: Decodable>(of type: Value.Type) -> PayloadShape {
        (try? Self.value(type, at: []))?.shape ?? .any
    }

    /// A plausible value of a type, and its shape.
    ///
    /// - Throws: whatever the type's own decoding throws at the plausible values.
    fileprivate static func value<Value: Decodable>(
        _ type: Value.Type, at path: [any CodingKey]
    ) throws -> (value: Value, shape: PayloadShape) {
        if let known = Self.scalar(type) ?? Self.cases(type) { return known }
        guard path.count < 16 else {
            throw DecodingError.dataCorrupted(.init(codingPath: path, debugDescription: "nested too deeply"))
        }
        let recorder = ShapeRecorder(codingPath: path)
        let value = try Value(from: recorder)
        return (value, Self.hasAlternatives(type, recorder) ? .any : recorder.result)
    }

    /// What was noted. A type that asked for nothing is written as an object without members.
    private var result: PayloadShape {
        var shape = self.shape ?? .object(properties: [:], required: [], others: nil)
        if case .object(let properties, let required, nil) = shape, !self.probedKeys.isEmpty {
            shape = .object(properties: properties, required: required, others: .any)
        }
        return self.isNullable && shape != .any ? .nullable(shape) : shape
    }

    /// Whether a type that was content with a single value would have been with one of another type: "a text or a
    /// number" cannot be seen in one pass.
    private static func hasAlternatives(_ type: (some Decodable).Type, _ recorder: ShapeRecorder) -> Bool {
        guard recorder.asked > 0 else { return false }
        let second = ShapeRecorder(codingPath: recorder.codingPath, refuses: true)
        _ = try? type.init(from: second)
        return second.asked > 1
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try self.refuseIfAsked()
        if case .object = self.shape {} else { self.shape = .object(properties: [:], required: [], others: nil) }
        return KeyedDecodingContainer(Keyed<Key>(recorder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try self.refuseIfAsked()
        self.shape = .array(.any)
        return Unkeyed(recorder: self)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { Single(recorder: self) }

    fileprivate func refuseIfAsked() throws {
        guard self.refuses else { return }
        self.asked += 1
        throw DecodingError.typeMismatch(
            Any.self, .init(codingPath: self.codingPath, debugDescription: "refused, to see what else would do"))
    }

    fileprivate func note(_ name: String, _ shape: PayloadShape, required: Bool) {
        guard case .object(var properties, var names, let others) = self.shape else { return }
        properties[name] = shape
        if required { names.insert(name) }
        self.shape = .object(properties: properties, required: names, others: others)
    }

    /// Notes that any name may be a member's, with values of one shape.
    fileprivate func noteOthers(_ shape: PayloadShape) {
        guard case .object(let properties, let required, _) = self.shape else { return }
        self.shape = .object(properties: properties, required: required, others: shape)
    }

    /// A plausible value of a type that JSON has its own form for, or that `JSONText` writes in a form of its own.
    private static func scalar<Value>(_ type: Value.Type) -> (value: Value, shape: PayloadShape)? {
        func with(_ value: Any, _ shape: PayloadShape) -> (value: Value, shape: PayloadShape)? {
            (value as? Value).map { ($0, shape) }
        }
        let uuid = UUIDBytes(high: 0x7000, low: 1 << 63)
        switch type {
        case is String.Type: return with("text", .string(nil))
        case is Bool.Type: return with(true, .boolean)
        case is Double.Type: return with(1.0, .number)
        case is Float.Type: return with(Float(1), .number)
        case is Decimal.Type: return with(Decimal(1), .number)
        case is Date.Type: return with(Date(timeIntervalSince1970: 0), .string(.dateTime))
        case is Data.Type: return with(Data(), .string(nil))
        case is URL.Type: return URL(string: "https://example.com").flatMap { with($0, .string(nil)) }
        case is UUID.Type: return with(UUID(), .string(.uuid))
        case is UUIDBytes.Type: return with(uuid, .string(.uuid))
        case let identifier as any UUIDIdentifier.Type: return with(identifier.init(uuid), .string(.uuid))
        case let integer as any FixedWidthInteger.Type: return with(integer.init(1), .integer)
        default: return nil
        }
    }

    /// The first of a type's own list of values, and all of them as the shape.
    private static func cases<Value>(_ type: Value.Type) -> (value: Value, shape: PayloadShape)? {
        func list<Case: CaseIterable & Encodable>(_ type: Case.Type) -> (value: Value, shape: PayloadShape)? {
            guard let first = type.allCases.first as? Value else { return nil }
            let values = try? type.allCases.map { try JSONText.decode(JSONValue.self, from: try JSONText.encode($0)) }
            return values.map { (first, .oneOf($0)) }
        }
        guard let type = type as? any (CaseIterable & Encodable).Type else { return nil }
        return list(type)
    }
}

private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let recorder: ShapeRecorder
    var codingPath: [any CodingKey] { self.recorder.codingPath }

    /// Whoever asks for all keys takes any, as dictionaries do: it is given one that it did not name.
    var allKeys: [Key] {
        self.recorder.noteOthers(.any)
        return Key(stringValue: Self.anyName).map { [$0] } ?? []
    }

    private static var anyName: String { "\u{0}any" }

    func contains(_ key: Key) -> Bool {
        self.recorder.optionalKeys.insert(key.stringValue)
        self.recorder.probedKeys.insert(key.stringValue)
        return true
    }

    /// The standard library's `decodeIfPresent` for scalars asks `contains`, then this, before it decodes.
    func decodeNil(forKey key: Key) throws -> Bool {
        self.recorder.optionalKeys.insert(key.stringValue)
        self.recorder.probedKeys.remove(key.stringValue)
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
        if key.stringValue == Self.anyName {
            self.recorder.noteOthers(sample.shape)
        } else {
            self.recorder.note(key.stringValue, sample.shape, required: required)
        }
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
        let sample = try ShapeRecorder.value(type, at: self.codingPath)
        let shape: PayloadShape = .array(sample.shape)
        // Elements of several shapes: a tuple.
        self.recorder.shape = self.currentIndex == 0 || self.recorder.shape == shape ? shape : .array(.any)
        self.currentIndex += 1
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

    func decodeNil() -> Bool {
        self.recorder.isNullable = true
        return false
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try self.recorder.refuseIfAsked()
        self.recorder.asked += 1
        let sample = try ShapeRecorder.value(type, at: self.codingPath)
        self.recorder.shape = sample.shape
        return sample.value
    }
}
