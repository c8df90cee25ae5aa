// The faults of a soak, by name, and how often each fired: that is, was done and was seen to have done something.

import Synchronization

/// A kind of fault.
enum SoakFault: String, Sendable, CaseIterable {
    // Processes.
    case workerKilled = "worker killed (kill -9)"
    case workerStopped = "worker stopped past its lease (SIGSTOP), then continued"
    case supervisorKilled = "supervisor killed (kill -9)"
    case machineLost = "supervisor and workers killed at once"
    case caretakerKilled = "caretaker killed (kill -9)"
    case rollingRestart = "workers restarted in order (SIGTERM)"
    case quietRestart = "workers quieted, then restarted (SIGTSTP, SIGTERM)"
    // The network between workers and servers.
    case connectionsCut = "connections cut"
    case networkSlow = "network slowed"
    case networkSilent = "network silent (packets dropped)"
    // Redis.
    case redisKilled = "Redis killed and restarted"
    case redisTailCut = "Redis restarted without its last seconds"
    case redisEmptied = "Redis emptied (FLUSHALL)"
    case redisPaused = "Redis suspended (SIGSTOP)"
    case redisClientsKilled = "Redis closed all clients (CLIENT KILL)"
    case redisScriptsForgotten = "Redis forgot its scripts (SCRIPT FLUSH)"
    case redisFull = "Redis at its memory limit"
    // PostgreSQL.
    case postgresKilled = "PostgreSQL killed and restarted"
    case postgresPaused = "PostgreSQL suspended (SIGSTOP)"
    case backendsTerminated = "all of PostgreSQL's sessions terminated"
    case tableLocked = "a table of the ledger locked for seconds"
    // Operators. A backlog grows meanwhile: without one, Redis has hardly anything to lose.
    case queuePaused = "a queue paused under load, then resumed"

    enum Domain: Sendable, Hashable, CaseIterable {
        case processes, network, redis, postgres, operators
    }

    /// Faults of one domain come one after the other; those of different domains at the same time.
    var domain: Domain {
        switch self {
        case .workerKilled, .workerStopped, .supervisorKilled, .machineLost, .caretakerKilled, .rollingRestart,
            .quietRestart:
            .processes
        case .connectionsCut, .networkSlow, .networkSilent: .network
        case .redisKilled, .redisTailCut, .redisEmptied, .redisPaused, .redisClientsKilled, .redisScriptsForgotten,
            .redisFull:
            .redis
        case .postgresKilled, .postgresPaused, .backendsTerminated, .tableLocked: .postgres
        case .queuePaused: .operators
        }
    }

    /// How often it is in a round of its domain's faults.
    var weight: Int {
        switch self {
        case .workerKilled: 4
        case .workerStopped, .connectionsCut: 2
        default: 1
        }
    }
}

/// How often each fault was tried, and fired.
final class SoakFaultCounts: Sendable {
    struct Count: Sendable {
        var tried = 0
        var fired = 0
        /// Why it did not fire, the last time.
        var why: String?
    }

    private let counts = Mutex<[SoakFault: Count]>([:])

    var all: [SoakFault: Count] { self.counts.withLock { $0 } }

    func tried(_ fault: SoakFault) { self.counts.withLock { $0[fault, default: Count()].tried += 1 } }

    func fired(_ fault: SoakFault) { self.counts.withLock { $0[fault, default: Count()].fired += 1 } }

    func missed(_ fault: SoakFault, _ why: String) { self.counts.withLock { $0[fault, default: Count()].why = why } }
}
