// The supervisor's part of quarantine: while jobs wait that were aboard too many crashes, one more child runs them, one
// after another, each alone. When one kills it, too, that one is dead as poison (the ledger, or Redis for a fast job,
// decides so when its jobs are given back), and another child goes on with the rest.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Processes

extension WorkerSupervisor {
    /// Where the quarantine child is among the children.
    static let quarantineSlot = 0
    /// How often it is looked for quarantined jobs when all is well, at most: one command in Redis.
    private static let lookInterval: Duration = .seconds(2)
    /// How soon after a child's death: its jobs are put into Redis a moment after they are given back.
    private static let firstLook: Duration = .milliseconds(100)

    /// Starts a quarantine child whenever there is something for it, and waits for its end.
    func superviseQuarantine() async throws {
        var looks = Backoff(first: Self.firstLook, longest: Self.lookInterval)
        var restarts = Backoff(first: .milliseconds(20), longest: .seconds(5))
        var deathsSeen = 0
        while !self.isStopping {
            if self.deaths != deathsSeen {
                deathsSeen = self.deaths
                looks.reset()
            }
            guard !self.isQuiet, await self.hasQuarantined() else {
                await self.quarantineLook.wait(atMost: looks.nextPause())
                continue
            }
            let worker = WorkerID.mint()
            do {
                let status = try await self.runChild(worker, slot: Self.quarantineSlot, quarantine: .only)
                // It found no more, or was told to stop.
                if status.isSuccess { continue }
                try self.requireAcceptedSettings(status)
                // Owner: this call, which waits for it: not to be cut short.
                let jobs = await Task {
                    await self.giveBack(worker, slot: Self.quarantineSlot, status: status, diedAt: .now)
                }.value
                if jobs > 0 {
                    // It is one job fewer that kills.
                    restarts.reset()
                    continue
                }
            } catch let error as InvalidSetting {
                throw error
            } catch {
                self.logger.error(
                    "a process for quarantined jobs could not be started; trying again", metadata: ["error": "\(error)"]
                )
            }
            await self.quarantineLook.wait(atMost: restarts.nextPause())
        }
    }

    private func hasQuarantined() async -> Bool {
        do {
            return try await self.index.hasQuarantined(in: self.configuration.queues)
        } catch {
            // The workers say so, too, and louder.
            self.logger.debug("cannot look for quarantined jobs now", metadata: ["error": "\(error)"])
            return false
        }
    }
}
