// The keys that a queue has in Redis, and their types, as docs/architecture.md lists them: to tell what was damaged.

internal import Redis

/// What a key below `{<namespace>:<queue>}:`, or below `{<namespace>}:`, is for.
enum KnownKey: Sendable, Hashable {
    case durableLane(priority: UInt8, lane: [UInt8])
    case fastLane(priority: UInt8, lane: [UInt8])
    case ring(priority: UInt8)
    case running([UInt8])
    case delayed
    case quarantine
    case state
    /// Nothing but its type is looked at.
    case plain(String)
    /// What a person put aside.
    case damaged
    case unreadable

    /// As Redis names types.
    var type: String? {
        switch self {
        case .durableLane, .quarantine, .delayed: "zset"
        case .fastLane, .ring, .unreadable: "list"
        case .running, .state: "hash"
        case .plain(let type): type
        case .damaged: nil
        }
    }

    /// Whether the ledger can fill it again.
    var comesBack: Bool {
        switch self {
        case .durableLane, .ring, .quarantine, .state: true
        case .fastLane, .running, .delayed, .plain, .damaged, .unreadable: false
        }
    }

    /// A key of a queue; nil: none that this version knows.
    init?(ofQueue name: ArraySlice<UInt8>) {
        let parts = name.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        let rest = parts.count == 2 ? Array(parts[1]) : []
        switch String(decoding: parts[0], as: UTF8.self) {
        case "d" where parts.count == 2:
            guard let (priority, lane) = Self.lane(rest) else { return nil }
            self = .durableLane(priority: priority, lane: lane)
        case "f" where parts.count == 2:
            guard let (priority, lane) = Self.lane(rest) else { return nil }
            self = .fastLane(priority: priority, lane: lane)
        case "ring" where rest.count == 1 && Self.priorities.contains(rest[0]): self = .ring(priority: rest[0])
        case "run" where rest.count == 16: self = .running(rest)
        case "gone" where rest.count == 16, "key" where rest.count == 16: self = .plain("string")
        case "turn" where parts.count == 1: self = .plain("string")
        case "due" where parts.count == 1: self = .delayed
        case "quarantine" where parts.count == 1: self = .quarantine
        case "state" where parts.count == 1: self = .state
        case "dead" where parts.count == 1: self = .plain("zset")
        case "graves" where parts.count == 1: self = .plain("hash")
        case "wake" where parts.count == 1: self = .plain("list")
        case "unreadable" where parts.count == 1: self = .unreadable
        case "damaged": self = .damaged
        default: return nil
        }
    }

    /// A key of the whole pool; nil: none that this version knows.
    init?(ofPool name: ArraySlice<UInt8>) {
        switch String(decoding: name.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self) {
        case "sessions", "deaths": self = .plain("zset")
        case "caretaker", "generation", "counted": self = .plain("string")
        case "counters", "recovery": self = .plain("hash")
        case "damaged": self = .damaged
        default: return nil
        }
    }

    private static let priorities = UInt8(ascii: "0")...UInt8(ascii: "2")

    private static func lane(_ rest: [UInt8]) -> (UInt8, [UInt8])? {
        guard rest.count == 2 || rest.count == 18, rest[1] == UInt8(ascii: ":"), Self.priorities.contains(rest[0])
        else { return nil }
        return (rest[0], Array(rest[2...]))
    }
}
