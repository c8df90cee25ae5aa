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
        /// A key that every claim needs is not what it ought to be; nothing was claimed, or let go of.
        case damaged
    }

    public var state: State
    public var durable: [JobID]
    /// Fast jobs, as Redis holds them.
    private let encoded: ArraySlice<RedisValue>
    /// How long until the next delayed fast job is due; nil when there is none.
    public var nextDue: Duration?
    /// How many jobs of the queue wait to be run alone: `DispatchIndex.claimQuarantined` gives those.
    public var quarantined: Int
    /// Keys of another type than they ought to be, which were passed over; `doctor` says what to do about them.
    public var damaged: [String]

    init(
        state: State, durable: [JobID] = [], encoded: ArraySlice<RedisValue> = [], nextDue: Duration? = nil,
        quarantined: Int = 0, damaged: [String] = []
    ) {
        self.state = state
        self.durable = durable
        self.encoded = encoded
        self.nextDue = nextDue
        self.quarantined = quarantined
        self.damaged = damaged
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

    /// By which the running set knows it: the same bytes that claim_jobs.lua takes. (It has put away already what is
    /// not readable up to there.)
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
