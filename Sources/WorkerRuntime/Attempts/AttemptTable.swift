// The attempts in one session's hands, and the slots that run them: a pure state machine. Events in, actions out; no
// lock, no clock, no task. AttemptSlots is the shell that performs what it says.
//
// Invariants:
// 1. At most `capacity` handlers run, abandoned ones not counted.
// 2. An attempt waits only while no slot is idle and no slot may be started.
// 3. A slot whose attempt was cut short is retired: it takes no other attempt.

internal import JobModel

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
        /// Where the table keeps the attempt.
        fileprivate let place: Int
    }

    /// What a slot that is free does next.
    enum Next {
        case run(Turn)
        case wait
        case end
    }

    /// Where an attempt is, and since when it is being cut short. Apart from its assignment: each step of each attempt
    /// changes this, and it holds no reference that would have to be counted.
    private struct Progress {
        var stage: Stage
        var interruption: Interruption?
        var interruptedAt: Instant?
    }

    let capacity: Int
    /// Attempts stay where they are put until they are forgotten; a place is then used again.
    private var assignments: [Assignment?] = []
    private var progress: [Progress] = []
    private var freePlaces: [Int] = []
    private var places: [AttemptID: Int] = [:]
    /// Places of attempts that wait.
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
    var count: Int { self.places.count }
    /// Those that wait for a slot.
    var waiting: Int { self.backlog.count }
    var jobs: Set<JobID> { Set(self.places.keys.map(\.job)) }

    func contains(_ id: AttemptID) -> Bool { self.places[id] != nil }
    func interruption(of id: AttemptID) -> Interruption? { self.places[id].flatMap { self.progress[$0].interruption } }
    func isRetired(_ slot: Int) -> Bool { !self.slots.contains(slot) }

    /// Takes attempts in; one that is here already (a second hint of it) is left out.
    mutating func assign(_ assignments: [Assignment], now: Instant) -> [Start] {
        for assignment in assignments where self.places[assignment.id] == nil {
            let progress = Progress(
                stage: .waiting, interruption: self.interruption,
                interruptedAt: self.interruption == nil ? nil : now)
            let place: Int
            if let free = self.freePlaces.popLast() {
                place = free
                self.assignments[place] = assignment
                self.progress[place] = progress
            } else {
                place = self.assignments.count
                self.assignments.append(assignment)
                self.progress.append(progress)
            }
            self.places[assignment.id] = place
            self.backlog.append(place)
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
    mutating func finish(_ turn: Turn, now: Instant) -> [Start]? {
        // The place may be another's, if this one was abandoned and forgotten.
        guard self.assignments[turn.place] === turn.assignment,
            case .running(let slot, _) = self.progress[turn.place].stage
        else { return nil }
        self.progress[turn.place].stage = .settling
        self.running -= 1
        return self.slots.contains(slot) ? [] : self.starts(now: now)
    }

    /// An outcome is written, or will never be. - Returns: Whether the attempt was here.
    mutating func forget(_ id: AttemptID) -> Bool {
        guard let place = self.places.removeValue(forKey: id) else { return false }
        self.assignments[place] = nil
        self.freePlaces.append(place)
        return true
    }

    /// Cuts a job's attempts short; the first reason stays. - Returns: The slots to cancel.
    mutating func interrupt(_ job: JobID, because interruption: Interruption, now: Instant) -> [Int] {
        self.places.filter { $0.key.job == job }.values
            .compactMap { self.interrupt(at: $0, because: interruption, now: now) }
    }

    /// Cuts all short, and those that come later. - Returns: The slots to cancel.
    mutating func interruptAll(because interruption: Interruption, now: Instant) -> [Int] {
        self.interruption = interruption
        return self.assignments.indices.compactMap { self.interrupt(at: $0, because: interruption, now: now) }
    }

    private mutating func interrupt(at place: Int, because interruption: Interruption, now: Instant) -> Int? {
        guard self.assignments[place] != nil, self.progress[place].interruption == nil,
            self.progress[place].stage != .settling
        else { return nil }
        self.progress[place].interruption = interruption
        self.progress[place].interruptedAt = now
        guard case .running(let slot, _) = self.progress[place].stage else { return nil }
        self.slots.remove(slot)
        return slot
    }

    /// Takes away the attempts that wait for a slot: they are to be given back.
    mutating func takeWaiting() -> [Assignment] {
        let places = self.backlog.removeAll()
        for place in places { self.progress[place].stage = .settling }
        return places.compactMap { self.assignments[$0] }
    }

    /// What time has done: attempts over their deadline are cut short, attempts that were cut short and did not heed
    /// that within `grace` are abandoned.
    mutating func sweep(
        now: Instant, grace: Duration
    ) -> (cancel: [Int], abandoned: [Assignment], starts: [Start]) {
        var cancel: [Int] = []
        var abandoned: [Assignment] = []
        for place in self.assignments.indices {
            guard case .running(_, let deadline) = self.progress[place].stage,
                let assignment = self.assignments[place]
            else { continue }
            if let interruptedAt = self.progress[place].interruptedAt {
                guard now - interruptedAt >= grace else { continue }
                self.progress[place].stage = .settling
                self.running -= 1
                abandoned.append(assignment)
            } else if now >= deadline, let slot = self.interrupt(at: place, because: .timeout, now: now) {
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
        guard let place = self.backlog.popFirst(), let assignment = self.assignments[place] else { return nil }
        let deadline = now + assignment.timeout
        let interruption = self.progress[place].interruption
        self.progress[place].stage = .running(slot: slot, deadline: deadline)
        self.running += 1
        if interruption != nil { self.slots.remove(slot) }
        return Turn(assignment: assignment, deadline: deadline, interruption: interruption, place: place)
    }
}

/// First in, first out, without moving the rest.
private struct Backlog {
    private var places: [Int] = []
    private var head = 0

    var count: Int { self.places.count - self.head }

    mutating func append(_ place: Int) { self.places.append(place) }

    mutating func popFirst() -> Int? {
        guard self.head < self.places.count else { return nil }
        defer {
            self.head += 1
            if self.head == self.places.count {
                self.places.removeAll(keepingCapacity: true)
                self.head = 0
            }
        }
        return self.places[self.head]
    }

    mutating func removeAll() -> [Int] {
        defer {
            self.places.removeAll(keepingCapacity: true)
            self.head = 0
        }
        return Array(self.places[self.head...])
    }
}
