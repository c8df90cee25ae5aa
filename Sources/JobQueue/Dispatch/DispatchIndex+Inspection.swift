// A close look at what Redis holds, for `doctor`: every key's type, every lane's members, every entry's bytes. It
// changes nothing, and takes what it finds for nothing but what it is. Not for a heartbeat: it walks over the keys.

public import JobModel
internal import Redis

/// Something in Redis that no part of the queue writes.
public struct IndexDamage: Sendable, Hashable {
    /// The key, as `redis-cli` takes it between double quotes.
    public let key: String
    /// A sentence that names the key and what is wrong with it.
    public let what: String
    /// What to do.
    public let remedy: String
    /// False: it is in nobody's way.
    public let isBroken: Bool

    public init(key: String, what: String, remedy: String, isBroken: Bool) {
        self.key = key
        self.what = what
        self.remedy = remedy
        self.isBroken = isBroken
    }
}

/// A ledger job's id that waits in Redis.
public struct WaitingHint: Sendable, Hashable {
    public let id: JobID
    public let seq: Int64
    /// The key, as `redis-cli` takes it between double quotes.
    public let key: String
}

/// What a look at a queue, or at the pool, found.
public struct IndexInspection: Sendable, Hashable {
    public var damage: [IndexDamage] = []
    /// To be compared with the ledger.
    public var hints: [WaitingHint] = []
    /// Sessions that hold something in this queue.
    public var holders: [SessionID] = []
    /// False: there was more than is looked at.
    public var isWhole = true

    mutating func add(_ key: some Sequence<UInt8>, _ what: String, _ remedy: String, isBroken: Bool = true) {
        let key = ScriptReply.printable(key)
        self.damage.append(IndexDamage(key: key, what: "\(key): \(what)", remedy: remedy, isBroken: isBroken))
    }
}

extension DispatchIndex {
    /// How many keys, and how many members of a queue's keys, are looked at.
    private static let keysMax = 1_000_000
    private static let membersMax = 20_000
    private static let page = 1000

    /// Looks at every key of a queue.
    public func inspect(_ queue: QueueName) async throws -> IndexInspection {
        let base = self.base(queue)
        var found = IndexInspection()
        var rings: [UInt8: Set<[UInt8]>] = [:]
        var lanes: [(key: [UInt8], ring: UInt8, member: [UInt8])] = []
        for (key, type) in try await self.keys(below: "\(base):", &found) {
            guard let known = KnownKey(ofQueue: key.dropFirst(base.utf8.count + 1)) else {
                found.add(
                    key, "is no key that this version writes",
                    "is a newer chorewheel at work? use its doctor; else see who writes here, and delete the key",
                    isBroken: false)
                continue
            }
            guard known.type == type || known == .damaged else {
                found.add(key, "is a \(type) and must be a \(known.type ?? "")", Self.putAside(key, known, base))
                continue
            }
            switch known {
            case .durableLane(let priority, let lane):
                lanes.append((key, priority, [UInt8(ascii: "d")] + lane))
                try await self.inspect(durable: key, &found)
            case .fastLane(let priority, let lane):
                lanes.append((key, priority, [UInt8(ascii: "f")] + lane))
                try await self.inspectEntries(of: key, command: "LRANGE", &found) { bytes in
                    Self.fault(of: bytes, priority: priority, lane: lane)
                }
            case .ring(let priority):
                let members = try await self.members(of: key, command: "LRANGE", &found)
                rings[priority] = Set(members)
                for member in members where !Self.isLane(member) {
                    found.add(
                        key, "lists \"\(ScriptReply.printable(member))\", which is no lane",
                        "LREM \"\(ScriptReply.printable(key))\" 0 \"\(ScriptReply.printable(member))\" in redis-cli")
                }
            case .running(let session): try await self.inspect(running: key, session, &found)
            case .delayed:
                try await self.inspectEntries(of: key, command: "ZRANGE", &found) { Self.fault(of: $0) }
            case .quarantine:
                try await self.inspectEntries(of: key, command: "ZRANGE", &found) { member in
                    switch member.first {
                    case UInt8(ascii: "d"): member.count == 17 ? nil : "has an id of \(member.count - 1) bytes"
                    case UInt8(ascii: "f"): Self.fault(of: Array(member.dropFirst()))
                    default: "is neither an id nor an entry"
                    }
                }
            case .state: try await self.inspect(state: key, &found)
            case .plain: break
            case .damaged:
                found.add(key, "was put aside", "look at it, then DEL it in redis-cli", isBroken: false)
            case .unreadable:
                found.add(
                    key, "holds entries that could not be read, and had no place among the dead",
                    "look at them: LRANGE 0 -1 in redis-cli; then DEL the key", isBroken: false)
            }
        }
        for lane in lanes where !(rings[lane.ring] ?? []).contains(lane.member) {
            try await self.inspect(absent: lane, base, &found)
        }
        return found
    }

    /// What a session holds that the ledger does not know: nobody ends it, so nobody gives that back.
    public func damage(heldBy session: SessionID, in queue: QueueName) -> IndexDamage {
        let key = ScriptReply.printable(Array("\(self.base(queue)):run:".utf8) + session.uuid.bytes)
        return IndexDamage(
            key: key, what: "\(key): session \(session) holds jobs here, and the ledger has no such session",
            remedy:
                "ZADD \"\(self.sessionsKey)\" NX 0 \"\(ScriptReply.printable(session.uuid.bytes))\" in redis-cli: a "
                + "living worker then ends it, and gives back what it holds, as after a crash",
            isBroken: true)
    }

    /// Looks at the keys that all queues share.
    public func inspectPool() async throws -> IndexInspection {
        let base = "{\(self.namespace)}"
        var found = IndexInspection()
        for (key, type) in try await self.keys(below: "\(base):", &found) {
            guard let known = KnownKey(ofPool: key.dropFirst(base.utf8.count + 1)) else {
                found.add(
                    key, "is no key that this version writes",
                    "is a newer chorewheel at work? use its doctor; else see who writes here, and delete the key",
                    isBroken: false)
                continue
            }
            guard known.type == type || known == .damaged else {
                found.add(key, "is a \(type) and must be a \(known.type ?? "")", Self.putAside(key, known, base))
                continue
            }
            let name = ScriptReply.printable(key)
            switch name.dropFirst(base.utf8.count + 1) {
            case "sessions":
                for member in try await self.members(of: key, command: "ZRANGE", &found) where member.count != 16 {
                    let member = ScriptReply.printable(member)
                    found.add(
                        key, "lists \"\(member)\", which is no session", "ZREM \"\(name)\" \"\(member)\" in redis-cli")
                }
            case "generation":
                let text = try await self.redis.send(RedisCommand("GET", name)).string ?? ""
                if Int64(text) == nil {
                    found.add(
                        key, "is \"\(ScriptReply.printable(text.utf8))\" and must be a number",
                        "DEL \"\(name)\" in redis-cli: a worker then fills Redis from the ledger")
                }
            case "counters":
                let values = try await self.redis.send(RedisCommand("HGETALL", name)).requireArray()
                for index in stride(from: 0, to: values.count - 1, by: 2) where (values[index + 1].int ?? -1) < 0 {
                    let field = ScriptReply.printable(values[index].bytes ?? [])
                    let value = ScriptReply.printable(values[index + 1].bytes ?? [])
                    found.add(
                        key, "counts \"\(value)\" for \(field), which is no count",
                        "HDEL \"\(name)\" \"\(field)\" in redis-cli: it then counts from 0, as after a restart")
                }
            default:
                if known == .damaged {
                    found.add(key, "was put aside", "look at it, then DEL it in redis-cli", isBroken: false)
                }
            }
        }
        return found
    }

    // MARK: Keys

    private static func putAside(_ key: [UInt8], _ known: KnownKey, _ base: String) -> String {
        let name = ScriptReply.printable(key)
        let aside = "\(base):damaged:\(name.dropFirst(base.utf8.count + 1))"
        return "put it aside, RENAME \"\(name)\" \"\(aside)\" in redis-cli; "
            + (known.comesBack
                ? "what the ledger knows is back within 30 s"
                : "what it held before is lost to the queue, unless you have a copy")
    }

    /// Keys that begin so, and their types.
    private func keys(below start: String, _ found: inout IndexInspection) async throws -> [(
        key: [UInt8], type: String
    )] {
        var keys: Set<[UInt8]> = []
        var cursor = "0"
        repeat {
            var scan = RedisCommand("SCAN", key: start)
            scan.append(cursor)
            scan.append(contentsOf: ["MATCH", "\(start)*", "COUNT", "\(Self.page)"])
            let reply = try await self.redis.send(scan).requireArray()
            guard reply.count == 2, let next = reply[0].string, let some = reply[1].array else {
                throw JobQueueError(.corrupt, "SCAN answered what it never does")
            }
            for key in some { keys.insert(try key.requireBytes()) }
            cursor = next
            if keys.count >= Self.keysMax {
                found.isWhole = false
                break
            }
        } while cursor != "0"
        var typed: [(key: [UInt8], type: String)] = []
        let all = keys.sorted { $0.lexicographicallyPrecedes($1) }
        for first in stride(from: 0, to: all.count, by: Self.page) {
            let some = all[first..<min(first + Self.page, all.count)]
            let types = try await self.redis.pipeline(
                some.map { key in
                    var command = RedisCommand("TYPE", key: start)
                    command.append(key)
                    return command
                })
            for (key, type) in zip(some, types) {
                let type = try type.requireString()
                // It went away between the two looks.
                if type != "none" { typed.append((key, type)) }
            }
        }
        return typed
    }

    /// The members of a list or a sorted set, the first `membersMax`.
    private func members(
        of key: [UInt8], command name: String, _ found: inout IndexInspection
    ) async throws -> [[UInt8]] {
        var members: [[UInt8]] = []
        while true {
            var command = RedisCommand(name, key: String(decoding: key, as: UTF8.self))
            command.append(key)
            command.append(members.count)
            command.append(members.count + Self.page - 1)
            let page = try await self.redis.send(command).requireArray()
            for member in page { members.append(try member.requireBytes()) }
            if page.count < Self.page { return members }
            if members.count >= Self.membersMax {
                found.isWhole = false
                return members
            }
        }
    }

    // MARK: What a key holds

    private static func isLane(_ member: [UInt8]) -> Bool {
        (member.count == 1 || member.count == 17)
            && (member[0] == UInt8(ascii: "d") || member[0] == UInt8(ascii: "f"))
    }

    /// What is wrong with an entry; nil when nothing is.
    private static func fault(of bytes: [UInt8], priority: UInt8? = nil, lane: [UInt8]? = nil) -> String? {
        do {
            let entry = try FastEntry(bytes: bytes)
            if let lane, entry.lane != lane { return "is an entry of another family" }
            if let priority, bytes[3] != priority { return "is an entry of another priority" }
            return nil
        } catch {
            return "is not readable: \(error.message)"
        }
    }

    private func inspectEntries(
        of key: [UInt8], command: String, _ found: inout IndexInspection, _ fault: ([UInt8]) -> String?
    ) async throws {
        for (place, member) in try await self.members(of: key, command: command, &found).enumerated() {
            guard let fault = fault(member) else { continue }
            found.add(
                key, "its element \(place), \"\(ScriptReply.printable(member.prefix(40)))\", \(fault)",
                "the next claim puts what is not readable among the dead: chorewheel queues dead list; keep it for "
                    + "whoever wrote it, then discard it")
        }
    }

    private func inspect(durable key: [UInt8], _ found: inout IndexInspection) async throws {
        let name = ScriptReply.printable(key)
        var command = RedisCommand("ZRANGE", key: String(decoding: key, as: UTF8.self))
        command.append(key)
        command.append(contentsOf: ["0", "\(Self.membersMax - 1)", "WITHSCORES"])
        let members = try await self.redis.send(command).requireArray()
        if members.count >= 2 * Self.membersMax { found.isWhole = false }
        for index in stride(from: 0, to: members.count - 1, by: 2) {
            let member = try members[index].requireBytes()
            let score = try members[index + 1].requireString()
            let printable = ScriptReply.printable(member)
            guard let id = JobID(bytes: member) else {
                found.add(
                    key, "lists \"\(printable)\", which is no id of a job: it has \(member.count) bytes, not 16",
                    "ZREM \"\(name)\" \"\(printable)\" in redis-cli; the next claim would put it among the dead")
                continue
            }
            guard let seq = Int64(score), seq > 0 else {
                found.add(
                    key, "has job \(id) at \(score), which is no seq: it does not wait its turn",
                    "ZREM \"\(name)\" \"\(printable)\" in redis-cli; if the ledger has the job, it is back within 30 s")
                continue
            }
            found.hints.append(WaitingHint(id: id, seq: seq, key: name))
        }
    }

    private func inspect(
        running key: [UInt8], _ session: [UInt8], _ found: inout IndexInspection
    ) async throws {
        let name = ScriptReply.printable(key)
        if let session = SessionID(bytes: session) { found.holders.append(session) }
        var command = RedisCommand("HGETALL", key: String(decoding: key, as: UTF8.self))
        command.append(key)
        let held = try await self.redis.send(command).requireArray()
        for index in stride(from: 0, to: held.count - 1, by: 2) {
            let (field, value) = (try held[index].requireBytes(), try held[index + 1].requireBytes())
            let fault: String? =
                switch value.first {
                case _ where field.count != 16: "is no id of a job"
                case UInt8(ascii: "d"), UInt8(ascii: "q"): nil
                case UInt8(ascii: "f"): Self.fault(of: Array(value.dropFirst()))
                default: "holds neither an id's place nor an entry"
                }
            guard let fault else { continue }
            found.add(
                key, "its field \"\(ScriptReply.printable(field))\" \(fault)",
                "it goes among the dead when its session ends; or HDEL \"\(name)\" "
                    + "\"\(ScriptReply.printable(field))\" in redis-cli")
        }
    }

    private func inspect(state key: [UInt8], _ found: inout IndexInspection) async throws {
        let name = String(decoding: key, as: UTF8.self)
        let values = try await self.redis.send(RedisCommand("HMGET", key: name, name, "is", "version")).requireArray()
        let state = values.first?.string ?? ""
        let version = values.count == 2 ? values[1].int : nil
        guard !["open", "paused"].contains(state) || version == nil else { return }
        found.add(
            key, "says \"\(ScriptReply.printable(state.utf8))\" in version \(values.last?.string ?? "none")",
            "DEL \"\(name)\" in redis-cli: a living worker writes it anew from the ledger within 30 s")
    }

    /// A lane that its ring does not list. Looked at again: what is claimed meanwhile leaves both.
    private func inspect(
        absent lane: (key: [UInt8], ring: UInt8, member: [UInt8]), _ base: String, _ found: inout IndexInspection
    ) async throws {
        let ring = "\(base):ring:\(UnicodeScalar(lane.ring))"
        for _ in 1...4 {
            var exists = RedisCommand("EXISTS", key: ring)
            exists.append(lane.key)
            var position = RedisCommand("LPOS", key: ring, ring)
            position.append(lane.member)
            let replies = try await self.redis.pipeline([exists, position])
            // (An error: the ring is of another type, and was named.)
            guard replies[0].int == 1, replies[1].isNull else { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        let isDurable = lane.member.first == UInt8(ascii: "d")
        found.add(
            lane.key, "holds jobs, and its ring \(ring) does not list it: nobody claims them",
            isDurable
                ? "a living worker lists it again within 30 s; is one alive?"
                : "RPUSH \"\(ring)\" \"\(ScriptReply.printable(lane.member))\" in redis-cli")
    }
}
