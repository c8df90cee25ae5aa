// Which node owns which key of a cluster: hash slots, the slot map, redirections. Values only, no I/O.

/// Hash slots (Redis Cluster specification, "Key distribution model" and "Hash tags").
enum ClusterSlots {
    static let count = 16_384

    /// The slot of a key: of what stands between the first `{` and the next `}`, if that is not empty.
    static func slot(of key: ArraySlice<UInt8>) -> Int {
        var tag = key
        if let open = key.firstIndex(of: UInt8(ascii: "{")) {
            let inner = key[(open + 1)...]
            if let close = inner.firstIndex(of: UInt8(ascii: "}")), close > inner.startIndex { tag = inner[..<close] }
        }
        return Int(self.crc16(tag)) % self.count
    }

    /// CRC-16/XMODEM: polynomial 0x1021, start 0.
    static func crc16(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        bytes.reduce(0) { crc, byte in crc << 8 ^ self.table[Int(UInt8(crc >> 8) ^ byte)] }
    }

    private static let table: [UInt16] = (0..<256).map { index in
        (0..<8).reduce(UInt16(index) << 8) { crc, _ in crc & 0x8000 != 0 ? crc << 1 ^ 0x1021 : crc << 1 }
    }
}

/// The owner of each slot, as far as we know. Redirections correct it.
struct ClusterMap: Sendable, Equatable {
    private var owners = [RedisEndpoint?](repeating: nil, count: ClusterSlots.count)

    /// All masters that own a slot.
    var masters: Set<RedisEndpoint> { Set(self.owners.compactMap(\.self)) }

    func owner(ofSlot slot: Int) -> RedisEndpoint? { self.owners[slot] }

    mutating func setOwner(_ endpoint: RedisEndpoint, ofSlot slot: Int) {
        guard self.owners.indices.contains(slot) else { return }
        self.owners[slot] = endpoint
    }

    init() {}

    /// Reads the reply of `CLUSTER SLOTS`. A node that does not know its own name says "" or null: then it is `asked`.
    init(slotsReply: RedisValue, asked: RedisEndpoint) throws(RedisError) {
        for range in try slotsReply.requireArray() {
            let parts = try range.requireArray()
            guard parts.count >= 3 else { throw RedisError(.unexpectedReply, "CLUSTER SLOTS: a range has no master") }
            let master = try parts[2].requireArray()
            guard master.count >= 2 else { throw RedisError(.unexpectedReply, "CLUSTER SLOTS: a master has no port") }
            let (first, last) = (try parts[0].requireInt(), try parts[1].requireInt())
            guard first >= 0, first <= last, last < ClusterSlots.count else {
                throw RedisError(.unexpectedReply, "CLUSTER SLOTS: no such range as \(first) to \(last)")
            }
            let endpoint = Self.endpoint(host: master[0].string, port: try master[1].requireInt(), asked: asked)
            for slot in first...last { self.owners[slot] = endpoint }
        }
    }

    static func endpoint(host: String?, port: Int, asked: RedisEndpoint) -> RedisEndpoint {
        if let host, !host.isEmpty, host != "?" { return .tcp(host: host, port: port) }
        switch asked {
        case .tcp(let host, _): return .tcp(host: host, port: port)
        case .unix: return asked
        }
    }
}

/// A node's answer that another node must be asked.
enum ClusterRedirection: Equatable {
    /// For good: the map is out of date.
    case moved(slot: Int, to: RedisEndpoint)
    /// This once: the slot is being moved.
    case ask(RedisEndpoint)

    /// Reads `MOVED 3999 127.0.0.1:6381` or `ASK …`; an empty host means the one that answered.
    init?(_ error: RedisServerError, from asked: RedisEndpoint) {
        guard error.prefix == "MOVED" || error.prefix == "ASK" else { return nil }
        let words = error.message.split(separator: " ")
        guard words.count == 3, let slot = Int(words[1]), (0..<ClusterSlots.count).contains(slot),
            let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...])
        else { return nil }
        let endpoint = ClusterMap.endpoint(host: String(words[2][..<colon]), port: port, asked: asked)
        self = error.prefix == "MOVED" ? .moved(slot: slot, to: endpoint) : .ask(endpoint)
    }
}
