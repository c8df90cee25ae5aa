// JSON as bytes, for payloads, results and scripts: one place that knows the coder and its settings (dates as ISO 8601,
// keys as written, sorted so that equal values are equal texts).
//
// Foundation's coder defines what a value's text is and which texts are accepted; it also takes several microseconds
// for a payload of a hundred bytes, at every enqueue and in every handler. So `JSONWriter` and `JSONReader` go first.
// They know the ordinary payloads, and keep two rules:
// 1. A text they write, or a value they read, is the one Foundation would have made.
// 2. Whatever they do not know, doubt or refuse, Foundation does again from the start: its answer counts, and its
//    error is the one that is thrown. Errors cost both; a value's `encode(to:)` or `init(from:)` then runs twice.
//
// Foundation decides on: what is no strict JSON (RFC 8259), texts with a byte order mark or in UTF-16, depths over
// `JSONUnsupported.depthMax`, `Data`, `URL`, `Decimal`, numbers that are not finite, integers written with a fraction
// or an exponent or wider than 64 bits, super encoders and decoders, containers written in turns or after their end,
// a key written twice or with characters that need escapes, values that ask for their `codingPath`, and all errors.

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Encodes and decodes JSON texts.
public enum JSONText {
    /// The text of `value`: no white space, members sorted by their keys' UTF-8, dates as ISO 8601 without fractions.
    ///
    /// - Throws: `EncodingError`, or what the value's `encode(to:)` throws.
    public static func encode(_ value: some Encodable) throws -> [UInt8] {
        try JSONWriter.text(of: value) ?? Self.foundationEncode(value)
    }

    /// Foundation's own text.
    static func foundationEncode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return Array(try encoder.encode(value))
    }

    /// The value that `json` holds. Members that `type` does not ask for are ignored; of equal keys the first counts.
    ///
    /// - Throws: `DecodingError`, or what the value's `init(from:)` throws.
    public static func decode<Value: Decodable>(_ type: Value.Type, from json: [UInt8]) throws -> Value {
        if let value = JSONReader.value(type, in: json) { return value }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(type, from: Data(json))
    }

    /// The text of encoded JSON.
    public static func string(_ value: some Encodable) throws -> String {
        String(decoding: try Self.encode(value), as: UTF8.self)
    }
}

/// The fast coder leaves a value or a text to Foundation. Never seen outside this folder.
struct JSONUnsupported: Error {
    /// Deepest nesting of arrays and objects. Foundation's limit is 512; payloads have three or four levels.
    static let depthMax = 128
}
