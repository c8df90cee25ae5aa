// A close look at what Redis holds, for `doctor`: every key's type, every lane's members, every entry's bytes. It
// changes nothing, and takes what it finds for nothing but what it is. Not for a heartbeat: it walks over the keys.

public import JobModel
internal import Redis

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
                found.add(key, .unknownKey)
                continue
            }
            guard known.type == type || known == .damaged else {
                found.add(key, Self.wrongType(key, type, known, base))
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
                    found.add(key, .noLane(ScriptReply.printable(member)))
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
            case .damaged: found.add(key, .putAside)
            case .unreadable: found.add(key, .keptUnread)
            }
        }
        for lane in lanes where !(rings[lane.ring] ?? []).contains(lane.member) {
            try await self.inspect(absent: lane, base, &found)
        }
        return found
    }

    /// What a session holds that the ledger does not know: nobody ends it, so nobody gives that back.
    public func damage(heldBy session: SessionID, in queue: QueueName) -> IndexDamage {
        IndexDamage(
            key: ScriptReply.printable(Array("\(self.base(queue)):run:".utf8) + session.uuid.bytes),
            fault: .unknownHolder(
                session, sessions: self.sessionsKey, member: ScriptReply.printable(session.uuid.bytes)))
    }

    /// Looks at the keys that all queues share.
    public func inspectPool() async throws -> IndexInspection {
        let base = "{\(self.namespace)}"
        var found = IndexInspection()
        for (key, type) in try await self.keys(below: "\(base):", &found) {
            guard let known = KnownKey(ofPool: key.dropFirst(base.utf8.count + 1)) else {
                found.add(key, .unknownKey)
                continue
            }
            guard known.type == type || known == .damaged else {
                found.add(key, Self.wrongType(key, type, known, base))
                continue
            }
            let name = ScriptReply.printable(key)
            switch name.dropFirst(base.utf8.count + 1) {
            case "sessions":
                for member in try await self.members(of: key, command: "ZRANGE", &found) where member.count != 16 {
                    found.add(key, .noSession(ScriptReply.printable(member)))
                }
            case "generation":
                let text = try await self.redis.send(RedisCommand("GET", name)).string ?? ""
                if Int64(text) == nil { found.add(key, .noGeneration(ScriptReply.printable(text.utf8))) }
            case "counters":
                let values = try await self.redis.send(RedisCommand("HGETALL", name)).requireArray()
                for index in stride(from: 0, to: values.count - 1, by: 2) where (values[index + 1].int ?? -1) < 0 {
                    let field = ScriptReply.printable(values[index].bytes ?? [])
                    let value = ScriptReply.printable(values[index + 1].bytes ?? [])
                    found.add(key, .noCount(field: field, value))
                }
            default:
                if known == .damaged { found.add(key, .putAside) }
            }
        }
        return found
    }

    // MARK: Keys

    private static func wrongType(_ key: [UInt8], _ type: String, _ known: KnownKey, _ base: String) -> IndexFault {
        let name = ScriptReply.printable(key).dropFirst(base.utf8.count + 1)
        return .wrongType(
            is: type, must: known.type ?? "", aside: "\(base):damaged:\(name)", comesBack: known.comesBack)
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
            guard let why = fault(member) else { continue }
            found.add(
                key, .unsoundEntry(place: place, bytes: ScriptReply.printable(member.prefix(40)), why: why))
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
            guard let id = JobID(bytes: member) else {
                found.add(key, .noID(ScriptReply.printable(member), bytes: member.count))
                continue
            }
            guard let seq = Int64(score), seq > 0 else {
                found.add(key, .noSeq(id, member: ScriptReply.printable(member), score: score))
                continue
            }
            found.hints.append(WaitingHint(id: id, seq: seq, key: name))
        }
    }

    private func inspect(
        running key: [UInt8], _ session: [UInt8], _ found: inout IndexInspection
    ) async throws {
        if let session = SessionID(bytes: session) { found.holders.append(session) }
        var command = RedisCommand("HGETALL", key: String(decoding: key, as: UTF8.self))
        command.append(key)
        let held = try await self.redis.send(command).requireArray()
        for index in stride(from: 0, to: held.count - 1, by: 2) {
            let (field, value) = (try held[index].requireBytes(), try held[index + 1].requireBytes())
            let why: String? =
                switch value.first {
                case _ where field.count != 16: "is no id of a job"
                case UInt8(ascii: "d"), UInt8(ascii: "q"): nil
                case UInt8(ascii: "f"): Self.fault(of: Array(value.dropFirst()))
                default: "holds neither an id's place nor an entry"
                }
            if let why { found.add(key, .unsoundRun(field: ScriptReply.printable(field), why: why)) }
        }
    }

    private func inspect(state key: [UInt8], _ found: inout IndexInspection) async throws {
        let name = String(decoding: key, as: UTF8.self)
        let values = try await self.redis.send(RedisCommand("HMGET", key: name, name, "is", "version")).requireArray()
        let state = values.first?.string ?? ""
        let version = values.count == 2 ? values[1].int : nil
        guard !["open", "paused"].contains(state) || version == nil else { return }
        found.add(
            key, .noState(ScriptReply.printable(state.utf8), version: values.last?.string ?? "none"))
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
        found.add(
            lane.key,
            .unlistedLane(
                ring: ring, member: ScriptReply.printable(lane.member),
                isDurable: lane.member.first == UInt8(ascii: "d")))
    }
}
