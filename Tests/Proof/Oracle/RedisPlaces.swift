// All that Redis holds of one queue system, read key by key: where each job is, and what is wrong with the structure
// (I6). docs/architecture.md has the keys, the scripts have their invariants.

internal import JobModel
internal import Redis

/// Where jobs are in Redis.
struct RedisPlaces: Sendable {
    enum Place: Sendable, Hashable {
        /// In a lane, or in quarantine.
        case waiting
        /// In the running set of a session.
        case running(session: String)
    }

    /// Durable jobs by id.
    private(set) var durable: [String: Place] = [:]
    /// Fast jobs by id: the key in which each is. The dead are among them.
    private(set) var fast: [String: String] = [:]
    private(set) var fastDead: Set<String> = []
    /// Sessions that have a lease.
    private(set) var sessions: Set<String> = []
    /// Sessions that have a running set.
    private(set) var holders: Set<String> = []
    private(set) var queueStates: [String: String] = [:]
    private(set) var violations: [Violation] = []

    private var lanes: [String: Set<String>] = [:]
    private var rings: [String: [String]] = [:]
    /// For each queue, how many more graves it has than dead.
    private var dead: [String: Int] = [:]

    /// Fast jobs that wait or run.
    var fastOpen: Set<String> { Set(self.fast.keys).subtracting(self.fastDead) }

    /// Reads all keys of the namespace.
    static func read(_ redis: RedisClient, namespace: String) async throws -> RedisPlaces {
        let reader = RedisReader(redis: redis)
        var places = RedisPlaces()
        for key in try await reader.keys("{\(namespace)*").sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            try await places.read(key, reader, namespace)
        }
        places.checkRings()
        for (base, difference) in places.dead where difference != 0 {
            places.violate("the graves of \(base) and its list of the dead differ in length")
        }
        return places
    }

    private mutating func read(_ key: [UInt8], _ reader: RedisReader, _ namespace: String) async throws {
        let name = Self.text(key)
        guard let brace = name.firstIndex(of: "}"), name[brace...].hasPrefix("}:") else {
            self.violate("the key \(name) is nobody's")
            return
        }
        // The queue, after a colon; empty for what is no queue's.
        let tag = name[..<brace].dropFirst(namespace.count + 1)
        // Of a namespace that begins with ours.
        guard tag.isEmpty || tag.hasPrefix(":") else { return }
        let parts = name[brace...].dropFirst(2).split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        let base = name[...brace]
        switch (tag.isEmpty, parts[0]) {
        case (true, "sessions"):
            self.sessions = Set(try await reader.list("ZRANGE", key, "0", "-1").map { Self.id($0[...]) })
        case (true, "caretaker"), (true, "generation"), (true, "counters"), (true, "counted"), (true, "deaths"),
            (true, "recovery"), (false, "turn"), (false, "gone"), (false, "key"):
            break
        case (false, "d") where parts.count == 3:
            self.lanes["\(base):ring:\(parts[1])", default: []].insert("d\(parts[2])")
            for id in try await reader.list("ZRANGE", key, "0", "-1") { self.place(durable: id[...], .waiting) }
        case (false, "f") where parts.count == 3:
            self.lanes["\(base):ring:\(parts[1])", default: []].insert("f\(parts[2])")
            for entry in try await reader.list("LRANGE", key, "0", "-1") { self.place(entry: entry[...], name) }
        case (false, "ring"):
            self.rings[name] = try await reader.list("LRANGE", key, "0", "-1").map { Self.text($0) }
        case (false, "quarantine"):
            for member in try await reader.list("ZRANGE", key, "0", "-1") {
                if member.first == UInt8(ascii: "d") {
                    self.place(durable: member.dropFirst(), .waiting)
                } else {
                    self.place(entry: member.dropFirst(), name)
                }
            }
        case (false, "run"): try await self.readRunningSet(key, name, reader)
        case (false, "due"):
            for entry in try await reader.list("ZRANGE", key, "0", "-1") { self.place(entry: entry[...], name) }
        case (false, "graves"): try await self.readGraves(key, name, base, reader)
        case (false, "dead"):
            self.dead["\(base)", default: 0] -= try await reader.list("ZRANGE", key, "0", "-1").count
        case (false, "state"):
            let fields = try await reader.pairs(key)
            self.queueStates[String(tag.dropFirst())] = fields.first { $0.0 == Array("is".utf8) }.map {
                Self.text($0.1)
            }
        case (false, "wake"):
            let tokens = try await reader.list("LRANGE", key, "0", "-1").count
            if tokens > 1 { self.violate("\(name) holds \(tokens) tokens") }
        default:
            self.violate("the key \(name) is nobody's")
        }
    }

    private mutating func readRunningSet(_ key: [UInt8], _ name: String, _ reader: RedisReader) async throws {
        let prefix = name.firstRange(of: "}:run:").map { name.distance(from: name.startIndex, to: $0.upperBound) } ?? 0
        let session = Self.id(key[prefix...])
        self.holders.insert(session)
        for (id, value) in try await reader.pairs(key) {
            if value.first == UInt8(ascii: "f") {
                self.place(entry: value.dropFirst(), name)
            } else {
                self.place(durable: id[...], .running(session: session))
            }
        }
    }

    private mutating func readGraves(
        _ key: [UInt8], _ name: String, _ base: Substring, _ reader: RedisReader
    ) async throws {
        let graves = try await reader.pairs(key)
        self.dead["\(base)", default: 0] += graves.count
        for (_, value) in graves {
            guard let end = value.firstIndex(of: 10), let id = self.place(entry: value[(end + 1)...], name) else {
                self.violate("an entry of \(name) has no reason", "I7")
                continue
            }
            self.fastDead.insert(id)
            // The entry's second byte counts crashes; three are forgiven.
            let crashes = value[end + 2]
            let isPoison = Self.text(value[..<end]).contains("\"poison\"")
            if isPoison != (crashes > 3) { self.violate("fast job \(id) is dead after \(crashes) crashes", "I7") }
        }
    }

    private mutating func place(durable bytes: ArraySlice<UInt8>, _ place: Place) {
        let id = Self.id(bytes)
        if let other = self.durable.updateValue(place, forKey: id) {
            self.violate("durable job \(id) is in two places in Redis: \(other) and \(place)")
        }
    }

    /// FastEntry.swift has the layout.
    @discardableResult
    private mutating func place(entry: ArraySlice<UInt8>, _ place: String) -> String? {
        let bytes = Array(entry)
        guard bytes.count > 6, bytes.count >= 22 + Int(bytes[5]) else {
            self.violate("an entry in \(place) is too short")
            return nil
        }
        let start = 6 + Int(bytes[5])
        let id = Self.id(bytes[start..<start + 16])
        if let other = self.fast.updateValue(place, forKey: id) {
            self.violate("fast job \(id) is in two places: \(other) and \(place)")
        }
        return id
    }

    /// A lane is in its ring once exactly if it holds jobs. (A key that holds nothing is not there.)
    private mutating func checkRings() {
        for ring in Set(self.rings.keys).union(self.lanes.keys).sorted() {
            let members = self.rings[ring] ?? []
            let lanes = self.lanes[ring] ?? []
            if Set(members).count != members.count { self.violate("a lane is twice in \(ring)") }
            for lane in lanes.subtracting(members) { self.violate("lane \(lane) holds jobs and is not in \(ring)") }
            for lane in Set(members).subtracting(lanes) { self.violate("lane \(lane) is empty and in \(ring)") }
        }
    }

    private mutating func violate(_ what: String, _ invariant: String = "I6") {
        self.violations.append(Violation(invariant: invariant, what: what))
    }

    /// Latin-1: the keys of families' lanes end in 16 bytes that are no text.
    private static func text(_ bytes: some Collection<UInt8>) -> String {
        if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
        var text = String.UnicodeScalarView()
        for byte in bytes { text.append(Unicode.Scalar(byte)) }
        return String(text)
    }

    private static func id(_ bytes: ArraySlice<UInt8>) -> String {
        UUIDBytes(bytes: bytes).map { "\($0)" } ?? "of \(bytes.count) bytes"
    }
}

/// Plain commands on keys that may be no text.
private struct RedisReader {
    let redis: RedisClient

    func keys(_ pattern: String) async throws -> Set<[UInt8]> {
        var keys: Set<[UInt8]> = []
        var cursor = "0"
        repeat {
            let reply = try await self.redis.send(RedisCommand("SCAN", cursor, "MATCH", pattern, "COUNT", "1000"))
                .requireArray()
            cursor = try reply[0].requireString()
            for key in try reply[1].requireArray() { keys.insert(try key.requireBytes()) }
        } while cursor != "0"
        return keys
    }

    func list(_ name: String, _ key: [UInt8], _ arguments: String...) async throws -> [[UInt8]] {
        var command = RedisCommand(name)
        command.append(key)
        command.append(contentsOf: arguments)
        return try (try await self.redis.send(command).array ?? []).map { try $0.requireBytes() }
    }

    func pairs(_ key: [UInt8]) async throws -> [([UInt8], [UInt8])] {
        let flat = try await self.list("HGETALL", key)
        return stride(from: 0, to: flat.count - 1, by: 2).map { (flat[$0], flat[$0 + 1]) }
    }
}
