// What the dispatch index takes and gives.

public import JobModel
internal import Redis

/// What a claim brought.
public struct Claim: Sendable, Hashable {
    public enum State: String, Sendable {
        /// Nothing more waits.
        case empty
        /// More waits than was asked for.
        case more
        case paused
        /// Redis lost its memory, and was not told of the queue yet.
        case closed
        /// The session was reaped: it must not go on.
        case gone
    }

    public var state: State
    public var durable: [JobID]
    /// Fast jobs, as Redis holds them.
    private let encoded: ArraySlice<RedisValue>
    /// How long until the next delayed fast job is due; nil when there is none.
    public var nextDue: Duration?
    /// How many jobs of the queue wait to be run alone: `DispatchIndex.claimQuarantined` gives those.
    public var quarantined: Int

    init(_ reply: RedisValue, queue: QueueName) throws(JobQueueError) {
        guard let values = reply.array, let state = values.first?.string.flatMap({ State(rawValue: $0) }) else {
            throw JobQueueError(.corrupt, "claim_jobs of queue \(queue) returned no state")
        }
        self.state = state
        self.durable = []
        self.quarantined = 0
        guard state != .gone else {
            self.encoded = []
            return
        }
        guard values.count >= 4, let due = values[1].int, let quarantined = values[2].int, let ids = values[3].bytes,
            ids.count % 16 == 0
        else {
            throw JobQueueError(.corrupt, "claim_jobs of queue \(queue) returned a reply of another shape")
        }
        self.nextDue = due < 0 ? nil : .milliseconds(due)
        self.quarantined = quarantined
        self.durable = [JobID](joined: ids)
        self.encoded = values.dropFirst(4)
        // Whoever counted it and could not read it would leave it running for ever.
        guard self.encoded.allSatisfy({ if case .bytes = $0 { true } else { false } }) else {
            throw JobQueueError(.corrupt, "claim_jobs of queue \(queue) returned an entry that is no string")
        }
    }

    /// How many jobs were claimed.
    public var count: Int { self.durable.count + self.encoded.count }

    /// The fast jobs, and those that this version cannot read. Decoded at each call.
    public func entries() -> (fast: [FastEntry], unreadable: [UnreadableEntry]) {
        var fast: [FastEntry] = []
        var unreadable: [UnreadableEntry] = []
        fast.reserveCapacity(self.encoded.count)
        var kinds = FastEntry.KindCache()
        for value in self.encoded {
            guard let bytes = value.bytes else { continue }
            do {
                fast.append(try FastEntry(bytes: bytes, kinds: &kinds))
            } catch {
                unreadable.append(UnreadableEntry(bytes: bytes, why: error.message))
            }
        }
        return (fast, unreadable)
    }
}

extension [JobID] {
    /// Ids as scripts join them: 16 bytes each.
    init(joined bytes: [UInt8]) {
        self.init()
        self.reserveCapacity(bytes.count / 16)
        for start in stride(from: 0, to: bytes.count - 15, by: 16) {
            if let id = JobID(bytes: bytes[start..<(start + 16)]) { self.append(id) }
        }
    }
}

/// An entry that a newer version wrote, or that was damaged: never guessed over.
public struct UnreadableEntry: Sendable, Hashable {
    public let bytes: [UInt8]
    public let why: String

    /// By which the running set knows it: the same bytes that claim_jobs.lua takes.
    var field: [UInt8] {
        let lane = self.bytes.count > 5 ? Int(self.bytes[5]) : 0
        return Array(self.bytes.dropFirst(6 + lane).prefix(16))
    }
}

/// What becomes of a fast attempt.
public struct SettledFast: Sendable, Hashable {
    enum Outcome: Sendable, Hashable {
        case acknowledged(JobID)
        /// What settle_fast.lua does with it, by what the running set knows it, the entry as it is kept, and why it is
        /// dead, as a line of JSON.
        case kept(act: String, field: [UInt8], entry: [UInt8], note: [UInt8])
    }

    let outcome: Outcome

    var acknowledgement: JobID? {
        guard case .acknowledged(let id) = self.outcome else { return nil }
        return id
    }

    /// Done: nothing is kept.
    public static func acknowledged(_ id: JobID) -> SettledFast { SettledFast(outcome: .acknowledged(id)) }

    /// To be run again after the delay.
    public static func again(_ entry: FastEntry, after delay: Duration) -> SettledFast {
        .kept("r\(delay.wholeMilliseconds)", entry)
    }

    /// Kept among the dead.
    public static func dead(_ entry: FastEntry, _ reason: DeathReason, _ error: AttemptError?) -> SettledFast {
        .kept("x", entry, note: DeathNote(reason: reason, error: error).line)
    }

    /// Kept among the dead, as it is.
    public static func dead(_ entry: UnreadableEntry) -> SettledFast {
        let error = AttemptError(type: "UnreadableEntry", message: entry.why)
        return SettledFast(
            outcome: .kept(
                act: "x", field: entry.field, entry: entry.bytes,
                note: DeathNote(reason: .undecodable, error: error).line))
    }

    /// Back to the head of its lane, or to quarantine.
    public static func givenBack(_ entry: FastEntry) -> SettledFast { .kept("g", entry) }

    private static func kept(_ act: String, _ entry: FastEntry, note: [UInt8] = []) -> SettledFast {
        SettledFast(outcome: .kept(act: act, field: entry.id.uuid.bytes, entry: entry.bytes, note: note))
    }
}

/// What a heartbeat told.
public struct Heartbeat: Sendable, Hashable {
    /// False: the session was reaped, or Redis lost its memory (then `generation` is nil).
    public var isKnown: Bool
    public var isCaretaker: Bool
    public var generation: Int64?
    /// By Redis' clock, for the next one; nil when the session is not known.
    public var time: Int?
    /// Workers whose jobs were given back since the heartbeat before.
    public var deaths: [NotedDeath]
}

extension Heartbeat {
    /// Reads the reply of beat.lua.
    init(_ reply: RedisValue) throws {
        guard let values = reply.array, values.count >= 3 else {
            throw JobQueueError(.corrupt, "beat.lua returned \(reply)")
        }
        self.init(
            isKnown: try values[0].requireInt() == 1,
            isCaretaker: try values[1].requireInt() == 1,
            generation: values[2].string.flatMap { Int64($0) },
            time: values.count > 3 ? try values[3].requireInt() : nil,
            deaths: values.dropFirst(4).compactMap { $0.bytes.flatMap { NotedDeath(bytes: $0) } }
        )
    }
}

/// What a queue holds in Redis.
public struct IndexAudit: Sendable, Hashable, Codable {
    public var durableWaiting: Int
    public var fastWaiting: Int
    /// Those that wait to be run alone, in no lane.
    public var durableQuarantined: Int
    public var fastQuarantined: Int
    public var fastDelayed: Int
    public var fastDead: Int
    public var lanes: Int
    /// Broken invariants, a sentence each.
    public var faults: [String]

    enum CodingKeys: String, CodingKey {
        case durableWaiting = "durable_waiting"
        case fastWaiting = "fast_waiting"
        case durableQuarantined = "durable_quarantined"
        case fastQuarantined = "fast_quarantined"
        case fastDelayed = "fast_delayed"
        case fastDead = "fast_dead"
        case lanes, faults
    }
}
