// JSON as bytes, for payloads, results and scripts: one place that knows the coder and its settings (dates as ISO 8601,
// keys as written, sorted so that equal values are equal texts).

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Encodes and decodes JSON texts.
public enum JSONText {
    public static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return Array(try encoder.encode(value))
    }

    public static func decode<Value: Decodable>(_ type: Value.Type, from json: [UInt8]) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(type, from: Data(json))
    }

    /// The text of encoded JSON.
    public static func string(_ value: some Encodable) throws -> String {
        String(decoding: try Self.encode(value), as: UTF8.self)
    }
}
