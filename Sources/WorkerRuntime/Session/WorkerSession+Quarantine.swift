// How a session runs jobs that were aboard too many crashes: one at a time, with nothing else aboard. Whatever it holds
// when its process dies counts the crash, also what it only claimed; so all that it holds is settled first, and only
// then the job is claimed.

internal import JobModel
internal import JobQueue
internal import Logging

extension WorkerSession {
    /// How long the turn of a session lasts that died with it, and how often it is asked for again.
    private static let turn: Duration = .seconds(10)
    private static let turnRenewal: Duration = .seconds(3)
    /// How often an idle quarantine child looks, and how long it stays when there is nothing.
    private static let emptyLook: Duration = .milliseconds(250)
    private static let emptyLimit: Duration = .seconds(5)

    /// What a worker without a supervisor does between two claims: settles all it holds, then runs one quarantined job.
    ///
    /// - Parameter queues: Those in which such jobs wait.
    /// - Returns: False when it was not this session's turn; nothing was waited for.
    func runQuarantined(of queues: [QueueName]) async throws -> Bool {
        guard self.configuration.quarantine == .alone else { return false }
        for queue in queues {
            guard try await self.index.takeTurn(self.id, in: queue, for: Self.turn) else { continue }
            if await self.settleAll(whileTurnIn: queue) {
                _ = try await self.claimPass(upTo: 1, from: 0, of: [queue], quarantined: true) {
                    await self.takeIn($0, of: $1, quarantined: true)
                }
                await self.settleAll(keepingTurnIn: queue)
            }
            return true
        }
        return false
    }

    /// Waits until this session holds nothing. - Returns: False when that was given up: the session is to claim nothing
    /// more, or there is no quarantined job any more to do it for.
    private func settleAll(whileTurnIn queue: QueueName) async -> Bool {
        var renewal = ContinuousClock.now + Self.turnRenewal
        while self.isWorking, self.slots.count > 0 {
            await self.slots.freed.wait(atMost: .seconds(1))
            guard .now >= renewal else { continue }
            renewal = .now + Self.turnRenewal
            // No answer is no reason to give up: without Redis there is nothing else to claim.
            guard (try? await self.index.takeTurn(self.id, in: queue, for: Self.turn)) ?? true else { return false }
        }
        return self.isWorking
    }

    /// Waits until the quarantined job is settled, whoever has the turn then: nothing may join it.
    private func settleAll(keepingTurnIn queue: QueueName) async {
        while self.isWorking, self.slots.count > 0 { _ = await self.settleAll(whileTurnIn: queue) }
    }

    /// All that a quarantine child does: one job after another, each alone, until none has been there for a while.
    func runOnlyQuarantined() async {
        var backoff = Backoff()
        var rotation = 0
        var nextLook = ContinuousClock.now + self.strayLook
        var lastFound = ContinuousClock.now
        while self.isWorking {
            do {
                if .now >= nextLook {
                    try await self.giveBackStrays()
                    nextLook = .now + self.strayLook
                }
                let pass = try await self.claimPass(upTo: 1, from: rotation, of: self.queues, quarantined: true) {
                    await self.takeIn($0, of: $1, quarantined: true)
                }
                rotation += 1
                backoff.reset()
                if pass.claimed > 0 {
                    while self.isWorking, self.slots.count > 0 { await self.slots.freed.wait(atMost: .seconds(1)) }
                    lastFound = .now
                } else if .now - lastFound >= Self.emptyLimit {
                    self.logger.info("the quarantine is empty")
                    self.drain()
                } else {
                    // Not the queues' wake lists: their tokens are for workers that can take any job.
                    try? await Task.sleep(for: Self.emptyLook)
                }
            } catch {
                if Task.isCancelled { return }
                self.logger.warning("claiming interrupted; trying again", metadata: ["error": "\(error)"])
                nextLook = .now
                await backoff.pause()
            }
        }
    }
}
