// How soon workers go on by themselves after a store was away, measured from the moment it answers again. The figure is
// logged; the test's own limit is generous, for a busy machine.

import JobModel
import JobQueue
import LocalServers
import Logging
import Postgres
import QueueTestSupport
import TestSupport
import Testing

@Suite("Resumption", .timeLimit(.minutes(20)))
struct ResumptionTests {
    enum Away: String, Sendable, CaseIterable {
        case redis, postgres, both

        var hasRedis: Bool { self != .postgres }
        var hasPostgres: Bool { self != .redis }
    }

    /// Longer than every backoff takes to reach its longest delay, and than the workers' lease.
    private static let outage: Duration = .seconds(12)

    @Test("workers go on by themselves, soon after what was away is back", arguments: Away.allCases)
    func resumes(away: Away) async throws {
        let servers = try await TestServers.start()
        try await QueueFixture.with(servers: servers) { queue in
            try await WorkerPool.with(queue, processes: nil) { _ in
                // More than eight handlers do in the test's time, so that there is always a next one.
                let request = try JobRequest(
                    kind: "diagnostic.sleep", target: .platform, payload: Array(#"{"seconds": 0.2}"#.utf8),
                    options: EnqueueOptions(queue: "diagnostics"))
                _ = try await queue.ledger.enqueue(Array(repeating: request, count: 1000))
                _ = try await queue.ledger.enqueue(Array(repeating: request, count: 1000))
                try await eventually("they run") { try await Self.settled(queue) > 8 }

                if away.hasRedis { await servers.redis.kill9() }
                if away.hasPostgres { await servers.postgres.kill9() }
                let down = ContinuousClock.now
                try await eventually("the outage has lasted") { ContinuousClock.now - down >= Self.outage }
                async let redis: Void = away.hasRedis ? servers.redis.start() : ()
                if away.hasPostgres { try await servers.postgres.start() }
                try await redis
                let back = ContinuousClock.now
                let connection = try await PostgresConnection.connect(
                    queue.platform.configuration, logger: queue.logger)
                let before = try await Self.settled(on: connection)
                try await eventually("the next job is settled", within: .seconds(20)) {
                    try await Self.settled(on: connection) > before
                }
                let taken = ContinuousClock.now - back
                await connection.close()
                Logger(label: "drill").notice("went on after \(taken); away for \(Self.outage): \(away)")
            }
        }
        await servers.stop()
    }

    private static let sql = "SELECT count(*) FROM jobs WHERE state = 'succeeded'"

    private static func settled(_ queue: QueueFixture) async throws -> Int { try await queue.count(self.sql) }

    private static func settled(on connection: PostgresConnection) async throws -> Int {
        try await connection.query(self.sql)[0].int(at: 0)
    }
}
