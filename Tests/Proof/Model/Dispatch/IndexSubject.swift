// The dispatch index as it is: the calls of the model, asked of the product's own `DispatchIndex` (and client) on a
// private Redis whose clock we hold.

internal import JobModel
internal import JobQueue
internal import Redis
internal import Synchronization

/// One private Redis, for one sequence at a time.
struct IndexSubject: Sendable {
    static let namespace = "model"
    static let queues: [QueueName] = ["alpha", "beta"]

    let client: JobQueueClient
    let clock: FrozenClock
    /// The ids that the client mints next, last first.
    let ids: IDBox
    /// For calls that block.
    let dedicated: RedisClient

    private var index: DispatchIndex { self.client.index }
    private var redis: RedisClient { self.client.index.redis }

    /// What the client mints ids from.
    final class IDBox: Sendable {
        private let ids = Mutex<[JobID]>([])

        func set(_ ids: [JobID]) { self.ids.withLock { $0 = ids.reversed() } }

        func next() -> JobID { self.ids.withLock { $0.popLast() } ?? JobID.mint() }
    }

    /// Asks; an error that no call may have is a reply, too.
    func perform(_ call: IndexCall, now: Int) async throws -> IndexReply {
        do {
            return try await self.ask(call, now: now)
        } catch let error as CancellationError {
            throw error
        } catch let error as JobQueueError where error.code == .conflict {
            return error.existing.map { .conflict($0) } ?? .failure("\(error)")
        } catch {
            return .failure("\(error)")
        }
    }

    private func ask(_ call: IndexCall, now: Int) async throws -> IndexReply {
        switch call {
        case .push(let jobs, let queue):
            let waiting = jobs.map { job in
                WaitingJob(
                    id: job.hint.id, queue: Self.queues[queue], family: job.hint.lane.family,
                    priority: job.hint.lane.priority, seq: job.hint.seq, isQuarantined: job.isQuarantined)
            }
            return .number(try await self.index.push(waiting, to: Self.queues[queue]))
        case .enqueue(let request, let queue):
            self.ids.set([request.job.id])
            return Self.reply([try await self.client.enqueue(try request.request(queue), durability: .fast)])
        case .enqueueMany(let requests, let queue):
            self.ids.set(requests.map(\.job.id))
            return Self.reply(
                try await self.client.enqueue(try requests.map { try $0.request(queue) }, durability: .fast))
        case .claim(let count, let queue, let session, let settled):
            return Self.reply(
                try await self.index.claim(upTo: count, from: Self.queues[queue], session: session, settled: settled))
        case .claimAlone(let queue, let session, let settled):
            return Self.reply(
                try await self.index.claimQuarantined(from: Self.queues[queue], session: session, settled: settled))
        case .settle(let settled, let queue, let session):
            let attempts = try settled.map { try $0.attempt() }
            return .ids(try await self.index.settle(attempts, of: Self.queues[queue], session: session))
        case .reap(let session, let queue, let crashed):
            let counts = try await self.index.reap(session, from: Self.queues[queue], crashed: crashed)
            return .takenBack(hints: counts.hints, fast: counts.fast, poison: counts.poison)
        case .giveBack(let ids, let session, let queue):
            return .number(try await self.index.giveBack(ids, of: session, in: Self.queues[queue]))
        case .drop(let ids, let session, let queue):
            try await self.index.drop(hints: ids, of: session, in: Self.queues[queue])
            return .nothing
        case .running(let session, let queue):
            return .ids(try await self.index.running(of: session, in: Self.queues[queue]).sorted())
        case .tell(let isPaused, let version, let queue):
            try await self.index.set(QueueSwitch(queue: Self.queues[queue], isPaused: isPaused, version: version))
            return .nothing
        case .takeTurn(let session, let queue, let lease):
            return .truth(
                try await self.index.takeTurn(session, in: Self.queues[queue], for: .milliseconds(lease)))
        case .hasQuarantined: return .truth(try await self.index.hasQuarantined(in: Self.queues))
        case .decide(let decision, let ids, let queue):
            let decision = decision == .retry ? DeadDecision.retry : .discard
            return .ids(try await self.index.decide(decision, ids, of: Self.queues[queue]))
        case .listDead(let queue, let skipped, let limit):
            let dead = try await self.index.deadFastJobs(of: Self.queues[queue], skipping: skipped, limit: limit)
            return .dead(
                dead.map { "\($0.id) failures \($0.failures ?? -1) crashes \($0.crashes ?? -1) \($0.reason ?? "")" })
        case .audit(let queue):
            let audit = try await self.index.audit(Self.queues[queue])
            return .audit(
                [
                    audit.durableWaiting, audit.fastWaiting, audit.durableQuarantined, audit.fastQuarantined,
                    audit.fastDelayed, audit.fastDead, audit.lanes,
                ], faults: audit.faults)
        case .waitForWork: return try await self.waitForWork()
        case .beat, .overdue, .end, .setGeneration, .note, .recoveryTimes, .add, .counters:
            return try await self.askPool(call)
        case .loseMemory:
            try await self.redis.send(RedisCommand("FLUSHALL"))
            return .nothing
        case .pass:
            self.clock.set(microseconds: now)
            return .nothing
        }
    }

    private func askPool(_ call: IndexCall) async throws -> IndexReply {
        switch call {
        case .beat(let session, let lease, let caretakerLease, let registering, let canCare, let last):
            let beat = try await self.index.beat(
                session, lease: .milliseconds(lease), caretakerLease: .milliseconds(caretakerLease),
                registering: registering, canCare: canCare, last: last)
            return .heartbeat(
                isKnown: beat.isKnown, isCaretaker: beat.isCaretaker, generation: beat.generation, time: beat.time,
                deaths: beat.deaths.map { death in
                    death.session.uuid.bytes + Array("\(death.jobs):\(death.recovery.wholeMilliseconds)".utf8)
                })
        case .overdue: return .ids(try await self.index.overdueSessions().map { JobID($0.uuid) })
        case .end(let session):
            try await self.index.end(session)
            return .nothing
        case .setGeneration(let generation):
            try await self.index.setGeneration(generation)
            return .nothing
        case .note(let session, let jobs, let recovery):
            try await self.index.note(
                NotedDeath(session: session, jobs: jobs, recovery: .milliseconds(recovery)))
            return .nothing
        case .recoveryTimes:
            guard let times = try await self.index.recoveryTimes() else { return .nothing }
            return .times(last: times.last.wholeMilliseconds, longest: times.longest.wholeMilliseconds)
        case .add(let amounts, let number, let process):
            let counters = amounts.map { SharedCounter(name: $0.key, value: $0.value) }
            try await self.index.add(CounterFlush(process: process, number: number, counters: counters))
            return .nothing
        default:
            let counters = try await self.index.counters().map { ($0.name, $0.value) }
            return .counters(Dictionary(counters) { first, _ in first })
        }
    }

    /// Redis' clock stands still, so a wait would have no end: it is asked for only where there is a token.
    private func waitForWork() async throws -> IndexReply {
        let tokens = try await self.redis.pipeline(
            Self.queues.map { RedisCommand("LLEN", "{\(Self.namespace):\($0)}:wake") })
        guard tokens.contains(where: { ($0.int ?? 0) > 0 }) else { return .nothing }
        // The limit is for a machine that is busy with something else: there is a token.
        let queue = try await self.index.waitForWork(in: Self.queues, atMost: .seconds(60), on: self.dedicated)
        guard let queue, let place = Self.queues.firstIndex(of: queue) else { return .nothing }
        return .woken(place)
    }

    private static func reply(_ enqueued: [EnqueuedJob]) -> IndexReply {
        .enqueued(enqueued.map(\.id), replayed: enqueued.map(\.replayed))
    }

    private static func reply(_ claim: Claim) -> IndexReply {
        let (fast, unreadable) = claim.entries()
        return .claim(
            state: claim.state.rawValue, durable: claim.durable, fast: fast.map(\.bytes) + unreadable.map(\.bytes),
            nextDue: claim.nextDue?.wholeMilliseconds, quarantined: claim.quarantined)
    }

    /// All that Redis holds.
    func keyspace() async throws -> Keyspace {
        let names = try await self.redis.send(RedisCommand("KEYS", "*")).array?.compactMap(\.bytes) ?? []
        guard !names.isEmpty else { return Keyspace() }
        var commands: [RedisCommand] = []
        for name in names {
            commands.append(KeyShape(of: name).read(name))
            commands.append(RedisCommand(name: "PEXPIRETIME", bytes: name))
        }
        let replies = try await self.redis.pipeline(commands)
        var space = Keyspace()
        for (place, name) in names.enumerated() {
            let shape = KeyShape(of: name)
            let expires = replies[2 * place + 1].int.flatMap { $0 < 0 ? nil : $0 }
            let contents = KeyContents(shape.value(replies[2 * place]), expires: expires)
            space.keys[shape.name(name, contents.value)] = shape.isHolder ? contents.withoutPayload : contents
        }
        return space
    }
}
