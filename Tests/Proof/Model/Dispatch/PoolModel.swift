// What the pool shares in Redis, beside its queues: sessions, the caretaker, Redis' generation, deaths, counters. See
// QueueModel.swift.

internal import JobModel

/// All that a namespace holds.
struct PoolModel: Sendable {
    struct Death: Hashable, Sendable {
        var noted: Int
        var session: SessionID
        var jobs: Int
        var recovery: Int

        /// What Redis keeps of it.
        var member: [UInt8] { self.session.uuid.bytes + Array("\(self.jobs):\(self.recovery)".utf8) }
    }

    /// Milliseconds since 1970 are `now` / 1000: the clock of a Redis goes in microseconds.
    var now: Int
    var queues: [QueueModel]
    /// By when their leases end, in milliseconds.
    var sessions: [SessionID: Int] = [:]
    var caretaker: (session: SessionID, expires: Int)?
    var generation: Int64?
    /// By when they were noted; the newest 64, until an hour without one has passed.
    var deaths: [Death] = []
    var deathsExpire = 0
    var recovery: (last: Int, longest: Int)?
    var counters: [String: Int] = [:]
    /// Each process's last flush, and until when it is remembered.
    var counted: [WorkerID: (number: Int, expires: Int)] = [:]

    init(queues: Int, now: Int) {
        self.queues = Array(repeating: QueueModel(), count: queues)
        self.now = now
    }

    var milliseconds: Int { self.now / 1000 }

    /// Redis loses its memory.
    mutating func forgetAll() { self = PoolModel(queues: self.queues.count, now: self.now) }

    /// Time passes.
    mutating func advance(_ microseconds: Int) {
        self.now += microseconds
        let now = self.milliseconds
        for queue in self.queues.indices { self.queues[queue].expire(now) }
        if let caretaker = self.caretaker, caretaker.expires < now { self.caretaker = nil }
        if self.deathsExpire < now { self.deaths = [] }
        self.counted = self.counted.filter { $0.value.expires >= now }
    }

    /// A heartbeat prolongs the lease of a session that is known, or registers; then the caretaker is elected, who can
    /// be any session that reaches the ledger.
    mutating func beat(
        _ session: SessionID, lease: Int, caretakerLease: Int, registering: Bool, canCare: Bool, last: Int?
    ) -> IndexReply {
        guard registering || self.sessions[session] != nil else {
            return .heartbeat(isKnown: false, isCaretaker: false, generation: self.generation, time: nil, deaths: [])
        }
        self.sessions[session] = self.milliseconds + lease
        let isFree = self.caretaker.map { $0.session == session } ?? true
        if isFree { self.caretaker = canCare ? (session, self.milliseconds + caretakerLease) : nil }
        let deaths = last.map { last in self.deaths.filter { $0.noted > last }.map(\.member) } ?? []
        return .heartbeat(
            isKnown: true, isCaretaker: isFree && canCare, generation: self.generation, time: self.now,
            deaths: deaths)
    }

    /// Sessions whose lease is over, to the second.
    var overdue: [SessionID] {
        let limit = self.now / 1_000_000 * 1000
        return self.sessions.filter { $0.value <= limit }.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(\.key)
    }

    mutating func end(_ session: SessionID) {
        self.sessions[session] = nil
        if self.caretaker?.session == session { self.caretaker = nil }
    }

    mutating func note(_ session: SessionID, jobs: Int, recovery: Int) {
        let death = Death(noted: self.now, session: session, jobs: jobs, recovery: recovery)
        self.deaths.removeAll { $0.member == death.member }
        self.deaths.append(death)
        self.deaths.sort { $0.noted < $1.noted || ($0.noted == $1.noted && precedes($0.member, $1.member)) }
        self.deaths.removeFirst(max(0, self.deaths.count - 64))
        self.deathsExpire = self.milliseconds + 3_600_000
        self.recovery = (recovery, max(recovery, self.recovery?.longest ?? 0))
    }

    /// A process's flush counts once.
    mutating func add(_ amounts: [String: Int], flush number: Int, of process: WorkerID) {
        if let last = self.counted[process], last.number >= number { return }
        for (name, amount) in amounts { self.counters[name, default: 0] += amount }
        self.counted[process] = (number, self.milliseconds + 3_600_000)
    }
}
