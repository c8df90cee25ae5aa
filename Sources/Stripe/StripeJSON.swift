// A JSON value, for the parts of an event that are read by shape: Stripe's objects have hundreds of members that differ
// from version to version, and a strict type would refuse an event for the sake of a member that nobody reads.

/// A JSON value.
public indirect enum StripeJSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([StripeJSON])
    case object([String: StripeJSON])

    /// A member of an object; nil for what is no object, and for a member that is absent or null.
    public subscript(_ name: String) -> StripeJSON? {
        guard case .object(let members) = self, let value = members[name], value != .null else { return nil }
        return value
    }

    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var int: Int64? { if case .int(let value) = self { value } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var array: [StripeJSON]? { if case .array(let value) = self { value } else { nil } }

    /// The id of what may be an id or the whole, "expanded", object.
    public var reference: String? { self.string ?? self["id"]?.string }

    /// Whether every member that `part` has, is here too with the same value; what `part` lacks does not matter.
    func contains(_ part: StripeJSON) -> Bool {
        guard case .object(let wanted) = part, case .object(let members) = self else { return self == part }
        return wanted.allSatisfy { name, value in
            if let member = members[name] { member.contains(value) } else { value == .null }
        }
    }
}

extension StripeJSON: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // Each `try?` asks "is it one of these?"; the last question is the one whose answer may be an error.
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .int(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([StripeJSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: StripeJSON].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
