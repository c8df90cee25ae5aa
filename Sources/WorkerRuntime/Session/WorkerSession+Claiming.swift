// A session's work: claim, begin, run, hand the outcome to the settler. One loop claims; each attempt is a task.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Redis
internal import Synchronization

extension WorkerSession {
    /// An idle worker asks at least this often, in case a wake-up token was lost with the worker that had taken it.
    private static let longestWait: Duration = .seconds(2)
    /// How often a session looks for jobs that Redis gave it and it does not know of: they wait no longer than those
    /// of a worker that died.
    private var strayLook: Duration { self.configuration.lease }

    /// Claims and starts attempts until the session's phase changes. Attempts that run then are not waited for.
    func claimUntilToldToStop() async {
        let waiting = self.index.redis.makeDedicatedClient()
        // Owner: this session. Cancelled when the phase changes, which ends the loop's waits; attempts run on.
        let claims = Task { await self.claimLoop(waiting: waiting) }
        while self.isWorking { await self.phaseChanged.wait(atMost: .seconds(60)) }
        claims.cancel()
        await claims.value
        await waiting.close()
    }

    private func claimLoop(waiting: RedisClient) async {
        var backoff = Backoff()
        var rotation = 0
        var nextLook = ContinuousClock.now + self.strayLook
        while self.isWorking {
            if self.running.free == 0 {
                await self.running.freed.wait(atMost: .seconds(1))
                continue
            }
            do {
                if .now >= nextLook {
                    try await self.giveBackStrays()
                    nextLook = .now + self.strayLook
                }
                let pass = try await self.claimPass(from: rotation)
                rotation += 1
                backoff.reset()
                if pass.claimed == 0, self.isWorking {
                    let wait = min(pass.nextDue ?? Self.longestWait, Self.longestWait)
                    _ = try await self.index.waitForWork(in: self.queues, atMost: wait, on: waiting)
                }
            } catch {
                if Task.isCancelled { return }
                self.logger.warning("claiming interrupted; trying again", metadata: ["error": "\(error)"])
                // The reply to a claim may have been lost, and with it the jobs that it gave us. (Should Redis run the
                // claim only later, the next look finds them.)
                nextLook = .now
                await backoff.pause()
            }
        }
    }

    /// Compares what Redis holds for running here with what runs here, and gives the difference back. Called between
    /// claims: then all that was claimed here is running, or settled and not yet forgotten.
    private func giveBackStrays() async throws {
        for queue in self.queues {
            let held = try await self.index.running(of: self.id, in: queue)
            guard !held.isEmpty else { continue }
            let known = self.running.jobs.union(self.acknowledgements.ids(of: queue))
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

    /// Asks each queue once, beginning with another each time. - Returns: How many jobs were claimed.
    private func claimPass(from rotation: Int) async throws -> (claimed: Int, nextDue: Duration?) {
        var claimed = 0
        var nextDue: Duration?
        for offset in self.queues.indices {
            let free = self.running.free
            guard free > 0, self.isWorking else { break }
            let queue = self.queues[(rotation + offset) % self.queues.count]
            let settled = self.acknowledgements.take(queue)
            let claim: Claim
            do {
                // Shielded: a claim cut short would leave jobs with a session that does not know of them.
                claim = try await Task {
                    try await self.index.claim(upTo: free, from: queue, session: self.id, settled: settled)
                }.value
            } catch {
                self.acknowledgements.restore(settled, queue)
                throw error
            }
            if claim.state == .gone {
                self.lose("redis ended this session: it had not been heard of for too long")
                return (claimed, nil)
            }
            claimed += claim.durable.count + claim.fast.count
            if let due = claim.nextDue { nextDue = min(nextDue ?? due, due) }
            for entry in claim.fast {
                guard self.running.begin(AttemptID(job: entry.id, epoch: self.number)) else { continue }
                self.start { await self.runFast(entry, queue: queue) }
            }
            if !claim.durable.isEmpty { await self.begin(claim.durable, queue: queue) }
            if !claim.unreadable.isEmpty { try await self.bury(claim.unreadable, queue: queue) }
        }
        return (claimed, nextDue)
    }

    /// Keeps entries that this version cannot read among the dead, as they are. Should that fail, they go back as
    /// strays.
    private func bury(_ entries: [UnreadableEntry], queue: QueueName) async throws {
        for entry in entries {
            self.logger.error(
                "a fast job is not readable by this version; kept among the dead",
                metadata: ["queue": "\(queue)", "bytes": "\(entry.bytes.count)", "why": "\(entry.why)"])
        }
        _ = try await self.index.settle(entries.map { .dead($0) }, of: queue, session: self.id)
    }

    /// Begins claimed ledger jobs and starts their attempts. A ledger that is away is waited for: the jobs are ours.
    private func begin(_ ids: [JobID], queue: QueueName) async {
        let number = self.nextClaim.withLock { next in
            next += 1
            return next
        }
        var backoff = Backoff()
        var mayBeBegun = false
        while true {
            do {
                // Shielded: a drain cancels the claim loop, and a begin cut short would leave jobs that nobody runs.
                let jobs = try await Task {
                    try await self.ledger.begin(ids, session: self.id, number: number)
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
                for job in jobs where self.running.begin(job.attemptID) {
                    self.start { await self.runDurable(job) }
                }
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

    private func runDurable(_ job: BegunJob) async {
        let outcome = await self.runner.run(job)
        if outcome.isSettled {
            self.counters.settled(kind: job.kind, outcome: "succeeded")
            self.acknowledgements.add(job.attemptID, job.queue)
            self.running.end(job.attemptID)
            return
        }
        if outcome.isFenced || self.isLost {
            self.counters.fenced(kind: job.kind)
            self.logger.warning(
                "fenced: another session has this job now",
                metadata: ["job": "\(job.id)", "kind": "\(job.kind)", "epoch": "\(job.epoch)"])
            self.acknowledgements.add(job.attemptID, job.queue)
            self.running.end(job.attemptID)
            return
        }
        self.settler.settle(
            Settler.Item(
                attempt: SettledAttempt(
                    id: job.id, epoch: job.epoch, settlement: outcome.settlement, result: outcome.result,
                    error: outcome.error),
                kind: job.kind, queue: job.queue))
    }

    private func runFast(_ entry: FastEntry, queue: QueueName) async {
        let outcome = await self.runner.run(entry, queue: queue)
        var backoff = Backoff()
        var mayBeSettled = false
        while !self.isLost, !self.hasEnded {
            do {
                let settled = SettledFast(entry, outcome.settlement, outcome.error)
                let fenced = try await self.index.settle([settled], of: queue, session: self.id)
                if fenced.isEmpty || mayBeSettled {
                    self.counters.settled(kind: entry.kind, outcome: outcome.settlement.word)
                } else {
                    self.counters.fenced(kind: entry.kind)
                }
                break
            } catch {
                mayBeSettled = true
                self.logger.error("an outcome could not be recorded; trying again", metadata: ["error": "\(error)"])
            }
            await backoff.pause()
        }
        self.running.end(AttemptID(job: entry.id, epoch: self.number))
    }

    /// Starts an attempt. Owner: this session, whose `running` counts it; it ends with its handler, and `endAttempts`
    /// bounds that. Not a child of the claim loop: cancelling that must not cancel handlers.
    private func start(_ attempt: @escaping @Sendable () async -> Void) {
        Task { await attempt() }
    }
}

extension SettledFast {
    /// What a settlement makes of a fast job's entry.
    init(_ entry: FastEntry, _ settlement: Settlement, _ error: AttemptError?) {
        var entry = entry
        switch settlement {
        case .succeeded, .cancelled: self = .acknowledged(entry.id)
        case .retry(let delay):
            entry.failures += 1
            self = .again(entry, after: delay)
        case .snooze(let delay), .park(_, let delay): self = .again(entry, after: delay)
        case .dead(let spent, let reason):
            if spent { entry.failures += 1 }
            self = .dead(entry, reason, error)
        case .giveBack: self = .givenBack(entry)
        }
    }
}
