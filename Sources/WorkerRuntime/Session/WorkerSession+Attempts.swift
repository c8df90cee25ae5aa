// A session's attempts: run in slots, watched over by time, and what becomes of them handed to the settlers.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Synchronization

extension WorkerSession {
    /// How exactly timeouts are kept.
    private static let sweepInterval: Duration = .milliseconds(100)

    /// Runs an attempt to its end, in its slot.
    func perform(_ turn: AttemptTable.Turn) async -> AttemptOutcome {
        let assignment = turn.assignment
        if let interruption = turn.interruption { return self.runner.cutShort(assignment.work, interruption) }
        switch assignment.work {
        case .durable(let job):
            return await self.runner.run(job, assignment.handler, until: turn.deadline) {
                self.slots.interruption(of: assignment.id)
            }
        case .fast(let entry, let queue):
            return await self.runner.run(entry, queue: queue, assignment.handler, until: turn.deadline) {
                self.slots.interruption(of: assignment.id)
            }
        }
    }

    /// Cuts attempts short at their deadlines, and gives those up that do not heed it, until cancelled.
    func watchTime() async {
        while !Task.isCancelled {
            if self.slots.count == 0 {
                await self.slots.filled.wait(atMost: .seconds(60))
            } else {
                try? await Task.sleep(for: Self.sweepInterval)
            }
            for assignment in self.slots.sweep(grace: self.configuration.cancellationGrace) {
                let interruption = self.slots.interruption(of: assignment.id)
                self.conclude(assignment, self.runner.abandon(assignment.work, interruption: interruption))
                // What it still does in this process is no company for the next that is to be alone.
                if self.configuration.quarantine == .only { self.drain() }
            }
        }
    }

    /// Gives back, at no cost, what waits for a slot.
    func giveBackWaiting() {
        for assignment in self.slots.takeWaiting() { self.conclude(assignment, AttemptOutcome(settlement: .giveBack)) }
    }

    /// Hands an attempt's outcome to its settler.
    func conclude(_ assignment: Assignment, _ outcome: AttemptOutcome) {
        switch assignment.work {
        case .durable(let job): self.conclude(job, outcome)
        case .fast(let entry, let queue): self.conclude(entry, queue, outcome)
        }
    }

    private func conclude(_ job: BegunJob, _ outcome: AttemptOutcome) {
        guard !outcome.isSettled, !outcome.isFenced, !self.isLost else {
            if outcome.isSettled {
                var tally = OutcomeTally()
                tally.add(job.kind, .succeeded)
                self.counters.settled(tally)
            } else {
                self.counters.fenced(kind: job.kind)
                self.logger.warning(
                    "fenced: another session has this job now",
                    metadata: ["job": "\(job.id)", "kind": "\(job.kind)", "epoch": "\(job.epoch)"])
            }
            self.acknowledgements.add(job.attemptID, job.queue)
            return self.slots.forget(CollectionOfOne(job.attemptID))
        }
        self.settler.settle(
            Settler.Item(
                attempt: SettledAttempt(
                    id: job.id, epoch: job.epoch, settlement: outcome.settlement, result: outcome.result,
                    error: outcome.error),
                kind: job.kind, queue: job.queue))
    }

    private func conclude(_ entry: FastEntry, _ queue: QueueName, _ outcome: AttemptOutcome) {
        let id = AttemptID(job: entry.id, epoch: self.number)
        guard !outcome.isFenced, !self.isLost else {
            self.counters.fenced(kind: entry.kind)
            return self.slots.forget(CollectionOfOne(id))
        }
        self.fastSettler.settle(
            FastSettler.Item(
                attempt: id, queue: queue, kind: entry.kind, settlement: outcome.settlement,
                settled: SettledFast(entry, outcome.settlement, outcome.error)))
    }
}

extension SettledFast {
    /// What a settlement makes of a fast job's entry.
    fileprivate init(_ entry: FastEntry, _ settlement: Settlement, _ error: AttemptError?) {
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
