// Draws the next call of a sequence. Each step has dice of its own (seed, sequence, step), so that a list of steps with
// some left out still asks much the same of what is left: that is what makes a failing sequence shrink.
//
// What is asked is decided by the dice and by what the pool's members would know: the sessions that there are and have
// been, what each was given, the words of the ledger. Much of it is stale on purpose.

internal import JobModel

/// What callers know, and what they ask next.
struct IndexDraw: Sendable {
    /// What a session was given.
    private enum Given: Hashable, Sendable {
        case hint(JobID)
        case fast(FastJob)

        var id: JobID {
            switch self {
            case .hint(let id): id
            case .fast(let job): job.id
            }
        }
    }

    private struct Worker: Hashable, Sendable {
        var session: SessionID
        var queue: Int
    }

    private static let slots = 5
    private static let rememberedMax = 24
    /// One sequence of so many goes in large steps now and then: past the 1000 delayed jobs that a claim moves at once
    /// and the 10,000 dead that are kept.
    private static let sequencesPerLarge = 400
    private static let largeMax = 1500

    let seed: UInt64
    let sequence: Int
    private let weights: [(kind: Kind, weight: Int)]
    private let weight: Int
    /// How often each slot's session was replaced.
    private var lives = Array(repeating: 0, count: Self.slots)
    private var given: [Worker: [Given]] = [:]
    private var lastBeat: [SessionID: Int] = [:]
    private var flushes = 0
    /// Raised when keys may have expired: an id that was used before is not minted again.
    private var era = 0
    private var hintsPushed: [Int] = []

    private var isLarge: Bool { self.sequence % Self.sequencesPerLarge == Self.sequencesPerLarge / 8 }

    init(seed: UInt64, sequence: Int) {
        self.seed = seed
        self.sequence = sequence
        var dice = SeededRandom(seed: seed, sequence: sequence)
        // Some sequences have much of one kind and little of another.
        self.weights = Kind.allCases.map { ($0, $0.weight * [1, 4, 4, 16][dice.below(4)]) }
        self.weight = self.weights.reduce(0) { $0 + $1.weight }
    }

    /// What a step may be.
    enum Kind: String, CaseIterable, Sendable {
        case push, enqueue, enqueueMany, claim, claimAlone, settle, reap, giveBack, drop, running, tell, takeTurn
        case hasQuarantined, decide, listDead, audit, waitForWork, beat, overdue, end, setGeneration, note
        case recoveryTimes, add, counters, loseMemory, pass

        var weight: Int {
            switch self {
            case .claim: 24
            case .settle, .push: 16
            case .enqueue, .pass, .reap: 12
            case .enqueueMany, .claimAlone, .beat: 8
            case .giveBack, .decide, .waitForWork: 4
            case .tell, .takeTurn, .audit, .drop, .end: 3
            case .running, .hasQuarantined, .listDead, .overdue, .note, .add: 2
            case .setGeneration, .recoveryTimes, .counters: 1
            case .loseMemory: 0
            }
        }
    }

    /// The call of a step.
    mutating func call(at step: Int, _ model: PoolModel) -> IndexCall {
        var dice = SeededRandom(seed: self.seed ^ SeededRandom.mixed(UInt64(step) &+ 1), sequence: self.sequence)
        // Redis rarely loses its memory: every few sequences once.
        if dice.once(in: 1500) { return .loseMemory }
        let queue = dice.once(in: 4) ? 1 : 0
        if self.isLarge, dice.once(in: 4) { return self.largeCall(&dice, queue, step) }
        if model.queues[queue].told == nil, dice.once(in: 5) { return self.tell(&dice, queue, model) }
        switch self.kind(&dice) {
        case .push: return .push(self.hints(&dice, queue, step), queue: queue)
        case .enqueue: return .enqueue(self.request(&dice, queue, step, 0, mayHaveKey: true), queue: queue)
        case .enqueueMany:
            // Half of them of one lane: enough of those go another way into Redis.
            let areAlike = dice.once(in: 2)
            let count = 1 + dice.below(areAlike ? 24 : 6)
            var requests: [FastRequest] = []
            for number in 0..<count {
                requests.append(
                    self.request(
                        &dice, queue, step, number, mayHaveKey: false, like: areAlike ? requests.first : nil))
            }
            return .enqueueMany(requests, queue: queue)
        case .claim:
            let session = self.session(&dice)
            let count = dice.one(of: [1, 1, 2, 3, 5, 8, 20, dice.once(in: 10) ? 0 : 1])
            return .claim(count, queue: queue, session, settled: self.settledIDs(&dice, session, queue))
        case .claimAlone:
            let session = self.session(&dice)
            return .claimAlone(queue: queue, session, settled: self.settledIDs(&dice, session, queue))
        case .settle: return self.settle(&dice, queue, model)
        case .reap: return self.reap(&dice, queue)
        case .giveBack:
            let session = self.session(&dice)
            var ids = self.someIDs(&dice, session, queue)
            if dice.once(in: 8) { ids.append(dice.one(of: ids)) }
            return .giveBack(ids, session, queue: queue)
        case .drop:
            let session = self.session(&dice)
            return .drop(self.someIDs(&dice, session, queue), session, queue: queue)
        case .running: return .running(self.session(&dice), queue: queue)
        case .tell: return self.tell(&dice, queue, model)
        case .takeTurn: return .takeTurn(self.session(&dice), queue: queue, lease: 10_000)
        case .hasQuarantined: return .hasQuarantined
        case .decide:
            var ids = model.queues[queue].dead.map(\.job.id).filter { _ in dice.once(in: 2) }.prefix(5)
            if dice.once(in: 5) { ids.append(Self.id(step, 99)) }
            return .decide(dice.once(in: 3) ? .discard : .retry, Array(ids), queue: queue)
        case .listDead: return .listDead(queue: queue, skipping: dice.below(3), limit: 1 + dice.below(10))
        case .audit: return .audit(queue: queue)
        case .waitForWork: return .waitForWork
        case .beat:
            let session = self.session(&dice)
            return .beat(
                session, lease: dice.one(of: [10_000, 10_000, 1000]), caretakerLease: 3000,
                registering: dice.once(in: 3), canCare: !dice.once(in: 5),
                last: dice.once(in: 6) ? nil : self.lastBeat[session])
        case .overdue: return .overdue
        case .end: return .end(self.session(&dice))
        case .setGeneration: return .setGeneration(Int64(1 + dice.below(1000)))
        case .note:
            return .note(self.session(&dice), jobs: dice.below(20), recovery: dice.below(2) * dice.below(12_000))
        case .recoveryTimes: return .recoveryTimes
        case .add:
            if !dice.once(in: 4) { self.flushes += 1 }
            let amounts = ["jobs_total": 1 + dice.below(9), "attempts_fenced_total": dice.below(3)]
            return .add(amounts, flush: self.flushes, WorkerID(Self.id(dice.below(2), 77).uuid))
        case .counters: return .counters
        case .loseMemory: return .loseMemory
        case .pass:
            let microseconds = dice.one(of: [
                1, 300, 1000, 1000, 7000, 999_000, 3_000_000, 11_000_000, dice.once(in: 4) ? 3_660_000_000 : 20_000,
                dice.once(in: 20) ? 8 * 86_400_000_000 : 1000,
            ])
            if microseconds > 86_400_000_000 { self.era += 1 }
            return .pass(microseconds: microseconds)
        }
    }

    /// What callers learn from the answer.
    mutating func learn(_ call: IndexCall, _ reply: IndexReply) {
        switch (call, reply) {
        case (.claim(_, let queue, let session, _), .claim(_, let durable, let fast, _, _)),
            (.claimAlone(let queue, let session, _), .claim(_, let durable, let fast, _, _)):
            let worker = Worker(session: session, queue: queue)
            var known = self.given[worker] ?? []
            known += durable.map { .hint($0) } + fast.compactMap { FastJob(bytes: $0).map { .fast($0) } }
            self.given[worker] = known.suffix(self.isLarge ? 2 * Self.largeMax : Self.rememberedMax)
        case (.beat(let session, _, _, _, _, _), .heartbeat(_, _, _, let time?, _)): self.lastBeat[session] = time
        case (.loseMemory, _): self.era += 1
        default: break
        }
    }

    /// Many at once: enqueued, claimed, or dead.
    private func largeCall(_ dice: inout SeededRandom, _ queue: Int, _ step: Int) -> IndexCall {
        let session = Self.session(0, self.lives[0])
        switch dice.below(4) {
        case 0:
            let delay = dice.one(of: [nil, 1, 20])
            return .enqueueMany(
                (0..<(Self.largeMax / 2 + dice.below(Self.largeMax / 2))).map { number in
                    var request = self.request(&dice, queue, step, number, mayHaveKey: false)
                    request.delay = delay
                    return request
                }, queue: queue)
        case 1: return .claim(Self.largeMax, queue: queue, session, settled: [])
        case 2: return .pass(microseconds: 1000)
        default:
            var jobs: [JobID: FastJob] = [:]
            for case .fast(let job) in self.given[Worker(session: session, queue: queue)] ?? [] { jobs[job.id] = job }
            let outcome = dice.once(in: 4) ? SettledFastJob.Outcome.givenBack : .dead(.discarded)
            let settled = jobs.values.sorted { $0.id < $1.id }.suffix(Self.largeMax)
            return .settle(settled.map { SettledFastJob(job: $0, outcome: outcome) }, queue: queue, session)
        }
    }

    private func kind(_ dice: inout SeededRandom) -> Kind {
        var left = dice.below(self.weight)
        for (kind, weight) in self.weights {
            left -= weight
            if left < 0 { return kind }
        }
        return .claim
    }

    /// Ids that tell where they come from: the last bytes are the step and a number within it.
    private static func id(_ step: Int, _ number: Int) -> JobID {
        let low = UInt64(step) << 16 | UInt64(number)
        return JobID(UUIDBytes(high: SeededRandom.mixed(low), low: low))
    }

    private static func family(_ number: Int) -> FamilyID? {
        number == 0 ? nil : FamilyID(UUIDBytes(high: SeededRandom.mixed(UInt64(number)), low: UInt64(number)))
    }

    /// A slot's session, or now and then the one before it.
    private func session(_ dice: inout SeededRandom) -> SessionID {
        let slot = dice.below(dice.once(in: 2) ? 2 : Self.slots)
        let life = dice.once(in: 8) ? max(0, self.lives[slot] - 1) : self.lives[slot]
        return Self.session(slot, life)
    }

    private static func session(_ slot: Int, _ life: Int) -> SessionID {
        SessionID(self.id(1 << 40 + slot, life).uuid)
    }

    /// The ledger's words: each version is one word for ever, heard late, twice, or never.
    private func tell(_ dice: inout SeededRandom, _ queue: Int, _ model: PoolModel) -> IndexCall {
        let version = max(0, (model.queues[queue].told?.version ?? 0) + dice.below(6) - 3)
        let word = SeededRandom.mixed(UInt64(version * 2 + queue) ^ self.seed)
        return .tell(isPaused: version > 0 && word % 5 == 0, version: version, queue: queue)
    }

    private mutating func reap(_ dice: inout SeededRandom, _ queue: Int) -> IndexCall {
        let slot = dice.below(dice.once(in: 2) ? 2 : Self.slots)
        let session = Self.session(slot, self.lives[slot])
        // Mostly another follows it.
        if !dice.once(in: 8) { self.lives[slot] += 1 }
        return .reap(session, queue: queue, crashed: !dice.once(in: 4))
    }

    private mutating func hints(_ dice: inout SeededRandom, _ queue: Int, _ step: Int) -> [WaitingHint] {
        (0..<(1 + dice.below(dice.once(in: 4) ? 12 : 3))).map { offset in
            // New, or pushed before: by a ticket and by the reconciler, say.
            let isOld = dice.once(in: 4) && !self.hintsPushed.isEmpty
            let number = isOld ? dice.one(of: self.hintsPushed) : step << 8 | offset << 1 | queue
            let isQuarantined = dice.once(in: 6)
            guard number & 1 == queue else { return self.hint(step << 8 | offset << 1 | queue, isQuarantined) }
            if !isOld { self.hintsPushed = (self.hintsPushed + [number]).suffix(30) }
            return self.hint(number, isQuarantined)
        }
    }

    /// An id's lane and seq never change.
    private func hint(_ number: Int, _ isQuarantined: Bool) -> WaitingHint {
        var dice = SeededRandom(seed: UInt64(number))
        let priority = dice.one(of: [JobPriority.high, .normal, .normal, .low])
        let lane = QueueModel.Lane(priority: priority, family: Self.family(dice.below(4)))
        let hint = QueueModel.Hint(id: Self.id(number >> 8, number & 0xFF), lane: lane, seq: Int64(number))
        return WaitingHint(hint: hint, isQuarantined: isQuarantined)
    }

    private func request(
        _ dice: inout SeededRandom, _ queue: Int, _ step: Int, _ number: Int, mayHaveKey: Bool,
        like: FastRequest? = nil
    ) -> FastRequest {
        var key = FastRequest.Key.none
        var id = Self.id(step, 0x8000 + number)
        var family = Self.family(dice.below(4))
        let n = dice.below(3)
        let choice = dice.below(4)
        if mayHaveKey, choice == 0 { key = .text("k\(dice.below(3))") }
        if mayHaveKey, choice == 1 {
            // One of a few ids of the caller's own: the same request again, or, by mistake, another one.
            let own = dice.below(6)
            key = .id
            id = Self.id(1 << 39 + self.era, 0x9000 + own * 2 + queue)
            family = Self.family(own % 4)
        }
        let priority = dice.one(of: [JobPriority.high, .normal, .normal, .low])
        let job = FastJob(
            id: id, kind: queue == 0 ? AlphaJob.kind : BetaJob.kind, family: like.map(\.job.family) ?? family,
            priority: like?.job.priority ?? priority, maxAttempts: 1 + dice.below(30),
            payload: Array("{\"n\":\(n)}".utf8))
        let delay = dice.one(of: [nil, nil, nil, 0, 1, 20, 5000, 3_601_000])
        return FastRequest(job: job, delay: like.map(\.delay) ?? delay, key: key)
    }

    /// Hints whose attempts a session has settled in the ledger, or thinks so.
    private func settledIDs(_ dice: inout SeededRandom, _ session: SessionID, _ queue: Int) -> [JobID] {
        guard dice.once(in: 2) else { return [] }
        return (self.given[Worker(session: session, queue: queue)] ?? []).compactMap { given in
            guard case .hint(let id) = given, dice.once(in: 2) else { return nil }
            return id
        }
    }

    /// Ids that a session was given, each once, and now and then one that it was not.
    private func someIDs(_ dice: inout SeededRandom, _ session: SessionID, _ queue: Int) -> [JobID] {
        var ids: [JobID] = []
        for given in self.given[Worker(session: session, queue: queue)] ?? []
        where dice.once(in: 3) && !ids.contains(given.id) {
            ids.append(given.id)
        }
        if ids.isEmpty || dice.once(in: 6) { ids.append(Self.id(7, dice.below(100))) }
        return ids
    }

    private func settle(_ dice: inout SeededRandom, _ queue: Int, _ model: PoolModel) -> IndexCall {
        let session = self.session(&dice)
        var settled: [SettledFastJob] = []
        for given in self.given[Worker(session: session, queue: queue)] ?? [] {
            guard case .fast(var job) = given, dice.once(in: 2) else { continue }
            guard !settled.contains(where: { $0.job.id == job.id }) else { continue }
            switch dice.below(8) {
            case 0, 1, 2, 3: settled.append(SettledFastJob(job: job, outcome: .acknowledged))
            case 4: settled.append(SettledFastJob(job: job, outcome: .givenBack))
            case 5, 6:
                job.failures = min(job.failures + 1, 255)
                settled.append(SettledFastJob(job: job, outcome: .again(dice.one(of: [0, 0, 1, 50, 4000]))))
            default:
                job.failures = min(job.failures + 1, 255)
                let reason = dice.one(of: [DeathReason.attemptsExhausted, .discarded, .familyGone])
                settled.append(SettledFastJob(job: job, outcome: .dead(reason)))
            }
        }
        return .settle(settled, queue: queue, session)
    }
}

extension FastJob {
    /// Reads what a claim gave.
    init?(bytes: [UInt8]) {
        guard bytes.count >= 24 else { return nil }
        let lane = Int(bytes[5])
        guard lane == 0 || lane == 16, bytes.count >= 24 + lane,
            let id = JobID(bytes: bytes[(6 + lane)..<(22 + lane)]),
            let priority = JobPriority(rawValue: Int(bytes[3]) - 0x30)
        else { return nil }
        let kindEnd = 23 + lane + Int(bytes[22 + lane])
        guard bytes.count > kindEnd,
            let kind = try? JobKind(validating: String(decoding: bytes[(23 + lane)..<kindEnd], as: UTF8.self))
        else { return nil }
        self.init(
            id: id, kind: kind, family: lane == 0 ? nil : FamilyID(bytes: bytes[6..<22]), priority: priority,
            maxAttempts: Int(bytes[4]), payload: Array(bytes[(kindEnd + 1)...]), failures: Int(bytes[2]),
            crashes: Int(bytes[1]))
    }
}
