// Foundation's coder with the settings of `JSONText`: what every text and value is compared with.

import Testing

@testable import JobQueue

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What Foundation makes of values and texts.
enum JSONReference {
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return Array(try encoder.encode(value))
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from json: [UInt8]) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(type, from: Data(json))
    }

    /// Expects the same text, or the same error. Answers whether it was written without Foundation.
    @discardableResult
    static func expectSameText(
        _ value: some Encodable, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) -> Bool {
        let theirs = Result { String(decoding: try Self.encode(value), as: UTF8.self) }
        let ours = Result { String(decoding: try JSONText.encode(value), as: UTF8.self) }
        switch (theirs, ours) {
        case (.success(let theirs), .success(let ours)):
            #expect(ours == theirs, comment, sourceLocation: sourceLocation)
        case (.failure(let theirs), .failure(let ours)):
            #expect(String(describing: ours) == String(describing: theirs), comment, sourceLocation: sourceLocation)
        case (.success, .failure), (.failure, .success):
            Issue.record("Foundation: \(theirs), JSONText: \(ours) \(comment ?? "")", sourceLocation: sourceLocation)
        }
        return JSONWriter.text(of: value) != nil
    }

    /// Expects an equal value, or the same error. Answers whether it was read without Foundation.
    ///
    /// Of several errors in the members of a dictionary, Foundation reports any: there, errors cannot be compared.
    @discardableResult
    static func expectSameValue<Value: Decodable & Equatable>(
        _ type: Value.Type, in json: [UInt8], comparesErrors: Bool = true, _ comment: Comment? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Bool {
        let theirs = Result { try Self.decode(type, from: json) }
        let ours = Result { try JSONText.decode(type, from: json) }
        let text = Comment(rawValue: "\(type) in \(String(decoding: json, as: UTF8.self)) \(comment?.rawValue ?? "")")
        switch (theirs, ours) {
        case (.success(let theirs), .success(let ours)): #expect(ours == theirs, text, sourceLocation: sourceLocation)
        case (.failure(let theirs), .failure(let ours)):
            guard comparesErrors else { break }
            #expect(String(describing: ours) == String(describing: theirs), text, sourceLocation: sourceLocation)
        case (.success, .failure), (.failure, .success):
            Issue.record("Foundation: \(theirs), JSONText: \(ours), \(text)", sourceLocation: sourceLocation)
        }
        return JSONReader.value(type, in: json) != nil
    }
}
