// Draws the next call to the ledger; see IndexDraw.swift.

internal import JobModel

/// What callers of the ledger know, and what they ask next.
struct LedgerDraw: Sendable {
    private struct Attempt: Hashable, Sendable {
        var job: JobID
        var epoch: Int64
    }

    private static let slots = 4

    let seed: UInt64
    let sequence: Int
    private let weights: [(kind: Kind, weight: Int)]
    private let weight: Int
    private var lives = Array(repeating: 0, count: Self.slots)
    /// What each session began; the epochs may be long over.
    private var begun: [SessionID: [Attempt]] = [:]
    private var batches: [SessionID: Int64] = [:]
    /// Tickets that a dispatcher took up and has not finished.
    private var taken: [Int] = []
    private var enqueued: [JobID] = []

    enum Kind: String, CaseIterable, Sendable {
        case enqueue, takeDue, finish, begin, settle, completeStep, register, beat, reap, expired, running
        case forgetClaims, cancel, retry, unpark, repair, reconcile, advanceWatermark, pass

        var weight: Int {
            switch self {
            case .begin, .settle: 24
            case .enqueue: 12
            case .takeDue, .reap: 10
            case .register: 8
            case .finish: 6
            case .cancel, .pass: 4
            case .beat, .retry, .completeStep, .running: 3
            case .expired, .forgetClaims, .unpark, .repair, .reconcile, .advanceWatermark: 2
            }
        }
    }

    init(seed: UInt64, sequence: Int) {
        self.seed = ~seed
        self.sequence = sequence
        var dice = SeededRandom(seed: ~seed, sequence: sequence)
        self.weights = Kind.allCases.map { ($0, $0.weight * [1, 4, 4, 12][dice.below(4)]) }
        self.weight = self.weights.reduce(0) { $0 + $1.weight }
    }

    /// A session that does not know all kinds knows the first only.
    static func kinds(knowsAll: Bool) -> [JobKind] { knowsAll ? ["one", "two", "three"] : ["one"] }

    mutating func call(at step: Int, _ model: LedgerModel) -> LedgerCall {
        var dice = SeededRandom(seed: self.seed ^ SeededRandom.mixed(UInt64(step) &+ 1), sequence: self.sequence)
        let slot = dice.below(dice.once(in: 2) ? 1 : Self.slots)
        let current = Self.session(slot, self.lives[slot])
        if model.sessions[current] == nil, !dice.once(in: 4) {
            return .register(current, knowsAll: dice.once(in: 2))
        }
        let session = dice.once(in: 8) ? Self.session(slot, max(0, self.lives[slot] - 1)) : current
        switch self.kind(&dice) {
        case .enqueue:
            let count = dice.once(in: 3) ? 1 + dice.below(6) : 1
            return .enqueue((0..<count).map { self.request(&dice, step, $0) })
        case .takeDue: return .takeDue
        case .finish: return .finish(self.taken.filter { _ in !dice.once(in: 5) })
        case .begin:
            let known = Array(self.enqueued.suffix(12))
            // Rather those that crashed before: else none would ever come to quarantine.
            let available = model.jobs.values.filter { $0.life.state == .available }
                .sorted { ($1.life.crashes, $0.id) < ($0.life.crashes, $1.id) }.prefix(12).map(\.id)
            let ids = (available + known).filter { _ in dice.once(in: 3) }
            var distinct: [JobID] = []
            for id in ids where !distinct.contains(id) { distinct.append(id) }
            let number = (self.batches[session] ?? 0) + (dice.once(in: 6) ? 0 : 1)
            self.batches[session] = number
            return .begin(distinct, session, number: number, quarantined: dice.once(in: 3))
        case .settle: return .settle(self.settlements(&dice, session, model), session)
        case .completeStep:
            let attempt = self.attempt(&dice, session)
            return .completeStep(
                attempt.job, epoch: attempt.epoch, session, name: "s\(dice.below(2))", result: "\(dice.below(9))")
        case .register: return .register(self.freshSession(slot, model), knowsAll: dice.once(in: 2))
        case .beat: return .beat(session)
        case .reap:
            let end = dice.one(of: ["died", "died", "expired", "stopped"])
            return .reap(session, because: end, ifSilent: end == "expired")
        case .expired: return .expired
        case .running: return .running(session)
        case .forgetClaims:
            let claims = model.sessions[session]?.claims ?? [:]
            let over = claims.filter { $0.value.allSatisfy { model.jobs[$0]?.session != session } }
            return .forgetClaims(over.keys.sorted().filter { _ in !dice.once(in: 3) }, session)
        case .cancel: return .cancel(self.anyJob(&dice, step))
        case .retry:
            let over = model.jobs.values.filter { $0.life.state == .dead || $0.life.state == .cancelled }
            let ids = over.map(\.id).sorted()
            return .retry(ids.isEmpty || dice.once(in: 4) ? self.anyJob(&dice, step) : dice.one(of: ids))
        case .unpark: return .unpark(Self.family(1 + dice.below(2)))
        case .repair: return .repair
        case .reconcile: return .reconcile
        case .advanceWatermark: return .advanceWatermark
        case .pass: return .pass
        }
    }

    mutating func learn(_ call: LedgerCall, _ reply: LedgerReply) {
        switch (call, reply) {
        case (.enqueue, .enqueued(let ids, _)): self.enqueued = (self.enqueued + ids).suffix(40)
        case (.takeDue, .due(let due)):
            self.taken = Array(Set(self.taken).union(due.map(\.ticket))).sorted().suffix(60)
        case (.finish(let tickets), _): self.taken.removeAll { tickets.contains($0) }
        case (.begin(_, let session, _, _), .begun(let begun)):
            let attempts = begun.map { Attempt(job: $0.job, epoch: $0.life.epoch) }
            self.begun[session] = ((self.begun[session] ?? []) + attempts).suffix(20)
        case (.reap(let session, _, _), .reaped):
            for slot in 0..<Self.slots where Self.session(slot, self.lives[slot]) == session { self.lives[slot] += 1 }
        default: break
        }
    }

    private func kind(_ dice: inout SeededRandom) -> Kind {
        var left = dice.below(self.weight)
        for (kind, weight) in self.weights {
            left -= weight
            if left < 0 { return kind }
        }
        return .begin
    }

    private static func id(_ step: Int, _ number: Int) -> JobID {
        let low = UInt64(step) << 16 | UInt64(number)
        return JobID(UUIDBytes(high: SeededRandom.mixed(low), low: low))
    }

    private static func family(_ number: Int) -> FamilyID { FamilyID(Self.id(1 << 38, number).uuid) }

    private static func session(_ slot: Int, _ life: Int) -> SessionID { SessionID(self.id(1 << 40 + slot, life).uuid) }

    /// A slot's session if it never registered, else the one that follows it: the one before lives on, unheard.
    private mutating func freshSession(_ slot: Int, _ model: LedgerModel) -> SessionID {
        while model.sessions[Self.session(slot, self.lives[slot])] != nil { self.lives[slot] += 1 }
        return Self.session(slot, self.lives[slot])
    }

    private func anyJob(_ dice: inout SeededRandom, _ step: Int) -> JobID {
        self.enqueued.isEmpty || dice.once(in: 12) ? Self.id(step, 99) : dice.one(of: self.enqueued)
    }

    private func request(_ dice: inout SeededRandom, _ step: Int, _ number: Int) -> LedgerRequest {
        let isOld = dice.once(in: 10) && !self.enqueued.isEmpty
        let id = isOld ? dice.one(of: self.enqueued) : Self.id(step, number)
        // What an id's job is follows from it, mostly: the same request again.
        var fixed = SeededRandom(seed: id.uuid.high)
        let kind = dice.once(in: 30) ? "two" : fixed.one(of: Self.kinds(knowsAll: true))
        let family = fixed.once(in: 2) ? nil : Self.family(1 + fixed.below(2))
        let payload = "{\"n\": \(dice.once(in: 30) ? 9 : fixed.below(2))}"
        return LedgerRequest(
            id: id, kind: kind, family: family, priority: fixed.one(of: JobPriority.allCases), payload: payload,
            key: dice.once(in: 5) ? "k\(dice.below(3))" : nil, delayHours: dice.once(in: 6) ? 1 : 0)
    }

    /// One that the session began, or never did.
    private func attempt(_ dice: inout SeededRandom, _ session: SessionID) -> Attempt {
        let known = self.begun[session] ?? []
        guard !known.isEmpty, !dice.once(in: 8) else {
            let others = self.begun.sorted { $0.key < $1.key }.flatMap(\.value)
            return others.isEmpty ? Attempt(job: Self.id(1, 99), epoch: 1) : dice.one(of: others)
        }
        return dice.one(of: known)
    }

    private func settlements(
        _ dice: inout SeededRandom, _ session: SessionID, _ model: LedgerModel
    ) -> [LedgerSettlement] {
        var attempts = (self.begun[session] ?? []).filter { attempt in
            let isItsOwn = model.jobs[attempt.job].map { $0.session == session && $0.life.epoch == attempt.epoch }
            return isItsOwn == true ? !dice.once(in: 3) : dice.once(in: 8)
        }
        if dice.once(in: 6) { attempts.append(self.attempt(&dice, session)) }
        var settlements: [LedgerSettlement] = []
        for attempt in attempts.reversed() where !settlements.contains(where: { $0.job == attempt.job }) {
            // Now and then with an epoch that was never its own.
            let epoch = attempt.epoch + (dice.once(in: 12) ? dice.one(of: [-1, 1]) : 0)
            let delay = Duration.seconds(dice.once(in: 2) ? 0 : 3600)
            let settlement: Settlement =
                switch dice.below(12) {
                case 0, 1, 2, 3: .succeeded
                case 4, 5: .retry(after: delay)
                case 6: .snooze(for: delay)
                case 7: .park(self.reason(&dice, attempt.job, session, model), probeAfter: delay)
                case 8: .dead(spent: dice.once(in: 2), dice.one(of: [.attemptsExhausted, .discarded, .undecodable]))
                case 9: .cancelled
                default: .giveBack
                }
            settlements.append(LedgerSettlement(job: attempt.job, epoch: epoch, settlement: settlement))
        }
        return settlements
    }

    /// A kind that another live session knows is looked at again after a time that nobody can foretell: not here.
    private func reason(
        _ dice: inout SeededRandom, _ job: JobID, _ session: SessionID, _ model: LedgerModel
    ) -> ParkReason {
        let reason = dice.one(of: ParkReason.allCases)
        guard reason == .unknownKind, let kind = model.jobs[job]?.kind else { return reason }
        let isKnown = model.sessions.values.contains { $0.end == nil && $0.kinds.contains(kind) }
        let knowsItself = model.sessions[session]?.kinds.contains(kind) ?? false
        return isKnown && !knowsItself ? .databaseDown : reason
    }
}
