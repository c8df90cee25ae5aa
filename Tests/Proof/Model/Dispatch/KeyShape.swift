// How a key's contents are asked for, by its name: a key of another type than its name says answers with an error, and
// that is a difference.

internal import Redis

/// What kind of thing a key is, by its name.
enum KeyShape {
    case text, list, hash, sortedSet
    /// An idempotency key: its name is a digest, its value the job's id and its payload's digest.
    case holder

    private static let shapes: [(part: String, shape: KeyShape)] = [
        (":d:", .sortedSet), (":f:", .list), (":ring:", .list), (":quarantine", .sortedSet), (":turn", .text),
        (":run:", .hash), (":gone:", .text), (":due", .sortedSet), (":deaths", .sortedSet), (":dead", .sortedSet),
        (":graves", .hash), (":key:", .holder), (":wake", .list), (":state", .hash), (":sessions", .sortedSet),
        (":caretaker", .text), (":generation", .text), (":counters", .hash), (":recovery", .hash),
        (":counted:", .text),
    ]

    init(of name: [UInt8]) {
        let rest = name.drop { $0 != UInt8(ascii: "}") }.dropFirst()
        self = Self.shapes.first { rest.starts(with: $0.part.utf8) }?.shape ?? .text
    }

    var isHolder: Bool { self == .holder }

    func read(_ name: [UInt8]) -> RedisCommand {
        switch self {
        case .text, .holder: return RedisCommand(name: "GET", bytes: name)
        case .list: return RedisCommand(name: "LRANGE", bytes: name, "0", "-1")
        case .hash: return RedisCommand(name: "HGETALL", bytes: name)
        case .sortedSet: return RedisCommand(name: "ZRANGE", bytes: name, "0", "-1", "WITHSCORES")
        }
    }

    func value(_ reply: RedisValue) -> KeyContents.Value {
        if let error = reply.error { return .other("\(error)") }
        let parts = reply.array?.compactMap(\.bytes) ?? []
        switch self {
        case .text, .holder: return reply.bytes.map { .text($0) } ?? .other("\(reply)")
        case .list: return .list(parts)
        case .hash:
            let pairs = stride(from: 0, to: parts.count - 1, by: 2).map { (parts[$0], parts[$0 + 1]) }
            return .hash(Dictionary(pairs) { first, _ in first })
        case .sortedSet:
            return .sortedSet(
                stride(from: 0, to: parts.count - 1, by: 2).map {
                    .init(member: parts[$0], score: String(decoding: parts[$0 + 1], as: UTF8.self))
                })
        }
    }

    /// The name by which the model knows the key.
    func name(_ name: [UInt8], _ value: KeyContents.Value) -> [UInt8] {
        guard case .holder = self, case .text(let bytes) = value, bytes.count == 32 else { return name }
        let part = Array(":key:".utf8)
        return name.prefix { $0 != UInt8(ascii: "}") } + [UInt8(ascii: "}")] + part + bytes.prefix(16)
    }
}

extension KeyContents {
    /// Only the job's id.
    var withoutPayload: KeyContents {
        guard case .text(let bytes) = self.value, bytes.count == 32 else { return self }
        return KeyContents(.text(Array(bytes.prefix(16))), expires: self.expires)
    }
}

extension RedisCommand {
    /// A command whose first argument is bytes.
    init(name: String, bytes: [UInt8], _ rest: String...) {
        self.init(name)
        self.append(bytes)
        self.append(contentsOf: rest)
    }
}
