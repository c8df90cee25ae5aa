// The whole of a Redis as values, so that what is there can be compared with what the model says is there. A key that
// nobody expects is a difference like any other.

internal import JobModel

/// What a key holds, and when it expires, in milliseconds since 1970.
struct KeyContents: Hashable, Sendable, CustomStringConvertible {
    enum Value: Hashable, Sendable {
        case text([UInt8])
        case list([[UInt8]])
        case hash([[UInt8]: [UInt8]])
        /// In order; scores as Redis prints them.
        case sortedSet([Scored])
        case other(String)
    }

    struct Scored: Hashable, Sendable {
        var member: [UInt8]
        var score: String
    }

    var value: Value
    var expires: Int?

    init(_ value: Value, expires: Int? = nil) {
        self.value = value
        self.expires = expires
    }

    var description: String {
        let text =
            switch self.value {
            case .text(let bytes): Self.readable(bytes)
            case .list(let members): "list \(members.map(Self.readable))"
            case .hash(let fields): "hash \(fields.map { Self.readable($0.key + [58, 32] + $0.value) }.sorted())"
            case .sortedSet(let members):
                "sorted set \(members.map { "\(Self.readable($0.member)) at \($0.score)" })"
            case .other(let what): what
            }
        return self.expires.map { "\(text) until \($0)" } ?? text
    }

    /// A fast job's entry as people can read it; nil: it is none.
    static func words(entry: [UInt8]) -> String? {
        guard entry.first == 1, let job = FastJob(bytes: entry) else { return nil }
        let family = job.family.map { " of \(short($0))" } ?? ""
        return "\(short(job.id)) \(job.priority)\(family) failures \(job.failures) crashes \(job.crashes)"
    }

    /// Bytes as people can read them: what is no plain character is written in hexadecimal.
    static func readable(_ bytes: [UInt8]) -> String {
        if let words = self.words(entry: bytes) { return "(\(words))" }
        // As quarantine and the running sets hold it.
        if bytes.first == UInt8(ascii: "f"), let words = self.words(entry: Array(bytes.dropFirst())) {
            return "f(\(words))"
        }
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            if (0x20..<0x7F).contains(byte), byte != UInt8(ascii: "\\") {
                text.append(byte)
            } else {
                text += [UInt8(ascii: "\\"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// All keys of a Redis.
struct Keyspace: Sendable {
    var keys: [[UInt8]: KeyContents] = [:]

    /// The first difference, by the keys' names; nil: there is none.
    static func difference(model: Keyspace, redis: Keyspace) -> String? {
        let names = Set(model.keys.keys).union(redis.keys.keys)
            .filter { model.keys[$0] != redis.keys[$0] }.sorted(by: precedes)
        guard let name = names.first else { return nil }
        return """
            key \(KeyContents.readable(name))\(names.count > 1 ? " and \(names.count - 1) more" : "")
              the model: \(model.keys[name]?.description ?? "missing")
              Redis:     \(redis.keys[name]?.description ?? "missing")
            """
    }
}

extension PoolModel {
    /// What Redis has to hold.
    func keyspace(namespace: String, queues: [QueueName]) -> Keyspace {
        var space = Keyspace()
        func set(_ name: [UInt8], _ value: KeyContents.Value, expires: Int? = nil) {
            space.keys[name] = KeyContents(value, expires: expires)
        }
        func pool(_ name: String) -> [UInt8] { Array("{\(namespace)}:\(name)".utf8) }
        func text(_ value: some CustomStringConvertible) -> [UInt8] { Array("\(value)".utf8) }
        for (queue, name) in zip(self.queues, queues) { queue.write(into: &space, base: "{\(namespace):\(name)}") }
        if !self.sessions.isEmpty {
            let sessions = self.sessions.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
            set(
                pool("sessions"),
                .sortedSet(sessions.map { .init(member: $0.key.uuid.bytes, score: "\($0.value)") }))
        }
        if let caretaker = self.caretaker {
            set(pool("caretaker"), .text(caretaker.session.uuid.bytes), expires: caretaker.expires)
        }
        if let generation = self.generation { set(pool("generation"), .text(text(generation))) }
        if !self.deaths.isEmpty {
            set(
                pool("deaths"), .sortedSet(self.deaths.map { .init(member: $0.member, score: "\($0.noted)") }),
                expires: self.deathsExpire)
        }
        if let recovery = self.recovery {
            set(
                pool("recovery"), .hash([text("last_ms"): text(recovery.last), text("max_ms"): text(recovery.longest)]))
        }
        if !self.counters.isEmpty {
            let fields = self.counters.map { (text($0.key), text($0.value)) }
            set(pool("counters"), .hash(Dictionary(uniqueKeysWithValues: fields)))
        }
        for (process, flush) in self.counted {
            set(pool("counted:\(process)"), .text(text(flush.number)), expires: flush.expires)
        }
        return space
    }
}

extension QueueModel {
    /// The keys of this queue.
    fileprivate func write(into space: inout Keyspace, base: String) {
        func set(_ part: String, _ tail: [UInt8], _ value: KeyContents.Value, expires: Int? = nil) {
            space.keys[Array("\(base):\(part)".utf8) + tail] = KeyContents(value, expires: expires)
        }
        func bytes(_ family: FamilyID?) -> [UInt8] { family?.uuid.bytes ?? [] }
        for (lane, hints) in self.hints where !hints.isEmpty {
            let members = hints.map { KeyContents.Scored(member: $0.id.uuid.bytes, score: "\($0.seq)") }
            set("d:\(lane.priority.rawValue):", bytes(lane.family), .sortedSet(members))
        }
        for (lane, jobs) in self.fast where !jobs.isEmpty {
            set("f:\(lane.priority.rawValue):", bytes(lane.family), .list(jobs.map(\.bytes)))
        }
        for (priority, ring) in self.rings where !ring.isEmpty {
            let members = ring.map { [UInt8(ascii: $0.isFast ? "f" : "d")] + bytes($0.family) }
            set("ring:\(priority.rawValue)", [], .list(members))
        }
        func sorted(_ part: String, _ members: [KeyContents.Scored]) {
            if !members.isEmpty { set(part, [], .sortedSet(members)) }
        }
        sorted("quarantine", self.quarantine.map { .init(member: $0.suspect.member, score: "\($0.since)") })
        sorted("due", self.delayed.map { .init(member: $0.job.bytes, score: "\($0.due)") })
        sorted("dead", self.dead.map { .init(member: $0.job.id.uuid.bytes, score: "\($0.died)") })
        if !self.dead.isEmpty {
            let graves = self.dead.map { ($0.job.id.uuid.bytes, $0.note + [UInt8(ascii: "\n")] + $0.job.bytes) }
            set("graves", [], .hash(Dictionary(uniqueKeysWithValues: graves)))
        }
        if let turn = self.turn { set("turn", [], .text(turn.session.uuid.bytes), expires: turn.expires) }
        for (session, held) in self.running where !held.isEmpty {
            let fields = held.map { ($0.id.uuid.bytes, $0.note) }
            set("run:", session.uuid.bytes, .hash(Dictionary(uniqueKeysWithValues: fields)))
        }
        for (session, expires) in self.gone {
            set("gone:", session.uuid.bytes, .text([UInt8(ascii: "1")]), expires: expires)
        }
        // A key's name is a digest: what it holds tells whose it is.
        for holder in self.keys.values {
            set("key:", holder.id.uuid.bytes, .text(holder.id.uuid.bytes), expires: holder.expires)
        }
        if self.hasWakeToken { set("wake", [], .list([[UInt8(ascii: "1")]])) }
        if let told = self.told {
            let fields = ["is": told.isPaused ? "paused" : "open", "version": "\(told.version)"]
            set("state", [], .hash(Dictionary(uniqueKeysWithValues: fields.map { (Array($0.utf8), Array($1.utf8)) })))
        }
    }
}

extension QueueModel.Held {
    /// What puts it back, as the running set notes it.
    fileprivate var note: [UInt8] {
        switch self {
        case .hint(let hint):
            Array("d\(hint.lane.priority.rawValue):\(hint.seq):".utf8) + (hint.lane.family?.uuid.bytes ?? [])
        case .suspect(_, let since): Array("q\(since)".utf8)
        case .fast(let job): [UInt8(ascii: "f")] + job.bytes
        }
    }
}
