// Any JSON value, for the places that check or pass on JSON whose type they do not know.

/// A JSON value. Numbers are doubles: for shape checks and display, not for arithmetic.
public indirect enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    public subscript(_ name: String) -> JSONValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
}

extension JSONValue: Codable {
    public init(from decoder: any Decoder) throws {
        // The reader knows what stands there; any other decoder has to be asked for one type after the other.
        if let reader = decoder as? JSONReader {
            self = try reader.outline.anyValue(at: reader.index)
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value):
            if let whole = Int64(exactly: value) { try container.encode(whole) } else { try container.encode(value) }
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension JSONOutline {
    /// The value at an entry, whatever it is.
    fileprivate func anyValue(at index: Int) throws(JSONUnsupported) -> JSONValue {
        let entry = self.entries[index]
        switch entry.kind {
        case .null: return .null
        case .true: return .bool(true)
        case .false: return .bool(false)
        case .integer, .fraction: return .number(try self.double(at: index))
        case .asciiText, .unicodeText, .escapedText: return .string(try self.string(at: index))
        case .array:
            var elements: [JSONValue] = []
            elements.reserveCapacity(entry.count)
            var next = index + 1
            while next < Int(entry.end) {
                elements.append(try self.anyValue(at: next))
                next = self.next(after: next)
            }
            return .array(elements)
        case .object:
            var members: [String: JSONValue] = [:]
            members.reserveCapacity(entry.count)
            var next = index + 1
            while next < Int(entry.end) {
                let key = self.key(at: next)
                if members[key] == nil { members[key] = try self.anyValue(at: next + 1) }
                next = self.next(after: next + 1)
            }
            return .object(members)
        }
    }
}
