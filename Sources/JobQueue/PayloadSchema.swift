// The JSON Schema of a payload, read off its Codable type: decoding is run once against a decoder that notes which keys
// are asked for, as what, and gives plausible values. It serves the doors that must refuse a payload "not of the kind's
// shape" without knowing the type. A type that refuses the plausible values (a hand-written enum, say) yields no schema
// for that part; the worker's own decoding is the last word.
//
// Invariants:
// 1. What `JSONText` encodes of a value, the schema derived from its type accepts.
// 2. A derived object is closed: a member that its type never reads is refused, since it would be silently dropped.
//    Dictionaries are open, and so are objects whose type asks which members there are before it reads them.

/// Derives, and checks against, a small subset of JSON Schema: `type`, `properties`, `required`,
/// `additionalProperties`, `items`, `enum`, `anyOf` with null, and the formats `uuid` and `date-time`.
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
            throw JobQueueError(
                .corrupt, field: "payload_schema", "is registered, but is no JSON Schema that can be read",
                underlying: error)
        }
        try shape.check(value, at: "payload")
    }

    /// A decoding error in words that name the field.
    public static func explain(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        let (context, rule): (DecodingError.Context, String) =
            switch error {
            case .typeMismatch(let type, let context): (context, "must be \(Self.article(type))")
            case .valueNotFound(let type, let context): (context, "must be \(Self.article(type)), is null")
            case .keyNotFound(let key, let context): (context, "must have \"\(key.stringValue)\"")
            case .dataCorrupted(let context): (context, context.debugDescription)
            @unknown default: (.init(codingPath: [], debugDescription: ""), "\(error)")
            }
        let path = (["payload"] + context.codingPath.map(\.stringValue)).joined(separator: ".")
        return "\(path): \(rule)"
    }

    /// A decoder's word for what it wanted, in JSON's.
    private static func article(_ type: Any.Type) -> String {
        switch type {
        case is [String: Any].Type: "an object"
        case is [Any].Type: "an array"
        case let type as any Decodable.Type: ShapeRecorder.shape(of: type).article
        default: "a \(type)"
        }
    }
}
