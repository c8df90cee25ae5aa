// What workers do before they start, on servers that have little room: real ones, and the executable as people call it.

import JobModel
import JobQueue
import LocalServers
import Processes
import QueueTestSupport
import Redis
import TestSupport
import Testing

@Suite("The check at a worker's start", .timeLimit(.minutes(20)))
struct StartCheckTests {
    /// Runs a worker that refuses to start. - Returns: Its log.
    private static func refusal(_ queue: QueueFixture, processes: Int?, _ arguments: String...) async throws
        -> WorkerLog
    {
        let log = WorkerLog(on: queue.servers)
        let child = try WorkerPool.spawn(queue, processes: processes, concurrency: 8, arguments: arguments, log: log)
        try await eventually("it refuses", within: .seconds(60)) { child.exitStatus != nil }
        #expect(child.exitStatus == .exited(78))
        #expect(try await queue.ledger.sessions().allSatisfy { $0.endReason != nil })
        return log
    }

    @Test("more connections than the servers hold are refused, with the figures; fewer are made to fit, and said")
    func room() async throws {
        var configuration = LocalPostgres.Configuration.forTests
        configuration.maxConnections = 40
        let servers = try await TestServers.start(postgres: configuration)
        try await QueueFixture.with(servers: servers) { queue in
            let many = try await Self.refusal(queue, processes: 64)
            // 64 × (2 + 4) + 1 + 10, of 40 − 3.
            #expect(
                try many.lines(
                    "processes", "max_connections", "64 worker processes may open 395 connections", "it holds 37",
                    "at most 4"
                ).count == 1)
            let told = try await Self.refusal(queue, processes: nil, "--connections", "40")
            // 40 + 4 + 1.
            #expect(
                try told.lines(
                    "chorewheel.connections", "1 worker process may open 45 connections", "it holds 37",
                    "set CHOREWHEEL_CONNECTIONS to 32 or fewer"
                ).count == 1)

            let log = WorkerLog(on: servers)
            try await WorkerPool.with(queue, processes: 1, log: log) { pool in
                // Of three quarters of 37: 28 − 1 − 10 − 4.
                #expect(try log.lines("fewer connections to PostgreSQL than usual", "connections=13").count == 1)
                let pid = try #require(try await pool.sessions().first?.pid)
                let words = try #require(try FileSystem.text(of: "/proc/\(pid)/cmdline")).split(separator: "\0")
                #expect(words.suffix(2) == ["--connections", "13"])
                let id = try await queue.diagnostic("diagnostic.noop")
                try await queue.wait(for: id, toBe: .succeeded)
                // This one sees what the other, and the test, have.
                let second = WorkerLog(on: servers)
                let child = try WorkerPool.spawn(
                    queue, processes: nil, concurrency: 100, arguments: ["--connections", "32"], log: second)
                try await pool.waitForSessions(2)
                #expect(
                    try second.lines("more connections than max_connections has free now", "may_open=37").count == 1)
                #expect(
                    try second.lines("many more handlers run at once", "concurrency=100", "connections=32").count == 1)
                #expect(await child.stop(grace: .seconds(60)).isSuccess)
            }

            _ = try await queue.redis.send(RedisCommand("CONFIG", "SET", "maxclients", "10"))
            let redis = try await Self.refusal(queue, processes: 4, "--connections", "2")
            #expect(try redis.lines("processes", "maxclients", "4 worker processes open 11", "it holds 10").count == 1)
        }
        await servers.stop()
    }

    @Test("a server that is away is waited for, and a worker that waits can be told to end")
    func away() async throws {
        let servers = try await TestServers.start()
        try await QueueFixture.with(servers: servers) { queue in
            await servers.postgres.kill9()
            let log = WorkerLog(on: servers)
            let child = try WorkerPool.spawn(queue, processes: 1, concurrency: 1, log: log)
            try await eventually("it waits") {
                try log.lines("waiting for a server", "server=PostgreSQL").count == 1
            }
            #expect(await child.stop(grace: .seconds(60)).isSuccess)

            let patient = try WorkerPool.spawn(queue, processes: 1, concurrency: 1, log: log)
            try await eventually("the next waits, too") {
                try log.lines("waiting for a server", "server=PostgreSQL").count == 2
            }
            try await servers.postgres.start()
            try await eventually("it works", within: .seconds(60)) {
                try log.lines("session started").count == 1
            }
            #expect(await patient.stop(grace: .seconds(60)).isSuccess)
        }
        await servers.stop()
    }
}
