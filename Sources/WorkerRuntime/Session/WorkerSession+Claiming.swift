// How a session gets its work: one loop claims, begins, and hands attempts to the slots.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Redis
internal import Synchronization
internal import WorkerKit

extension WorkerSession {
    /// An idle worker asks at least this often, in case a wake-up token was lost with the worker that had taken it.
    private static let longestWait: Duration = .seconds(5)
    /// The most jobs that one call claims: Redis does nothing else meanwhile.
    private static let claimsMost = 1000
    /// How often a session looks for jobs that Redis gave it and it does not know of: they wait no longer than those
    /// of a worker that died.
    var strayLook: Duration { self.configuration.lease }

    /// Claims and starts attempts until the session's phase changes. Attempts that run then are not waited for.
    func claimUntilToldToStop() async {
        let waiting = self.index.redis.makeDedicatedClient()
        // Owner: this session. Cancelled when the phase changes, which ends the loop's waits; attempts run on.
        let claims = Task(executorPreference: self.index.redis.executor) {
            switch self.configuration.quarantine {
            case .only: await self.runOnlyQuarantined()
            case .alone, .leave: await self.claimLoop(waiting: waiting)
            }
        }
        while self.isWorking { await self.phaseChanged.wait(atMost: .seconds(60)) }
        claims.cancel()
        await claims.value
        await waiting.close()
    }

    /// What a claim loop knows of the rounds before.
    private struct Rounds {
        /// Which queue is asked first.
        var rotation = 0
        var prefetch = Prefetch()
        /// The wait before ended without a sign of work.
        var isIdle = false
        /// When to look for strays.
        var nextLook: ContinuousClock.Instant
    }

    private func claimLoop(waiting: RedisClient) async {
        let intake = Intake()
        await withDiscardingTaskGroup { group in
            var rounds = Rounds(nextLook: .now + self.strayLook)
            var backoff = Backoff()
            while self.isWorking {
                do {
                    try await self.claimRound(&rounds, intake, waiting: waiting) { claim, queue in
                        guard claim.count >= Intake.worthATask else { return await self.takeIn(claim, of: queue) }
                        intake.begin(claim.count)
                        // Not on the thread of Redis' socket: the next claim goes out meanwhile.
                        group.addTask(executorPreference: globalConcurrentExecutor) {
                            await self.takeIn(claim, of: queue)
                            intake.end(claim.count)
                        }
                    }
                    backoff.reset()
                } catch {
                    if Task.isCancelled { return }
                    self.logger.warning("claiming interrupted; trying again", metadata: ["error": "\(error)"])
                    // The reply to a claim may have been lost, and with it the jobs that it gave us. (Should Redis run
                    // the claim only later, the next look finds them.)
                    rounds.nextLook = .now
                    await backoff.pause()
                }
            }
        }
    }

    /// Waits until there is room, asks each queue once, and waits for work when there is none.
    private func claimRound(
        _ rounds: inout Rounds, _ intake: Intake, waiting: RedisClient, takingIn take: (Claim, QueueName) async -> Void
    ) async throws {
        if .now >= rounds.nextLook {
            await intake.wait(for: 0)
            try await self.giveBackStrays()
            rounds.nextLook = .now + self.strayLook
        }
        await intake.wait(for: Intake.most - 1)
        let load = self.slots.load
        rounds.prefetch.measure(ended: load.ended, now: .now)
        let most = self.slots.capacity + rounds.prefetch.allowance
        let room = min(most - load.count - intake.jobs, Self.claimsMost)
        // While jobs wait for slots there is no hurry: claims are worth more in batches.
        guard room > 0, load.waiting == 0 || room >= most / 4 else {
            return await self.slots.freed.wait(atMost: .seconds(1))
        }
        let mayLook = rounds.isIdle
        // Before the look: when one queue's node is away, the others' are asked.
        rounds.isIdle = false
        let asked = mayLook ? try await self.queuesWorthAsking() : self.queues
        let pass = try await self.claimPass(upTo: room, from: rounds.rotation, of: asked, takingIn: take)
        rounds.rotation += 1
        if !pass.quarantined.isEmpty {
            await intake.wait(for: 0)
            if try await self.runQuarantined(of: pass.quarantined) { return }
        }
        guard pass.claimed == 0, self.isWorking else { return }
        let wait = min(pass.nextDue ?? Self.longestWait, Self.longestWait)
        let woken = try await self.waitForWork(atMost: wait, on: waiting)
        rounds.isIdle = woken == nil
        // Where there is something is asked first.
        if let place = woken.flatMap({ self.queues.firstIndex(of: $0) }) { rounds.rotation = place }
    }

    /// Where a claim would find something, or has something to let go of.
    private func queuesWorthAsking() async throws -> [QueueName] {
        let waiting = Set(try await self.index.queuesWithJobs(among: self.queues))
        return self.queues.filter { waiting.contains($0) || !self.acknowledgements.ids(of: $0).isEmpty }
    }

    /// Compares what Redis holds for running here with what runs here, and gives the difference back. Called when
    /// nothing is being taken in: then all that was claimed here is running, or settled and not yet forgotten.
    func giveBackStrays() async throws {
        for queue in self.queues {
            guard let held = try await self.sparing(queue, { try await self.index.running(of: self.id, in: queue) })
            else { continue }
            guard !held.isEmpty else { continue }
            let known = self.slots.jobs.union(self.acknowledgements.ids(of: queue))
            let strays = held.filter { !known.contains($0) }
            guard !strays.isEmpty else { continue }
            // What was settled between the two looks has left the running set by itself.
            let given = try await self.index.giveBack(strays, of: self.id, in: queue)
            guard given > 0 else { continue }
            self.counters.strays(given)
            self.logger.warning(
                "redis held jobs for this session that it did not know of; given back",
                metadata: ["queue": "\(queue)", "jobs": "\(given)"])
        }
    }

    /// Asks each queue once, beginning with another each time. - Parameter quarantined: For a job that is to be run
    /// alone; false: for others. - Parameter take: Takes in what was claimed.
    /// - Returns: How many jobs were claimed, and where jobs wait that are to be run alone.
    func claimPass(
        upTo room: Int, from rotation: Int, of queues: [QueueName], quarantined: Bool = false,
        takingIn take: (Claim, QueueName) async -> Void
    ) async throws -> (claimed: Int, nextDue: Duration?, quarantined: [QueueName]) {
        var claimed = 0
        var nextDue: Duration?
        var haveQuarantined: [QueueName] = []
        for offset in queues.indices {
            let free = room - claimed
            guard free > 0, self.isWorking else { break }
            let queue = queues[(rotation + offset) % queues.count]
            let settled = self.acknowledgements.take(queue)
            let answer: Claim?
            do {
                answer = try await self.sparing(queue) {
                    // Shielded: a claim cut short would leave jobs with a session that does not know of them.
                    try await Task(executorPreference: self.index.redis.executor) {
                        quarantined
                            ? try await self.index.claimQuarantined(from: queue, session: self.id, settled: settled)
                            : try await self.index.claim(upTo: free, from: queue, session: self.id, settled: settled)
                    }.value
                }
            } catch {
                self.acknowledgements.restore(settled, queue)
                throw error
            }
            guard let claim = answer else {
                self.acknowledgements.restore(settled, queue)
                continue
            }
            for key in claim.damaged {
                self.damage.tell(
                    "a key of redis is not what it ought to be, and was passed over; chorewheel doctor says what to do",
                    ["queue": "\(queue)", "key": "\(key)"], self.logger)
            }
            if claim.state == .gone {
                self.lose("redis ended this session: it had not been heard of for too long")
                return (claimed, nil, [])
            }
            if claim.state == .damaged { self.acknowledgements.restore(settled, queue) }
            if claim.quarantined > 0 { haveQuarantined.append(queue) }
            claimed += claim.count
            if let due = claim.nextDue { nextDue = min(nextDue ?? due, due) }
            if claim.count > 0 { await take(claim, queue) }
        }
        return (claimed, nextDue, haveQuarantined)
    }

    /// Hands what was claimed to the slots; ledger jobs are begun first.
    func takeIn(_ claim: Claim, of queue: QueueName, quarantined: Bool = false) async {
        let entries = claim.entries()
        self.slots.assign(
            entries.fast.map { entry in
                Assignment(
                    id: AttemptID(job: entry.id, epoch: self.number), work: .fast(entry, queue),
                    handler: self.registry.handlers[entry.kind])
            })
        if !claim.durable.isEmpty { await self.begin(claim.durable, queue: queue, quarantined: quarantined) }
        if !entries.unreadable.isEmpty { await self.bury(entries.unreadable, queue: queue) }
    }

    /// Keeps entries that this version cannot read among the dead, as they are. Should that fail, they go back as
    /// strays.
    private func bury(_ entries: [UnreadableEntry], queue: QueueName) async {
        for entry in entries {
            self.logger.error(
                "a fast job is not readable by this version; kept among the dead",
                metadata: ["queue": "\(queue)", "bytes": "\(entry.bytes.count)", "why": "\(entry.why)"])
        }
        do {
            _ = try await self.index.settle(entries.map { .dead($0) }, of: queue, session: self.id)
        } catch {
            self.logger.warning("unreadable jobs could not be put away yet", metadata: ["error": "\(error)"])
        }
    }

    /// Begins claimed ledger jobs and starts their attempts. A ledger that is away is waited for: the jobs are ours.
    private func begin(_ ids: [JobID], queue: QueueName, quarantined: Bool) async {
        let number = self.nextClaim.withLock { next in
            next += 1
            return next
        }
        var backoff = Backoff()
        var mayBeBegun = false
        while true {
            do {
                // Shielded: a drain cancels the claim loop, and a begin cut short would leave jobs that nobody runs.
                let executor = ids.count < Intake.worthATask ? self.index.redis.executor : globalConcurrentExecutor
                let jobs = try await Task(executorPreference: executor) {
                    try await self.ledger.begin(ids, session: self.id, number: number, quarantined: quarantined)
                }.value
                let begun = Set(jobs.map(\.id))
                // Stale hints: somebody else ran them, or they were cancelled.
                if jobs.isEmpty, mayBeBegun {
                    // The first call may still be committing: its jobs show a moment later.
                    mayBeBegun = false
                    try await Task.sleep(for: .seconds(1))
                    continue
                }
                self.acknowledgements.forget(hints: ids.filter { !begun.contains($0) }, queue)
                self.acknowledgements.open(batch: number, attempts: jobs.map(\.attemptID))
                self.slots.assign(
                    jobs.map { job in
                        Assignment(id: job.attemptID, work: .durable(job), handler: self.registry.handlers[job.kind])
                    })
                return
            } catch {
                mayBeBegun = true
                self.logger.warning("attempts could not be begun; trying again", metadata: ["error": "\(error)"])
            }
            // A session that stops leaves them: what Redis holds for it goes back when it ends.
            guard self.isWorking else { return }
            await backoff.pause()
        }
    }
}
