// What one queue holds in Redis, as docs/architecture.md ("Redis") and docs/job-life.md ("Quarantine", "Fast jobs") say
// it: plain values, changed by plain functions. No I/O and no clock: whoever calls says what time it is.
//
// Rules kept here, beside those at each function:
// 1. A job that waits is in one place: a lane, quarantine, or among the delayed. One that a session holds is in its
//    running set alone.
// 2. A lane is in its priority's ring exactly while it holds jobs.
// 3. Who puts something that can be claimed at once leaves a wake token, and so does who delays something that will be
//    due before all else that is; there is never more than one.

internal import JobModel

/// A queue in Redis.
struct QueueModel: Sendable {
    /// Whose jobs, and which class of them, take a turn.
    struct Turn: Hashable, Sendable {
        var isFast: Bool
        /// nil: the platform.
        var family: FamilyID?
    }

    struct Lane: Hashable, Sendable {
        var priority: JobPriority
        var family: FamilyID?
    }

    /// A durable job's hint in its lane.
    struct Hint: Hashable, Sendable {
        var id: JobID
        var lane: Lane
        var seq: Int64
    }

    /// Something that waits to be run alone.
    enum Suspect: Hashable, Sendable {
        case hint(JobID)
        case fast(FastJob)

        var member: [UInt8] {
            switch self {
            case .hint(let id): [UInt8(ascii: "d")] + id.uuid.bytes
            case .fast(let job): [UInt8(ascii: "f")] + job.bytes
            }
        }
    }

    /// What a session holds, and with it how it is put back.
    enum Held: Hashable, Sendable {
        case hint(Hint)
        /// A quarantined hint, and when it came there.
        case suspect(JobID, since: Int)
        case fast(FastJob)

        var id: JobID {
            switch self {
            case .hint(let hint): hint.id
            case .suspect(let id, _): id
            case .fast(let job): job.id
            }
        }
    }

    struct Dead: Hashable, Sendable {
        var job: FastJob
        var died: Int
        /// The line of JSON before its entry.
        var note: [UInt8]
    }

    /// An idempotency key, or an id that its caller minted: what it means, not how it is named.
    struct Key: Hashable, Sendable {
        var family: FamilyID?
        var kind: JobKind
        /// The idempotency key; nil: it is the id.
        var text: String?
        var id: JobID?
    }

    struct KeyHolder: Hashable, Sendable {
        var id: JobID
        /// What has to be the same when the key is used again.
        var payload: [UInt8]
        var expires: Int
    }

    /// Hints by seq.
    var hints: [Lane: [Hint]] = [:]
    var fast: [Lane: [FastJob]] = [:]
    /// Lanes in the order of their turns.
    var rings: [JobPriority: [Turn]] = [:]
    /// By when they came, then by their bytes.
    var quarantine: [(since: Int, suspect: Suspect)] = []
    /// Who may withdraw to run those, and until when.
    var turn: (session: SessionID, expires: Int)?
    /// In the order in which they were claimed.
    var running: [SessionID: [Held]] = [:]
    /// Reaped sessions, and until when that is remembered.
    var gone: [SessionID: Int] = [:]
    /// By when they are due, then by their bytes.
    var delayed: [(due: Int, job: FastJob)] = []
    /// By when they died, then by their ids.
    var dead: [Dead] = []
    var keys: [Key: KeyHolder] = [:]
    var hasWakeToken = false
    /// The newest word of the ledger; nil: none since Redis lost its memory.
    var told: (isPaused: Bool, version: Int)?
}

extension QueueModel {
    /// Forgets what is only kept for a time. A key is there in its last millisecond.
    mutating func expire(_ now: Int) {
        if let turn = self.turn, turn.expires < now { self.turn = nil }
        if self.gone.contains(where: { $0.value < now }) { self.gone = self.gone.filter { $0.value >= now } }
        if self.keys.contains(where: { $0.value.expires < now }) {
            self.keys = self.keys.filter { $0.value.expires >= now }
        }
    }

    mutating func wake() { self.hasWakeToken = true }

    /// A lane that was empty joins the end of its ring.
    mutating func join(_ priority: JobPriority, _ turn: Turn) {
        self.rings[priority, default: []].append(turn)
    }

    /// Puts a hint into its lane, unless it is there. - Returns: Whether it was not.
    mutating func put(_ hint: Hint) -> Bool {
        var lane = self.hints[hint.lane] ?? []
        guard !lane.contains(where: { $0.id == hint.id }) else { return false }
        if lane.isEmpty { self.join(hint.lane.priority, Turn(isFast: false, family: hint.lane.family)) }
        let place = lane.firstIndex {
            $0.seq > hint.seq || ($0.seq == hint.seq && hint.id < $0.id)
        }
        lane.insert(hint, at: place ?? lane.count)
        self.hints[hint.lane] = lane
        return true
    }

    /// Puts a fast job at the head or the end of its lane; one that was aboard too many crashes goes to quarantine.
    mutating func put(_ job: FastJob, atHead: Bool = false, _ now: Int) {
        guard !job.isQuarantined else {
            _ = self.quarantine(.fast(job), since: now)
            return
        }
        let name = Lane(priority: job.priority, family: job.family)
        if self.fast[name, default: []].isEmpty { self.join(name.priority, Turn(isFast: true, family: job.family)) }
        if atHead {
            self.fast[name, default: []].insert(job, at: 0)
        } else {
            self.fast[name, default: []].append(job)
        }
    }

    /// Puts something among those that are run alone; if it is there it keeps its place. - Returns: Whether it was not.
    mutating func quarantine(_ suspect: Suspect, since: Int) -> Bool {
        let member = suspect.member
        guard !self.quarantine.contains(where: { $0.suspect.member == member }) else { return false }
        let place = self.quarantine.firstIndex {
            $0.since > since || ($0.since == since && precedes(member, $0.suspect.member))
        }
        self.quarantine.insert((since, suspect), at: place ?? self.quarantine.count)
        return true
    }

    mutating func delay(_ job: FastJob, until due: Int) {
        let bytes = job.bytes
        let place = self.delayed.firstIndex { $0.due > due || ($0.due == due && precedes(bytes, $0.job.bytes)) }
        self.delayed.insert((due, job), at: place ?? self.delayed.count)
        if self.delayed[0].due == due { self.wake() }
    }

    /// Keeps a job among the dead; the oldest go when there are too many.
    mutating func bury(_ job: FastJob, note: [UInt8], _ now: Int) {
        self.dead.removeAll { $0.job.id == job.id }
        let place = self.dead.firstIndex { $0.died > now || ($0.died == now && $0.job.id > job.id) }
        self.dead.insert(Dead(job: job, died: now, note: note), at: place ?? self.dead.count)
        if self.dead.count > JobLimits.deadFastJobsMax {
            self.dead.removeFirst(self.dead.count - JobLimits.deadFastJobsMax)
        }
    }

    /// Takes something out of a session's running set; nil: it is not there, which is what fences.
    mutating func release(_ id: JobID, of session: SessionID) -> Held? {
        guard let place = self.running[session]?.firstIndex(where: { $0.id == id }) else { return nil }
        let held = self.running[session]?.remove(at: place)
        if self.running[session]?.isEmpty == true { self.running[session] = nil }
        return held
    }

    /// A session holds something. What it holds already keeps its place.
    mutating func hold(_ held: Held, by session: SessionID) {
        if let place = self.running[session]?.firstIndex(where: { $0.id == held.id }) {
            self.running[session]?[place] = held
        } else {
            self.running[session, default: []].append(held)
        }
    }
}
