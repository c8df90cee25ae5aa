// Whether Redis keeps what it is given, looked at again whenever that may have changed. Redis' eviction policy can be
// another one after a fail-over, or at any moment by `CONFIG SET`; with it, fast jobs (which Redis alone has) could
// vanish after they were acknowledged. What is in the ledger is taken all the same.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Redis
internal import Synchronization

/// What `/readyz` and the doors of fast jobs ask. One for a process.
final class RedisSafety: Sendable {
    private struct Verdict {
        /// nil: safe.
        let refusal: JobQueueError?
        let generation: Int
        let takenAt: ContinuousClock.Instant
    }

    private let index: DispatchIndex
    private let logger: Logger
    private let last = Mutex<Verdict?>(nil)
    /// Kinds that were found to be durable, so that a durable job costs no look at its kind here. (A kind that becomes
    /// fast under the same name needs a new deployment; this process then learns it at its next start.)
    private let durableKinds = Mutex<Set<JobKind>>([])

    private static let durableKindsMax = 1000

    /// How long a verdict is taken for granted over one and the same connection.
    private static let trustedFor: Duration = .seconds(10)

    init(index: DispatchIndex, logger: Logger) {
        self.index = index
        self.logger = logger
    }

    /// Passes if Redis is safe for jobs that it alone has. Asks Redis once a connection, and every ten seconds.
    ///
    /// - Throws: `JobQueueError(.unsafeRedis)` naming the setting; `RedisError`.
    func require() async throws {
        let generation = self.index.redis.connectionGeneration
        let known = self.last.withLock { $0 }
        let isFresh = known.map { $0.generation == generation && ContinuousClock.now - $0.takenAt < Self.trustedFor }
        if let refusal = isFresh == true ? known?.refusal : try await self.look() { throw refusal }
    }

    /// The same, if any of these jobs is of a fast kind. An unknown kind is the enqueue's to refuse.
    func require(for requests: [JobRequest], jobs: JobQueueClient) async throws {
        let unknown = Set(requests.map(\.kind)).subtracting(self.durableKinds.withLock { $0 })
        for kind in unknown {
            switch try await jobs.ledger.kind(kind)?.durability {
            case .fast: return try await self.require()
            case .durable:
                self.durableKinds.withLock { if $0.count < Self.durableKindsMax { $0.insert(kind) } }
            case nil: break
            }
        }
    }

    /// Asks Redis, and tells the log when the answer is another one than before.
    ///
    /// - Returns: What is wrong; nil when nothing is.
    /// - Throws: `RedisError` when it cannot be asked.
    func look() async throws -> JobQueueError? {
        // Taken before the question: a connection that is new by the time of the answer is asked again.
        let generation = self.index.redis.connectionGeneration
        var refusal: JobQueueError?
        do {
            try await self.index.requireSafeSettings()
        } catch let error as JobQueueError where error.code == .unsafeRedis {
            refusal = error
        }
        let verdict = Verdict(refusal: refusal, generation: generation, takenAt: .now)
        let before = self.last.withLock { last in
            defer { last = verdict }
            return last
        }
        switch (before?.refusal, refusal) {
        case (nil, let refusal?):
            self.logger.error("Redis may throw jobs away: fast jobs are refused", metadata: ["error": "\(refusal)"])
        case (_?, nil): self.logger.notice("Redis keeps what it is given again: fast jobs are taken")
        case (nil, nil), (_?, _?): break
        }
        return refusal
    }
}
