// What is asked of the ledger, and what it answers: values that the model and PostgreSQL both take and give.

internal import JobModel

/// A durable job to be enqueued.
struct LedgerRequest: Hashable, Sendable {
    var id: JobID
    var kind: JobKind
    var family: FamilyID?
    var priority: JobPriority
    var payload: String
    var key: String?
    var delayHours: Int
}

/// How an attempt ended. What its delay is in hours the settlement says in seconds.
struct LedgerSettlement: Hashable, Sendable {
    var job: JobID
    var epoch: Int64
    var settlement: Settlement

    var delayHours: Int {
        switch self.settlement {
        case .retry(let delay), .snooze(let delay), .park(_, let delay): Int(delay.components.seconds / 3600)
        case .succeeded, .dead, .cancelled, .giveBack: 0
        }
    }
}

/// A call of the ledger, or time that passes.
enum LedgerCall: Hashable, Sendable {
    case enqueue([LedgerRequest])
    case takeDue
    case finish([Int])
    case begin([JobID], SessionID, number: Int64, quarantined: Bool)
    case settle([LedgerSettlement], SessionID)
    case completeStep(JobID, epoch: Int64, SessionID, name: String, result: String)
    case register(SessionID, knowsAll: Bool)
    case beat(SessionID)
    case reap(SessionID, because: String, ifSilent: Bool)
    case expired
    case running(SessionID)
    case forgetClaims([Int64], SessionID)
    case cancel(JobID)
    case retry(JobID)
    case unpark(FamilyID)
    case repair
    case reconcile
    case advanceWatermark
    case pass
}

/// An answer. Where PostgreSQL promises no order, in the order of ids.
enum LedgerReply: Hashable, Sendable {
    struct Due: Hashable, Sendable {
        var ticket: Int
        var job: JobID
        var isRunnable: Bool
        var isQuarantined: Bool
    }

    struct Begun: Hashable, Sendable {
        var job: JobID
        var life: JobLife
    }

    struct Reaped: Hashable, Sendable {
        var job: JobID
        var isPoison: Bool
    }

    case nothing
    case number(Int)
    case truth(Bool)
    case word(String)
    case enqueued([JobID], replayed: [Bool])
    case conflict(JobID?, index: Int)
    case refused(String)
    case due([Due])
    case begun([Begun])
    case ids([JobID])
    case reaped([Reaped])
    /// A session that has ended, to one who beats; that lives on, to one who would end it.
    case isOver, livesOn
    case sessions([SessionID])
    case failure(String)
}
