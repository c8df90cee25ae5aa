// The attempts in one session's hands, and the slots that run them: a pure state machine. Events in, actions out; no
// lock, no clock, no task. AttemptSlots is the shell that performs what it says.
//
// Invariants:
// 1. At most `capacity` handlers run, abandoned ones not counted.
// 2. An attempt waits only while no slot is idle and no slot may be started.
// 3. A slot whose attempt was cut short is retired: it takes no other attempt.

internal import JobModel
internal import JobQueue
internal import WorkerKit

/// Names an attempt. A job may run here again while the outcome of its last attempt is still being written.
struct AttemptID: Hashable, Sendable {
    let job: JobID
    let epoch: Int64
}

/// An attempt that was claimed (and begun, if it is durable), with what is needed to run it. A reference, since it is
/// large and is passed on several times.
final class Assignment: Sendable {
    enum Work: Sendable {
        case durable(BegunJob)
        case fast(FastEntry, QueueName)
    }

    let id: AttemptID
    let work: Work
    /// nil: nobody here knows the kind.
    let handler: RegisteredHandler?
    let timeout: Duration

    /// An attempt of a kind that nobody here knows needs no time.
    private static let unknownKindTimeout: Duration = .seconds(60)

    /// - Parameter timeout: nil: the handler's own.
    init(id: AttemptID, work: Work, handler: RegisteredHandler?, timeout: Duration? = nil) {
        self.id = id
        self.work = work
        self.handler = handler
        self.timeout = timeout ?? handler?.timeout ?? Self.unknownKindTimeout
    }
}

/// Why an attempt is being cut short.
enum Interruption: Sendable, Hashable {
    case timeout
    case cancelledByHand
    case workerStopping
    case sessionLost

    var trouble: Trouble {
        switch self {
        case .timeout: .transient()
        case .cancelledByHand: .cancelledByHand
        // What a lost session settles is fenced anyway.
        case .workerStopping, .sessionLost: .workerStopping
        }
    }
}

/// Attempts and slots.
struct AttemptTable {
    typealias Instant = ContinuousClock.Instant

    /// Where an attempt is.
    enum Stage: Hashable {
        /// For a slot. Goes on to `running`, or to `settling` when it is given back before it ran.
        case waiting
        /// Its handler runs. Goes on to `settling`.
        case running(slot: Int, deadline: Instant)
        /// It has an outcome that is being written. Goes on to be forgotten.
        case settling
    }

    /// A slot that is to run an attempt: an idle one, or one that is to be started.
    struct Start {
        let slot: Int
        let isNew: Bool
        let turn: Turn
    }

    /// A slot's turn.
    struct Turn: Sendable {
        let assignment: Assignment
        let deadline: Instant
        /// It was cut short before it ran: it is not to run.
        let interruption: Interruption?
    }

    /// What a slot that is free does next.
    enum Next {
        case run(Turn)
        case wait
        case end
    }

    private struct Attempt {
        let assignment: Assignment
        var stage: Stage
        var interruption: Interruption?
        var interruptedAt: Instant?
    }

    let capacity: Int
    private var attempts: [AttemptID: Attempt] = [:]
    private var backlog = Backlog()
    private var idle: [Int] = []
    private var slots: Set<Int> = []
    private var running = 0
    private var slotsStarted = 0
    private var isClosed = false
    /// Everything is being cut short: attempts that come later, too.
    private var interruption: Interruption?

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// All that is in this session's hands.
    var count: Int { self.attempts.count }
    /// Those that wait for a slot.
    var waiting: Int { self.backlog.count }
    var jobs: Set<JobID> { Set(self.attempts.keys.map(\.job)) }

    func contains(_ id: AttemptID) -> Bool { self.attempts[id] != nil }
    func interruption(of id: AttemptID) -> Interruption? { self.attempts[id]?.interruption }
    func isRetired(_ slot: Int) -> Bool { !self.slots.contains(slot) }

    /// Takes attempts in; one that is here already (a second hint of it) is left out.
    mutating func assign(_ assignments: [Assignment], now: Instant) -> [Start] {
        for assignment in assignments where self.attempts[assignment.id] == nil {
            self.attempts[assignment.id] = Attempt(
                assignment: assignment, stage: .waiting, interruption: self.interruption,
                interruptedAt: self.interruption == nil ? nil : now)
            self.backlog.append(assignment.id)
        }
        return self.starts(now: now)
    }

    /// What a slot that is free does next. - Parameter isWaiting: It is idle from now on if there is nothing to do.
    mutating func next(for slot: Int, isWaiting: Bool, now: Instant) -> Next {
        guard !self.isClosed, self.slots.contains(slot) else {
            self.slots.remove(slot)
            return .end
        }
        if let turn = self.turn(slot: slot, now: now) { return .run(turn) }
        if isWaiting { self.idle.append(slot) }
        return .wait
    }

    /// A handler returned. - Returns: nil when the attempt was abandoned before: its outcome does not count. Else what
    /// is to be started in place of a retired slot.
    mutating func finish(_ id: AttemptID, now: Instant) -> [Start]? {
        guard case .running(let slot, _) = self.attempts[id]?.stage else { return nil }
        self.attempts[id]?.stage = .settling
        self.running -= 1
        return self.slots.contains(slot) ? [] : self.starts(now: now)
    }

    /// An outcome is written, or will never be. - Returns: Whether the attempt was here.
    mutating func forget(_ id: AttemptID) -> Bool { self.attempts.removeValue(forKey: id) != nil }

    /// Cuts an attempt short; the first reason stays. - Returns: The slot to cancel.
    mutating func interrupt(_ id: AttemptID, because interruption: Interruption, now: Instant) -> Int? {
        guard let attempt = self.attempts[id], attempt.interruption == nil, attempt.stage != .settling else {
            return nil
        }
        self.attempts[id]?.interruption = interruption
        self.attempts[id]?.interruptedAt = now
        guard case .running(let slot, _) = attempt.stage else { return nil }
        self.slots.remove(slot)
        return slot
    }

    /// Cuts a job's attempts short. - Returns: The slots to cancel.
    mutating func interrupt(_ job: JobID, because interruption: Interruption, now: Instant) -> [Int] {
        self.attempts.keys.filter { $0.job == job }
            .compactMap { self.interrupt($0, because: interruption, now: now) }
    }

    /// Cuts all short, and those that come later. - Returns: The slots to cancel.
    mutating func interruptAll(because interruption: Interruption, now: Instant) -> [Int] {
        self.interruption = interruption
        return Array(self.attempts.keys).compactMap { self.interrupt($0, because: interruption, now: now) }
    }

    /// Takes away the attempts that wait for a slot: they are to be given back.
    mutating func takeWaiting() -> [Assignment] {
        let ids = self.backlog.removeAll()
        for id in ids { self.attempts[id]?.stage = .settling }
        return ids.compactMap { self.attempts[$0]?.assignment }
    }

    /// What time has done: attempts over their deadline are cut short, attempts that were cut short and did not heed
    /// that within `grace` are abandoned.
    mutating func sweep(
        now: Instant, grace: Duration
    ) -> (cancel: [Int], abandoned: [Assignment], starts: [Start]) {
        var cancel: [Int] = []
        var abandoned: [Assignment] = []
        for (id, attempt) in self.attempts {
            guard case .running(_, let deadline) = attempt.stage else { continue }
            if let interruptedAt = attempt.interruptedAt {
                guard now - interruptedAt >= grace else { continue }
                self.attempts[id]?.stage = .settling
                self.running -= 1
                abandoned.append(attempt.assignment)
            } else if now >= deadline, let slot = self.interrupt(id, because: .timeout, now: now) {
                cancel.append(slot)
            }
        }
        return (cancel, abandoned, abandoned.isEmpty ? [] : self.starts(now: now))
    }

    /// No slot takes anything any more. - Returns: The idle ones, which end now.
    mutating func close() -> [Int] {
        self.isClosed = true
        defer { self.idle = [] }
        return self.idle
    }

    private mutating func starts(now: Instant) -> [Start] {
        var starts: [Start] = []
        while !self.isClosed, self.backlog.count > 0 {
            let isNew = self.idle.isEmpty
            // A slot between two attempts takes the next by itself.
            guard !isNew || self.slots.count < self.capacity, self.running < self.capacity else { break }
            let slot: Int
            if let free = self.idle.popLast() {
                slot = free
            } else {
                self.slotsStarted += 1
                slot = self.slotsStarted
                self.slots.insert(slot)
            }
            guard let turn = self.turn(slot: slot, now: now) else { break }
            starts.append(Start(slot: slot, isNew: isNew, turn: turn))
        }
        return starts
    }

    private mutating func turn(slot: Int, now: Instant) -> Turn? {
        while let id = self.backlog.popFirst() {
            guard let attempt = self.attempts[id], attempt.stage == .waiting else { continue }
            let deadline = now + attempt.assignment.timeout
            self.attempts[id]?.stage = .running(slot: slot, deadline: deadline)
            self.running += 1
            if attempt.interruption != nil { self.slots.remove(slot) }
            return Turn(assignment: attempt.assignment, deadline: deadline, interruption: attempt.interruption)
        }
        return nil
    }
}

/// First in, first out, without moving the rest.
private struct Backlog {
    private var ids: [AttemptID] = []
    private var head = 0

    var count: Int { self.ids.count - self.head }

    mutating func append(_ id: AttemptID) { self.ids.append(id) }

    mutating func popFirst() -> AttemptID? {
        guard self.head < self.ids.count else { return nil }
        defer {
            self.head += 1
            if self.head == self.ids.count {
                self.ids.removeAll(keepingCapacity: true)
                self.head = 0
            }
        }
        return self.ids[self.head]
    }

    mutating func removeAll() -> [AttemptID] {
        defer {
            self.ids.removeAll(keepingCapacity: true)
            self.head = 0
        }
        return Array(self.ids[self.head...])
    }
}

extension BegunJob {
    var attemptID: AttemptID { AttemptID(job: self.id, epoch: self.epoch) }
}

extension SettledAttempt {
    var attemptID: AttemptID { AttemptID(job: self.id, epoch: self.epoch) }
}
