// What the scripts answer, read strictly. An answer of another shape (of a proxy, a module, a script of another
// version) is an error that names the script and the rule that it breaks; nothing of such an answer is used.

internal import JobModel
internal import Redis

/// The answer of one script.
struct ScriptReply {
    private let script: String
    private let value: RedisValue

    init(_ script: RedisScript, _ value: RedisValue) {
        self.script = script.name
        self.value = value
    }

    private func broken(_ rule: String, _ found: RedisValue? = nil) -> JobQueueError {
        JobQueueError(
            .corrupt,
            "\(self.script).lua answered what it never does: \(rule); got \((found ?? self.value).shape). Is a proxy, "
                + "a module or another program between us and Redis?")
    }

    private func elements(atLeast count: Int) throws(JobQueueError) -> [RedisValue] {
        guard let elements = self.value.array else { throw self.broken("it must be an array") }
        guard elements.count >= count else { throw self.broken("it must have \(count) elements or more") }
        return elements
    }

    private func int(_ value: RedisValue, _ name: String) throws(JobQueueError) -> Int {
        guard let number = value.int else { throw self.broken("\(name) must be an integer", value) }
        return number
    }

    /// An integer that cannot be negative.
    private func count(_ value: RedisValue, _ name: String) throws(JobQueueError) -> Int {
        let number = try self.int(value, name)
        guard number >= 0 else { throw self.broken("\(name) must not be negative", value) }
        return number
    }

    private func bytes(_ value: RedisValue, _ name: String) throws(JobQueueError) -> [UInt8] {
        guard case .bytes(let bytes) = value else { throw self.broken("\(name) must be a string", value) }
        return bytes
    }

    private func joinedIDs(_ value: RedisValue, _ name: String) throws(JobQueueError) -> [JobID] {
        let bytes = try self.bytes(value, name)
        guard bytes.count % 16 == 0 else { throw self.broken("\(name) must be 16 bytes each", value) }
        return [JobID](joined: bytes)
    }

    /// The whole answer is an integer that is not negative.
    func int(_ name: String) throws(JobQueueError) -> Int { try self.count(self.value, name) }

    /// The whole answer is an array of ids.
    func ids(_ name: String) throws(JobQueueError) -> [JobID] {
        var ids: [JobID] = []
        for element in try self.elements(atLeast: 0) {
            guard let id = JobID(bytes: try self.bytes(element, "each \(name) id")) else {
                throw self.broken("each \(name) id must be 16 bytes", element)
            }
            ids.append(id)
        }
        return ids
    }

    /// push_fast.lua: nil when the job was enqueued.
    func keyHolder() throws(JobQueueError) -> FastKey.Holder? {
        let bytes = try self.bytes(self.value, "what the key holds")
        guard !bytes.isEmpty else { return nil }
        guard let holder = FastKey.Holder(bytes: bytes) else {
            throw self.broken("what an idempotency key holds must be 32 bytes")
        }
        return holder
    }

    /// claim_jobs.lua and claim_quarantined.lua.
    func claim(of queue: QueueName) throws(JobQueueError) -> Claim {
        let values = try self.elements(atLeast: 1)
        guard let state = values[0].string.flatMap({ Claim.State(rawValue: $0) }) else {
            throw self.broken("the state must be one that we know", values[0])
        }
        guard state != .gone else { return Claim(state: .gone) }
        guard values.count >= 5 else { throw self.broken("a claim must have 5 elements or more") }
        let due = try self.int(values[1], "when the next job is due")
        guard let keys = values[4].array else { throw self.broken("what is damaged must be an array", values[4]) }
        var damaged: [String] = []
        for key in keys { damaged.append(Self.printable(try self.bytes(key, "each damaged key"))) }
        for entry in values.dropFirst(5) { _ = try self.bytes(entry, "each entry") }
        return Claim(
            state: state, durable: try self.joinedIDs(values[3], "the claimed ids"), encoded: values.dropFirst(5),
            nextDue: due < 0 ? nil : .milliseconds(due),
            quarantined: try self.count(values[2], "how many are quarantined"),
            damaged: damaged)
    }

    /// take_back.lua.
    func takenBack() throws(JobQueueError) -> (hints: Int, fast: Int, poison: [JobID]) {
        let values = try self.elements(atLeast: 3)
        return (
            try self.count(values[0], "how many ids went back"),
            try self.count(values[1], "how many entries went back"),
            try self.joinedIDs(values[2], "the ids of poison")
        )
    }

    /// beat.lua.
    func heartbeat() throws(JobQueueError) -> Heartbeat {
        let values = try self.elements(atLeast: 3)
        let isKnown = try self.count(values[0], "whether the session is known") == 1
        guard !isKnown || values.count >= 4 else { throw self.broken("a known session's must have 4 elements or more") }
        let generation = try self.bytes(values[2], "the generation")
        var deaths: [NotedDeath] = []
        for value in values.dropFirst(4) {
            guard let death = NotedDeath(bytes: try self.bytes(value, "each death")) else { continue }
            deaths.append(death)
        }
        return Heartbeat(
            isKnown: isKnown, isCaretaker: try self.count(values[1], "whether it is the caretaker") == 1,
            generation: Int64(String(decoding: generation, as: UTF8.self)),
            time: isKnown ? try self.count(values[3], "the time") : nil, deaths: deaths)
    }

    /// audit_queue.lua.
    func audit() throws(JobQueueError) -> IndexAudit {
        let values = try self.elements(atLeast: 7)
        func count(_ index: Int) throws(JobQueueError) -> Int { try self.count(values[index], "each count") }
        var faults: [String] = []
        for fault in values.dropFirst(7) { faults.append(Self.printable(try self.bytes(fault, "each fault"))) }
        return IndexAudit(
            durableWaiting: try count(0), fastWaiting: try count(1), durableQuarantined: try count(2),
            fastQuarantined: try count(3), fastDelayed: try count(4), fastDead: try count(5), lanes: try count(6),
            faults: faults)
    }

    /// Bytes as `redis-cli` writes them, and takes them between double quotes.
    static func printable(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += "\\" + String(UnicodeScalar(byte))
            case 0x20..<0x7F: text.unicodeScalars.append(UnicodeScalar(byte))
            default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return text
    }
}
