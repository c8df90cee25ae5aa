// What a look at Redis finds: values, and no words about what to do, which are doctor's.

public import JobModel

/// Something in Redis that no part of the queue writes, or that it wrote and something is missing of.
public struct IndexDamage: Sendable, Hashable {
    /// The key, as `redis-cli` takes it between double quotes.
    public let key: String
    public let fault: IndexFault

    public init(key: String, fault: IndexFault) {
        self.key = key
        self.fault = fault
    }
}

/// What is wrong with a key. Texts are as `redis-cli` prints bytes.
public enum IndexFault: Sendable, Hashable {
    /// None that this version writes.
    case unknownKey
    /// Of another type. `aside` is a name that is free to rename it to; `comesBack`: the ledger fills it again.
    case wrongType(is: String, must: String, aside: String, comesBack: Bool)
    /// A person put it aside.
    case putAside
    /// Entries that could not be read, and had no place among the dead.
    case keptUnread
    /// A ring lists what is no lane.
    case noLane(String)
    /// A lane holds jobs, and its ring does not list it. A durable one the reconciler lists again.
    case unlistedLane(ring: String, member: String, isDurable: Bool)
    /// A lane of ledger jobs lists what is no id.
    case noID(String, bytes: Int)
    /// A ledger job stands in its lane at a score that is no seq.
    case noSeq(JobID, member: String, score: String)
    /// An element, the number of its place and its first bytes, is no sound entry.
    case unsoundEntry(place: Int, bytes: String, why: String)
    /// A field of a running set is no job.
    case unsoundRun(field: String, why: String)
    /// The ledger has no such session: nobody ends it, so nobody gives back what it holds. `sessions` is the key that
    /// lists those whose end is looked after, `member` the session as it is listed there.
    case unknownHolder(SessionID, sessions: String, member: String)
    /// A queue's state is neither open nor paused, or in no version.
    case noState(String, version: String)
    /// Among the sessions is what is none.
    case noSession(String)
    /// The generation is no number.
    case noGeneration(String)
    /// A counter holds what is no count.
    case noCount(field: String, String)
    /// A hint of a ledger job that has another place there, or none.
    case strayHint(JobID, why: String)
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

    mutating func add(_ key: some Sequence<UInt8>, _ fault: IndexFault) {
        self.damage.append(IndexDamage(key: ScriptReply.printable(key), fault: fault))
    }
}
