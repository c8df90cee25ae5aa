// W7: what one worker process costs that has nothing to do. It is alone, so it is the caretaker as well: dispatcher and
// reconciler included.

internal import Postgres
internal import Processes
internal import Redis

/// Measures an idle worker.
struct IdleMeasurement {
    let queue: OurQueue
    let seconds: Int

    /// What a worker sends when it has nothing to do. Scripts call EXISTS, too: theirs are counted with it.
    private static let sent: Set<String> = ["evalsha", "eval", "blpop", "exists", "hkeys", "info", "ping"]

    /// What only grows.
    private struct Reading {
        let time: Double
        let redis: [String: Double]
        let transactions: Double
        let processorSeconds: Double
    }

    func figures() async throws -> [String: Figure] {
        // Its transactions would be counted as the worker's. The server is private.
        try await self.configure("ALTER SYSTEM SET autovacuum = off")
        do {
            let figures = try await self.idleFigures()
            try await self.configure("ALTER SYSTEM RESET autovacuum")
            return figures
        } catch {
            try await self.configure("ALTER SYSTEM RESET autovacuum")
            throw error
        }
    }

    private func configure(_ statement: String) async throws {
        try await self.queue.server.query(statement)
        try await self.queue.server.query("SELECT pg_reload_conf()")
    }

    private func idleFigures() async throws -> [String: Figure] {
        _ = try self.queue.makeBoard(jobs: 1)
        return try await self.queue.withWorker(jobs: 1, concurrency: nil) { worker in
            try await self.queue.wait(worker, every: .milliseconds(10)) { try await self.queue.workerCount() == 1 }
            // It registers its kinds, and opens its queues; PostgreSQL's sessions tell what they did up to 10 s later.
            try await Task.sleep(for: .seconds(12))
            let process = ProcessFigures(id: try await worker.processID())
            let before = try await self.read(process)
            try await Task.sleep(for: .seconds(self.seconds))
            let after = try await self.read(process)
            if let status = worker.exitStatus { throw BenchFailure("the worker ended by itself: \(status)") }
            let seconds = after.time - before.time
            var calls = after.redis.merging(before.redis.mapValues { -$0 }, uniquingKeysWith: +)
            // Our own.
            calls["info", default: 0] -= 1
            let sent = calls.filter { Self.sent.contains($0.key) }
            let named = calls.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            return [
                "jobs": .number(0), "settled": .number(0), "seconds": .number(seconds),
                "redis_per_second": .number(calls.values.reduce(0, +) / seconds),
                "redis_sent_per_second": .number(sent.values.reduce(0, +) / seconds),
                "redis_calls": .text(named.map { "\($0.key) \(Int($0.value))" }.joined(separator: ", ")),
                "postgres_per_second": .number((after.transactions - before.transactions) / seconds),
                "cpu_percent": .number((after.processorSeconds - before.processorSeconds) / seconds * 100),
            ]
        }
    }

    private func read(_ process: ProcessFigures) async throws -> Reading {
        let info = try await self.queue.redis.send(RedisCommand("INFO", "commandstats")).string ?? ""
        return Reading(
            time: Board.now(), redis: RedisInfo(info).calls, transactions: try await self.transactions(),
            processorSeconds: process.processorSeconds)
    }

    /// Of the queue's database, asked on another one: what we ask is not counted.
    private func transactions() async throws -> Double {
        try await self.queue.server.query(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1",
            [.text(self.queue.platform.configuration.database)]
        ).first.map { Double(try $0.int(at: 0)) } ?? 0
    }
}
