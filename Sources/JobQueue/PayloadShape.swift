// The subset of JSON Schema that payloads are checked against, as a value: what of it is understood, how it is written,
// and in which words a payload is refused. Where shapes come from is in PayloadSchema.

internal import JobModel

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What a part of a payload must look like.
indirect enum PayloadShape: Hashable, Sendable {
    case any
    case string(StringFormat?)
    case integer, number, boolean, null
    case oneOf([JSONValue])
    case array(PayloadShape)
    /// `others` is the shape of members that are not in `properties`; nil: there may be none.
    case object(properties: [String: PayloadShape], required: Set<String>, others: PayloadShape?)
    /// The shape, or null.
    case nullable(PayloadShape)

    /// What a text must be. The raw values are JSON Schema's.
    enum StringFormat: String, Sendable {
        case uuid
        case dateTime = "date-time"

        func allows(_ text: String) -> Bool {
            switch self {
            case .uuid: UUIDBytes(text) != nil
            // The decoder that will read it has the last word on what a date is, so it has the first, too.
            case .dateTime:
                (try? JSONText.encode(text)).flatMap { try? JSONText.decode(Date.self, from: $0) } != nil
            }
        }
    }

    /// - Throws: `JobQueueError(.invalid)` naming the first member, in the order of names, that breaks a rule. Members
    ///   that are not known come before those that are missing: mostly one is the other's misspelling.
    func check(_ value: JSONValue, at path: String) throws(JobQueueError) {
        switch (self, value) {
        case (.any, _), (.string(nil), .string), (.boolean, .bool), (.number, .number), (.null, .null),
            (.nullable, .null):
            return
        case (.nullable(let shape), _): try shape.check(value, at: path)
        case (.string(let format?), .string(let text)) where format.allows(text): return
        case (.integer, .number(let number)) where number.rounded() == number && number.magnitude <= Self.widest: return
        case (.oneOf(let values), _) where values.contains(value): return
        case (.array(let element), .array(let values)):
            for (index, value) in values.enumerated() { try element.check(value, at: "\(path)[\(index)]") }
        case (.object(let properties, let required, let others), .object(let members)):
            if others == nil, let unknown = members.keys.filter({ properties[$0] == nil }).min() {
                throw .invalid("\(path).\(unknown)", Self.isUnknown(known: properties.keys.sorted()))
            }
            for name in required.sorted() where members[name] == nil {
                throw .invalid("\(path).\(name)", "is required")
            }
            for (name, value) in members.sorted(by: { $0.key < $1.key }) {
                guard let shape = properties[name] ?? others else { continue }
                if value == .null, properties[name] != nil, !required.contains(name) { continue }
                try shape.check(value, at: "\(path).\(name)")
            }
        case (.string, _), (.integer, _), (.number, _), (.boolean, _), (.null, _), (.oneOf, _), (.array, _),
            (.object, _):
            throw .invalid(path, "must be \(self.article)")
        }
    }

    /// No integer of Swift's is wider (as a `Double`, which cannot hold the 64 ones themselves).
    private static let widest = 0x1p64

    private static func isUnknown(known: [String]) -> String {
        known.isEmpty
            ? "is not a member of this kind's payload: it has none"
            : "is not a member of this kind's payload: known here \(known.count == 1 ? "is" : "are") "
                + known.joined(separator: ", ")
    }

    /// What it must be: `a string`.
    var article: String {
        switch self {
        case .any: "anything"
        case .string(nil): "a string"
        case .string(.uuid): "a UUID"
        case .string(.dateTime): "a time like 2026-01-31T12:00:00Z"
        case .integer: "an integer"
        case .number: "a number"
        case .boolean: "true or false"
        case .null: "null"
        case .oneOf(let values):
            "one of " + values.map { (try? JSONText.string($0)) ?? "?" }.joined(separator: ", ")
        case .array: "an array"
        case .object: "an object"
        case .nullable(let shape): "\(shape.article) or null"
        }
    }
}

extension PayloadShape: Codable {
    private enum Key: String, CodingKey {
        case type, format, properties, required, additionalProperties, items, anyOf
        case oneOf = "enum"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .any: break
        case .string(let format):
            try container.encode("string", forKey: .type)
            try container.encodeIfPresent(format?.rawValue, forKey: .format)
        case .integer: try container.encode("integer", forKey: .type)
        case .number: try container.encode("number", forKey: .type)
        case .boolean: try container.encode("boolean", forKey: .type)
        case .null: try container.encode("null", forKey: .type)
        case .oneOf(let values): try container.encode(values, forKey: .oneOf)
        case .array(let element):
            try container.encode("array", forKey: .type)
            try container.encode(element, forKey: .items)
        case .object(let properties, let required, let others):
            try container.encode("object", forKey: .type)
            try container.encode(properties, forKey: .properties)
            try container.encode(required.sorted(), forKey: .required)
            if let others {
                try container.encode(others, forKey: .additionalProperties)
            } else {
                try container.encode(false, forKey: .additionalProperties)
            }
        case .nullable(let shape):
            try container.encode([shape, .null], forKey: .anyOf)
        }
    }

    /// Reads a schema; what is not understood of it allows anything.
    init(from decoder: any Decoder) throws {
        // `true` and `false` are schemas, too; a `false` is understood where it matters: `additionalProperties`.
        guard let container = try? decoder.container(keyedBy: Key.self) else {
            _ = try decoder.singleValueContainer().decode(Bool.self)
            self = .any
            return
        }
        if let values = try container.decodeIfPresent([JSONValue].self, forKey: .oneOf) {
            self = .oneOf(values)
            return
        }
        if let shapes = try container.decodeIfPresent([PayloadShape].self, forKey: .anyOf) {
            self = shapes.count == 2 && shapes[1] == .null ? .nullable(shapes[0]) : .any
            return
        }
        // A list of types is not understood.
        switch try? container.decode(String.self, forKey: .type) {
        case "string":
            self = .string((try container.decodeIfPresent(String.self, forKey: .format)).flatMap(StringFormat.init))
        case "integer": self = .integer
        case "number": self = .number
        case "boolean": self = .boolean
        case "null": self = .null
        case "array": self = .array(try container.decodeIfPresent(PayloadShape.self, forKey: .items) ?? .any)
        case "object":
            let isClosed = (try? container.decode(Bool.self, forKey: .additionalProperties)) == false
            self = .object(
                properties: try container.decodeIfPresent([String: PayloadShape].self, forKey: .properties) ?? [:],
                required: Set(try container.decodeIfPresent([String].self, forKey: .required) ?? []),
                others: isClosed
                    ? nil : try container.decodeIfPresent(PayloadShape.self, forKey: .additionalProperties) ?? .any)
        default: self = .any
        }
    }
}
