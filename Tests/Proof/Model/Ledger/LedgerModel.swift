// The ledger as docs/architecture.md ("The ledger", "Epochs and fences") and docs/job-life.md have it. What happens to
// a job is `JobLife`'s business; here is what stands beside it: sessions and what they began, tickets, keys, requests
// to cancel, the history. Plain values; no I/O and no clock.
//
// A moment is a number of hours, which pass when a call says so, and within them the step of the sequence.

internal import JobModel

/// When something happened, or is due.
struct Moment: Hashable, Comparable, Sendable {
    var hours: Int
    var step: Int

    static func < (left: Moment, right: Moment) -> Bool { (left.hours, left.step) < (right.hours, right.step) }
}

struct LedgerModel: Sendable {
    struct Job: Hashable, Sendable {
        let id: JobID
        let kind: JobKind
        let family: FamilyID?
        let priority: JobPriority
        let payload: String
        var life: JobLife
        /// Whose the running attempt is.
        var session: SessionID?
        var reason: String?
        /// When it is due, while it is scheduled.
        var due: Moment?
        var started: Moment?
        /// A person wants the running attempt to stop.
        var isGivenUp = false
        /// Attempts that were no uneventful success, by their epochs.
        var history: [Int64: String] = [:]
        var steps: [String: String] = [:]
    }

    struct Ticket: Hashable, Sendable {
        let number: Int
        let job: JobID
        var due: Moment
        /// Whose readiness, or which kind's, brings it forward.
        var parkedFamily: FamilyID?
        var parkedKind: JobKind?
    }

    struct Session: Hashable, Sendable {
        var beat: Moment
        var kinds: Set<JobKind>
        var end: String?
        /// What it began, by batch.
        var claims: [Int64: [JobID]] = [:]
    }

    struct Key: Hashable, Sendable {
        var family: FamilyID?
        var kind: JobKind
        var text: String
    }

    var now = Moment(hours: 0, step: 0)
    var jobs: [JobID: Job] = [:]
    /// In the order in which they were given.
    var tickets: [Ticket] = []
    private var ticketsGiven = 0
    var sessions: [SessionID: Session] = [:]
    var keys: [Key: (job: JobID, payload: String)] = [:]
}

extension LedgerModel {
    mutating func giveTicket(_ job: JobID, due: Moment, family: FamilyID? = nil, kind: JobKind? = nil) {
        self.ticketsGiven += 1
        self.tickets.append(
            Ticket(number: self.ticketsGiven, job: job, due: due, parkedFamily: family, parkedKind: kind))
    }

    /// All, or none.
    mutating func enqueue(_ requests: [LedgerRequest]) -> LedgerReply {
        let before = self
        var (ids, replayed) = ([JobID](), [Bool]())
        for (index, request) in requests.enumerated() {
            let key = request.key.map { Key(family: request.family, kind: request.kind, text: $0) }
            if let key, let known = self.keys[key] {
                guard known.payload == request.payload else {
                    self = before
                    // A job of this batch goes away with it: it is not named.
                    return .conflict(before.jobs[known.job]?.id, index: index)
                }
                ids.append(known.job)
                replayed.append(true)
            } else if let known = self.jobs[request.id] {
                guard known.kind == request.kind, known.family == request.family, known.payload == request.payload
                else {
                    self = before
                    return .conflict(nil, index: index)
                }
                if let key { self.keys[key] = (request.id, request.payload) }
                ids.append(request.id)
                replayed.append(true)
            } else {
                if let key { self.keys[key] = (request.id, request.payload) }
                let due = Moment(hours: self.now.hours + request.delayHours, step: self.now.step)
                let isLater = request.delayHours > 0
                self.jobs[request.id] = Job(
                    id: request.id, kind: request.kind, family: request.family, priority: request.priority,
                    payload: request.payload, life: JobLife(state: isLater ? .scheduled : .available),
                    due: isLater ? due : nil)
                self.giveTicket(request.id, due: due)
                ids.append(request.id)
                replayed.append(false)
            }
        }
        return .enqueued(ids, replayed: replayed)
    }

    /// Takes up tickets that are due: scheduled and parked jobs become available.
    mutating func takeDue() -> [LedgerReply.Due] {
        let due = self.tickets.filter { $0.due <= self.now }
        for ticket in due {
            guard var job = self.jobs[ticket.job] else { continue }
            switch job.life.state {
            case .scheduled where job.due.map { $0 <= self.now } ?? false: self.change(&job, .promote)
            // A ticket that was due before the attempt that parked the job is an older one.
            case .parked where job.started.map { ticket.due > $0 } ?? true: self.change(&job, .unpark)
            case .scheduled, .parked, .available, .running, .succeeded, .dead, .cancelled: continue
            }
            job.due = nil
            job.reason = nil
            self.jobs[job.id] = job
        }
        return due.compactMap { ticket in
            self.jobs[ticket.job].map { job in
                LedgerReply.Due(
                    ticket: ticket.number, job: job.id, isRunnable: job.life.state == .available,
                    isQuarantined: job.life.isQuarantined)
            }
        }
    }

    /// A change that the state allows: whoever asks has looked.
    private func change(_ job: inout Job, _ event: JobLife.Event) {
        if let next = try? job.life.after(event) { job.life = next }
    }

    /// Begins what is available, and may be begun so; returns that and what the same call began before.
    mutating func begin(
        _ ids: [JobID], by session: SessionID, number: Int64, quarantined: Bool
    ) -> [LedgerReply.Begun] {
        guard var owner = self.sessions[session] else { return [] }
        // Each once, also one that the batch's number began, gave back and began again.
        let earlier = Set(owner.claims[number] ?? []).filter { self.jobs[$0]?.session == session }
        var begun: [JobID] = []
        for id in ids where owner.end == nil {
            guard var job = self.jobs[id], job.life.isQuarantined == quarantined,
                let life = try? job.life.after(.begin)
            else { continue }
            job.life = life
            job.session = session
            job.started = self.now
            self.jobs[id] = job
            begun.append(id)
        }
        if !begun.isEmpty { owner.claims[number, default: []] += begun }
        self.sessions[session] = owner
        return (begun + earlier).compactMap { id in
            self.jobs[id].map { LedgerReply.Begun(job: id, life: $0.life) }
        }
    }

    /// Records outcomes. - Returns: Those that were not fenced.
    mutating func settle(_ attempts: [LedgerSettlement], by session: SessionID) -> [JobID] {
        attempts.compactMap { attempt in
            guard var job = self.jobs[attempt.job], job.session == session else { return nil }
            var settlement = attempt.settlement
            if job.isGivenUp {
                // Nobody else will read the request.
                switch settlement {
                case .retry, .snooze, .park, .giveBack: settlement = .cancelled
                case .succeeded, .dead, .cancelled: break
                }
            }
            guard let life = try? job.life.after(.settle(epoch: attempt.epoch, settlement)) else { return nil }
            job.life = life
            job.session = nil
            job.isGivenUp = false
            self.jobs[job.id] = self.settled(job, settlement, attempt.delayHours)
            return job.id
        }
    }

    private mutating func settled(_ job: Job, _ settlement: Settlement, _ delayHours: Int) -> Job {
        var job = job
        let due = Moment(hours: self.now.hours + delayHours, step: self.now.step)
        job.reason = nil
        job.due = nil
        switch settlement {
        case .succeeded: return job
        case .retry, .snooze:
            job.due = due
            self.giveTicket(job.id, due: due)
        case .park(let reason, _):
            job.reason = reason.rawValue
            job.history = job.history.filter { $0.value != "parked" }
            self.giveTicket(
                job.id, due: due, family: job.family, kind: reason == .unknownKind ? job.kind : nil)
        case .dead(_, let reason): job.reason = reason.rawValue
        case .giveBack: self.giveTicket(job.id, due: due)
        case .cancelled: break
        }
        job.history[job.life.epoch] = Self.outcome(settlement)
        return job
    }

    private static func outcome(_ settlement: Settlement) -> String {
        switch settlement {
        case .succeeded: "succeeded"
        case .retry, .dead: "failed"
        case .snooze: "snoozed"
        case .park: "parked"
        case .cancelled: "cancelled"
        case .giveBack: "given_back"
        }
    }

    /// Ends a session, once, and takes its running jobs back. - Returns: nil: it lives on.
    mutating func reap(_ id: SessionID, because end: String, ifSilent: Bool) -> [LedgerReply.Reaped]? {
        guard var session = self.sessions[id], session.end == nil else { return [] }
        // The lease is an hour, and hours pass two by two.
        if ifSilent, session.beat.hours >= self.now.hours { return nil }
        session.end = end
        session.claims = [:]
        self.sessions[id] = session
        return self.jobs.values.filter { $0.session == id }.map { held in
            var job = held
            let epoch = job.life.epoch
            self.change(&job, end == "stopped" ? .settle(epoch: epoch, .giveBack) : .crash(epoch: epoch))
            if job.isGivenUp { job.life.state = .cancelled }
            job.session = nil
            job.isGivenUp = false
            job.history[epoch] = end == "stopped" ? "given_back" : "crashed"
            job.reason = job.life.state == .dead ? DeathReason.poison.rawValue : nil
            if job.life.state == .available { self.giveTicket(job.id, due: self.now) }
            self.jobs[job.id] = job
            return LedgerReply.Reaped(job: job.id, isPoison: job.life.state == .dead)
        }
    }

    /// A person gives a job up: at once, or its session is asked.
    mutating func cancel(_ id: JobID) -> LedgerReply {
        guard var job = self.jobs[id] else { return .refused("notFound") }
        if job.life.state == .running {
            job.isGivenUp = true
            self.jobs[id] = job
            return .word("requested")
        }
        guard let life = try? job.life.after(.cancel) else { return .refused("notPossible") }
        job.life = life
        job.due = nil
        job.reason = nil
        self.jobs[id] = job
        return .word("cancelled")
    }

    /// A person wants a job run again.
    mutating func retry(_ id: JobID) -> LedgerReply {
        guard var job = self.jobs[id] else { return .refused("notFound") }
        guard let life = try? job.life.after(.retry) else { return .refused("notPossible") }
        job.life = life
        job.reason = nil
        self.jobs[id] = job
        self.giveTicket(id, due: self.now)
        return .nothing
    }

    /// Gives tickets to jobs that wait without one. - Returns: How many.
    mutating func repair() -> Int {
        let ticketed = Set(self.tickets.map(\.job))
        let without = self.jobs.values.filter {
            ($0.life.state == .scheduled || $0.life.state == .parked) && !ticketed.contains($0.id)
        }
        for job in without.sorted(by: { $0.id < $1.id }) {
            let isParked = job.life.state == .parked
            self.giveTicket(
                job.id, due: job.due ?? self.now, family: isParked ? job.family : nil,
                kind: job.reason == ParkReason.unknownKind.rawValue ? job.kind : nil)
        }
        return without.count
    }

    /// What a family's, or a kind's, parked jobs waited for is ready.
    mutating func bringForward(_ isReady: (Ticket) -> Bool) {
        for place in self.tickets.indices where isReady(self.tickets[place]) { self.tickets[place].due = self.now }
    }
}
