// What a session says of damage that it finds in Redis: each thing once a minute, however often it comes upon it; and
// how it goes on with its other queues.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Redis
internal import Synchronization

/// Says each thing once a minute.
final class DamageLog: Sendable {
    private static let interval: Duration = .seconds(60)
    /// More different things are not remembered, and are said again.
    private static let most = 1000

    private let said = Mutex<[String: ContinuousClock.Instant]>([:])

    func tell(_ what: String, _ about: [String: String], _ logger: Logger) {
        let now = ContinuousClock.now
        let isNew = self.said.withLock { said in
            let name = "\(what) \(about.sorted { $0.key < $1.key })"
            if let last = said[name], now - last < Self.interval { return false }
            if said.count >= Self.most { said = [:] }
            said[name] = now
            return true
        }
        if isNew { logger.error("\(what)", metadata: about.mapValues { .string($0) }) }
    }
}

extension WorkerSession {
    /// Asks something of one queue; nil when what that queue holds is in the way. The others are not to wait for it.
    func sparing<Answer: Sendable>(
        _ queue: QueueName, _ ask: () async throws -> Answer
    ) async throws -> Answer? {
        do {
            return try await ask()
        } catch let error where error.isOfOneQueue {
            self.damage.tell(
                "redis answers of a queue what cannot be; chorewheel doctor says more",
                ["queue": "\(queue)", "error": "\(error)"], self.logger)
            return nil
        }
    }

    /// As the index's, but for a wake list of another type: then it only waits, and jobs are found by asking.
    func waitForWork(atMost limit: Duration, on client: RedisClient) async throws -> QueueName? {
        do {
            return try await self.index.waitForWork(in: self.queues, atMost: limit, on: client)
        } catch let error where error.isOfOneQueue {
            self.damage.tell(
                "a queue's wake list cannot be waited on; chorewheel doctor says which", ["error": "\(error)"],
                self.logger)
            try await Task.sleep(for: min(limit, .seconds(1)))
            return nil
        }
    }
}
