// What is asked of the dispatch index, and what it answers: values that the model and Redis both take and give.

internal import JobModel

/// A hint as the dispatcher pushes it.
struct WaitingHint: Hashable, Sendable {
    var hint: QueueModel.Hint
    var isQuarantined: Bool
}

/// What became of a fast attempt, and the job as it is to be kept.
struct SettledFastJob: Hashable, Sendable {
    enum Outcome: Hashable, Sendable {
        case acknowledged
        case givenBack
        case again(Int)
        case dead(DeathReason)
    }

    var job: FastJob
    var outcome: Outcome
}

/// A fast job to be enqueued, its delay in milliseconds, and its key.
struct FastRequest: Hashable, Sendable {
    enum Key: Hashable, Sendable {
        case none
        /// An idempotency key.
        case text(String)
        /// The caller minted the id.
        case id
    }

    var job: FastJob
    var delay: Int?
    var key: Key
}

/// A call of the dispatch index, or something that happens to its Redis. Times are milliseconds.
enum IndexCall: Hashable, Sendable {
    case push([WaitingHint], queue: Int)
    case enqueue(FastRequest, queue: Int)
    case enqueueMany([FastRequest], queue: Int)
    case claim(Int, queue: Int, SessionID, settled: [JobID])
    case claimAlone(queue: Int, SessionID, settled: [JobID])
    case settle([SettledFastJob], queue: Int, SessionID)
    case reap(SessionID, queue: Int, crashed: Bool)
    case giveBack([JobID], SessionID, queue: Int)
    case drop([JobID], SessionID, queue: Int)
    case running(SessionID, queue: Int)
    case tell(isPaused: Bool, version: Int, queue: Int)
    case takeTurn(SessionID, queue: Int, lease: Int)
    case hasQuarantined
    case decide(DeadDecisionName, [JobID], queue: Int)
    case listDead(queue: Int, skipping: Int, limit: Int)
    case audit(queue: Int)
    case waitForWork
    case beat(SessionID, lease: Int, caretakerLease: Int, registering: Bool, canCare: Bool, last: Int?)
    case overdue
    case end(SessionID)
    case setGeneration(Int64)
    case note(SessionID, jobs: Int, recovery: Int)
    case recoveryTimes
    case add([String: Int], flush: Int, WorkerID)
    case counters
    case loseMemory
    case pass(microseconds: Int)
}

/// What a person decides of a dead fast job.
enum DeadDecisionName: String, Hashable, Sendable {
    case retry, discard
}

/// An answer.
enum IndexReply: Hashable, Sendable {
    case nothing
    case number(Int)
    case truth(Bool)
    /// Ids, and whether each was there already.
    case enqueued([JobID], replayed: [Bool])
    /// The key was used for another payload, by this job.
    case conflict(JobID)
    case claim(state: String, durable: [JobID], fast: [[UInt8]], nextDue: Int?, quarantined: Int)
    case ids([JobID])
    case takenBack(hints: Int, fast: Int, poison: [JobID])
    case heartbeat(isKnown: Bool, isCaretaker: Bool, generation: Int64?, time: Int?, deaths: [[UInt8]])
    case audit([Int], faults: [String])
    /// Newest first: id, failures, crashes, reason.
    case dead([String])
    case times(last: Int, longest: Int)
    case counters([String: Int])
    /// The queue whose wake token was taken.
    case woken(Int)
    /// What no call may answer.
    case failure(String)

    /// A claim that was refused.
    static func claim(state: String) -> IndexReply {
        .claim(state: state, durable: [], fast: [], nextDue: nil, quarantined: 0)
    }

    static func claim(
        state: String, _ held: [QueueModel.Held], nextDue: Int?, quarantined: Int
    ) -> IndexReply {
        var (durable, fast) = ([JobID](), [[UInt8]]())
        for held in held {
            switch held {
            case .hint(let hint): durable.append(hint.id)
            case .suspect(let id, _): durable.append(id)
            case .fast(let job): fast.append(job.bytes)
            }
        }
        return .claim(state: state, durable: durable, fast: fast, nextDue: nextDue, quarantined: quarantined)
    }
}
