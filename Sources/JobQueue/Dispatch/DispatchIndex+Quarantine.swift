// Jobs that are run alone, since they were aboard as many crashes as are forgiven: one may be the cause, and its
// neighbours are not to die with it. They wait apart from the lanes: `{<namespace>:<queue>}:quarantine`.

public import JobModel
internal import Redis

extension DispatchIndex {
    private func quarantineKey(_ queue: QueueName) -> String { "\(self.base(queue)):quarantine" }

    /// Claims one quarantined job, and first lets go of those that are settled. For a session that holds no other job:
    /// whatever is aboard when the process dies is held against this one.
    ///
    /// - Returns: At most one job. See `claim(upTo:from:session:settled:)`.
    public func claimQuarantined(
        from queue: QueueName, session: SessionID, settled: [JobID]
    ) async throws -> Claim {
        let reply = try await self.redis.run(Script.claimQuarantined, keys: [self.base(queue)]) { command in
            command.append(session)
            for id in settled { command.append(id) }
        }
        return try ScriptReply(Script.claimQuarantined, reply).claim(of: queue)
    }

    /// Whether quarantined jobs wait in one of the queues that is open. One command while none waits anywhere.
    public func hasQuarantined(in queues: [QueueName]) async throws -> Bool {
        for queue in try await self.queuesThatMayHaveQuarantined(queues) {
            let base = self.base(queue)
            let replies = try await self.redis.pipeline([
                RedisCommand("EXISTS", self.quarantineKey(queue)), RedisCommand("HGET", "\(base):state", "is"),
            ])
            if try replies[0].throwingErrors().requireInt() == 1, try replies[1].throwingErrors().string == "open" {
                return true
            }
        }
        return false
    }

    /// All of them, or none. In a cluster all: keys of several slots cannot be asked for at once.
    private func queuesThatMayHaveQuarantined(_ queues: [QueueName]) async throws -> [QueueName] {
        guard !queues.isEmpty, !self.redis.configuration.isCluster else { return queues }
        var command = RedisCommand("EXISTS")
        for queue in queues { command.append(self.quarantineKey(queue)) }
        return try await self.redis.send(command).requireInt() == 0 ? [] : queues
    }

    /// Asks for the turn to withdraw from a queue's ordinary jobs, or for more time of it; see take_turn.lua.
    ///
    /// - Returns: False when another session has it, or no quarantined job waits.
    public func takeTurn(_ session: SessionID, in queue: QueueName, for lease: Duration) async throws -> Bool {
        let reply = try await self.redis.run(Script.takeTurn, keys: [self.base(queue)]) { command in
            command.append(session)
            command.append(lease.wholeMilliseconds)
        }
        return try ScriptReply(Script.takeTurn, reply).int("whether it has the turn") == 1
    }
}
