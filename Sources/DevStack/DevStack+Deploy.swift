// What happens to a stack that runs: its workers are replaced by new ones, and its processes are counted.

internal import LocalServers
internal import Processes
internal import Synchronization

extension DevStack {
    /// Starts new workers, which read the migrations and the executable anew, then lets the old ones drain (SIGTERM).
    ///
    /// Returns when the old ones are gone; all the while somebody works. Not for two callers at once, or beside `stop`.
    /// - Throws: `ProcessError`: the new ones could not be started, or ended at once; the old ones are kept.
    public func deployWorkers() async throws {
        let program = StackProgram(configuration: self.configuration, environment: self.environment)
        let successor = try program.startWorkers()
        _ = try await successor.processID()
        if let status = successor.exitStatus { throw ProcessError(.startFailed, "the new workers ended: \(status)") }
        let predecessor = self.workers.withLock { current in
            defer { current = successor }
            return current
        }
        await predecessor.stop(signal: .terminate, grace: StackProgram.workersGrace)
    }

    /// The process ids of the stack's own children, by name: API, the workers' supervisor, both servers, and the
    /// leashes that are ours to know. The supervisor's children are in `worker_sessions`.
    ///
    /// - Throws: `ProcessError(.wrongState)` when a part does not run.
    public func processIDs() async throws -> [(name: String, id: Int32)] {
        let supervisor = self.workers.withLock { $0 }
        return [
            ("api", try await self.api.processID()), ("api's leash", self.api.leashID),
            ("supervisor", try await supervisor.processID()), ("supervisor's leash", supervisor.leashID),
            ("redis-server", try await self.redis.processID()), ("postgres", try await self.postgres.processID()),
        ]
    }

    /// Returns when the workers ended and no successor has taken over.
    func waitForWorkers() async -> ExitStatus {
        while true {
            let current = self.workers.withLock { $0 }
            let status = await current.wait()
            if self.workers.withLock({ $0 === current }) { return status }
        }
    }
}
