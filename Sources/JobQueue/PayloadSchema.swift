// The JSON Schema of a payload, read off its Codable type: decoding is run once against a decoder that notes which keys
// are asked for, as what, and gives plausible values. It serves the doors that must refuse a payload "not of the kind's
// shape" without knowing the type. A type that refuses the plausible values (an enum of strings, say) yields no schema
// for that part; the worker's own decoding is the last word.

/// Derives, and checks against, a small subset of JSON Schema: `type`, `properties`, `required`, `items`.
public enum PayloadSchema {
    /// The schema of a type's JSON as JSON text; nil when nothing useful can be said.
    public static func derived(from type: (some Decodable).Type) -> String? {
        let shape = ShapeRecorder.shape(of: type)
        guard shape != .any else { return nil }
        return try? JSONText.string(shape)
    }

    /// Checks a payload.
    ///
    /// - Throws: `JobQueueError(.invalid)` naming the field, `payload.seconds`, and the rule it breaks.
    public static func check(_ payload: [UInt8], against schema: String) throws(JobQueueError) {
        let value: JSONValue
        let shape: PayloadShape
        do {
            value = try JSONText.decode(JSONValue.self, from: payload)
        } catch {
            throw .invalid("payload", "must be JSON")
        }
        do {
            shape = try JSONText.decode(PayloadShape.self, from: Array(schema.utf8))
        } catch {
            throw JobQueueError(.corrupt, field: "payload_schema", "the registered schema is not readable: \(error)")
        }
        try shape.check(value, at: "payload")
    }

    /// A decoding error in words that name the field.
    public static func explain(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        let (context, rule): (DecodingError.Context, String) =
            switch error {
            case .typeMismatch(let type, let context): (context, "must be \(type)")
            case .valueNotFound(let type, let context): (context, "must be \(type), is null")
            case .keyNotFound(let key, let context): (context, "must have \"\(key.stringValue)\"")
            case .dataCorrupted(let context): (context, context.debugDescription)
            @unknown default: (.init(codingPath: [], debugDescription: ""), "\(error)")
            }
        let path = (["payload"] + context.codingPath.map(\.stringValue)).joined(separator: ".")
        return "\(path): \(rule)"
    }
}

/// The subset of JSON Schema.
indirect enum PayloadShape: Hashable, Sendable {
    case any
    case string, integer, number, boolean
    case array(PayloadShape)
    case object(properties: [String: PayloadShape], required: Set<String>)

    func check(_ value: JSONValue, at path: String) throws(JobQueueError) {
        switch (self, value) {
        case (.any, _), (.string, .string), (.boolean, .bool), (.number, .number): return
        case (.integer, .number(let number)) where number.rounded() == number: return
        case (.array(let element), .array(let values)):
            for (index, value) in values.enumerated() { try element.check(value, at: "\(path)[\(index)]") }
        case (.object(let properties, let required), .object(let members)):
            for name in required.sorted() where members[name] == nil {
                throw .invalid("\(path).\(name)", "is required")
            }
            for (name, value) in members.sorted(by: { $0.key < $1.key }) {
                guard let shape = properties[name] else { continue }
                if value == .null, !required.contains(name) { continue }
                try shape.check(value, at: "\(path).\(name)")
            }
        case (.string, _), (.integer, _), (.number, _), (.boolean, _), (.array, _), (.object, _):
            throw .invalid(path, "must be \(self.article)")
        }
    }

    private var article: String {
        switch self {
        case .any: "anything"
        case .string: "a string"
        case .integer: "an integer"
        case .number: "a number"
        case .boolean: "true or false"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension PayloadShape: Codable {
    private enum Key: String, CodingKey { case type, properties, required, items }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .any: break
        case .string: try container.encode("string", forKey: .type)
        case .integer: try container.encode("integer", forKey: .type)
        case .number: try container.encode("number", forKey: .type)
        case .boolean: try container.encode("boolean", forKey: .type)
        case .array(let element):
            try container.encode("array", forKey: .type)
            try container.encode(element, forKey: .items)
        case .object(let properties, let required):
            try container.encode("object", forKey: .type)
            try container.encode(properties, forKey: .properties)
            try container.encode(required.sorted(), forKey: .required)
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        switch try container.decodeIfPresent(String.self, forKey: .type) {
        case "string": self = .string
        case "integer": self = .integer
        case "number": self = .number
        case "boolean": self = .boolean
        case "array": self = .array(try container.decodeIfPresent(PayloadShape.self, forKey: .items) ?? .any)
        case "object":
            self = .object(
                properties: try container.decodeIfPresent([String: PayloadShape].self, forKey: .properties) ?? [:],
                required: Set(try container.decodeIfPresent([String].self, forKey: .required) ?? []))
        default: self = .any
        }
    }
}
