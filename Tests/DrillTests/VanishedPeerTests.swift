// What both clients do when a server goes silent without ending its connections: hung (SIGSTOP), or taking nothing more
// of what is sent. And what the pool does about a server that is away, and back.

import LocalServers
import Logging
import Postgres
import Redis
import TestSupport
import Testing

@Suite("A server that vanishes", .timeLimit(.minutes(20)))
struct VanishedPeerTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// A pool that has one open connection to the servers' PostgreSQL.
    private static func withDatabase(
        _ servers: TestServers, _ body: @Sendable (PostgresDatabase) async throws -> Void
    ) async throws {
        let pool = PostgresPool(logger: self.logger)
        let database = PostgresDatabase(pool: pool, configuration: try PostgresConfiguration(url: servers.databaseURL))
        try await database.query("SELECT 1")
        do {
            try await body(database)
            await pool.close()
        } catch {
            await pool.close()
            throw error
        }
    }

    private static func failure(_ body: @Sendable () async throws -> Void) async throws -> PostgresError {
        try #require(await #expect(throws: PostgresError.self) { try await body() })
    }

    @Test("a hung PostgreSQL costs a statement its own timeout and a second, not five")
    func hungPostgres() async throws {
        let servers = try await TestServers.start()
        try await Self.withDatabase(servers) { database in
            try servers.postgres.pause()
            // The signal is on its way: until it has arrived, the server answers.
            var hung: (error: PostgresError, after: Duration)?
            try await eventually("it hangs") {
                let start = ContinuousClock.now
                do {
                    try await database.query("SELECT 1", timeout: .milliseconds(200))
                } catch let error as PostgresError {
                    hung = (error, ContinuousClock.now - start)
                }
                return hung != nil
            }
            let (error, taken) = try #require(hung)
            #expect(error.code == .timeout)
            #expect(error.outcomeUnknown)
            #expect(taken < .seconds(4), "0.2 s and 1 s, on a busy machine; it was \(taken)")
            try servers.postgres.resume()
            try await eventually("it answers again") {
                do {
                    return try await database.query("SELECT 1").count == 1
                } catch let error as PostgresError where error.canRetry {
                    return false
                }
            }
        }
        await servers.stop()
    }

    @Test("a peer that takes nothing more is noticed by the kernel in minutes, by both clients, without a timeout")
    func silentPeers() async throws {
        let servers = try await TestServers.start()
        let redis = RedisClient(configuration: try RedisConfiguration(url: servers.redisURL), logger: Self.logger)
        // More than the sockets' buffers hold: the rest cannot be sent.
        let text = String(repeating: "x", count: 64 << 20)
        try await Self.withDatabase(servers) { database in
            _ = try await redis.send(RedisCommand("PING"))
            try servers.postgres.pause()
            try servers.redis.pause()
            let start = ContinuousClock.now
            async let inPostgres = Self.failure { try await database.query("SELECT length($1)", [.text(text)]) }
            let inRedis = await #expect(throws: RedisError.self) {
                try await redis.send(RedisCommand("SET", "vanished", text), timeout: nil)
            }
            #expect(inRedis?.code == .connectionLost)
            #expect(try await inPostgres.code == .connectionLost)
            let taken = ContinuousClock.now - start
            // 15 s when nothing else runs; a quarter of an hour by the kernel's own settings.
            #expect(taken < .seconds(180), "it was \(taken)")
            try servers.postgres.resume()
            try servers.redis.resume()
        }
        await redis.close()
        await servers.stop()
    }

    @Test("a PostgreSQL that refuses connections is tried now and then, whoever asks, and found again")
    func refusingPostgres() async throws {
        let servers = try await TestServers.start()
        try await Self.withDatabase(servers) { database in
            await servers.postgres.kill9()
            // Many callers, more than the pool's connections: all are told, and most without an attempt.
            let errors = await withTaskGroup(of: PostgresError?.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        do {
                            try await database.query("SELECT 1")
                            return nil
                        } catch {
                            return error as? PostgresError
                        }
                    }
                }
                return await group.reduce(into: [PostgresError?]()) { $0.append($1) }
            }
            #expect(errors.allSatisfy { $0?.canRetry == true })
            let untried = errors.filter { $0?.message.contains("not tried again yet") == true }
            #expect(untried.count >= 150, "\(untried.count) of 200 without an attempt")
            let left = database.pool.statistics()
            #expect(left.open == 0 && left.waiting == 0)

            try await servers.postgres.start()
            // A second, when nothing else runs.
            try await eventually("it is found again", within: .seconds(60)) {
                do {
                    return try await database.query("SELECT 1").count == 1
                } catch let error as PostgresError where error.canRetry {
                    return false
                }
            }
        }
        await servers.stop()
    }
}
