// The pool on a real server; its rules are tested in PoolStateTests.

import TestSupport
import Testing

@testable import Postgres

@Suite("A pool", .timeLimit(.minutes(20)))
struct PoolTests {
    private func pid(_ connection: PostgresConnection) async throws -> Int {
        try await connection.query("SELECT pg_backend_pid()")[0].int(at: 0)
    }

    @Test("lends the same connection again")
    func reuse() async throws {
        try await withTestDatabase { database in
            let first = try await database.withConnection { try await pid($0) }
            let second = try await database.withConnection { try await pid($0) }
            #expect(first == second)
            #expect(database.pool.statistics() == .init(open: 1, idle: 1, inUse: 0, waiting: 0))
        }
    }

    @Test("never opens more than allowed, and serves everyone in the end")
    func bounded() async throws {
        try await withTestDatabase(limits: .init(perDatabase: 3)) { database in
            let pids = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<100 { group.addTask { try await database.withConnection { try await pid($0) } } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(pids.count <= 3)
            #expect(database.pool.statistics().inUse == 0)
        }
    }

    @Test("does not lend a connection that came back in a transaction, listening, or marked")
    func unclean() async throws {
        try await withTestDatabase { database in
            for spoil in [
                { try await $0.query("BEGIN") }, { $0.doNotReuse() }, { _ = await $0.notifications() },
                { await $0.close() },
            ] as [@Sendable (PostgresConnection) async throws -> Void] {
                let spoilt = try await database.withConnection { connection in
                    let pid = try await pid(connection)
                    try await spoil(connection)
                    return pid
                }
                #expect(try await database.withConnection { try await pid($0) } != spoilt)
                #expect(database.pool.statistics().open == 1)
            }
        }
    }

    @Test("does not let the caller notice that an idle connection has died")
    func deadWhileIdle() async throws {
        try await withTestDatabase { database in
            let dead = try await database.withConnection { connection in
                // A second one, to kill the first with.
                let first = try await pid(connection)
                try await database.withConnection { _ = try await pid($0) }
                return first
            }
            let killer = try await database.withConnection { connection in
                try await database.withConnection { other in
                    let pids = try await [pid(connection), pid(other)]
                    let killer = pids[0] == dead ? other : connection
                    try await killer.query("SELECT pg_terminate_backend($1)", [.int(dead)])
                    try await eventually("the backend is gone") {
                        try await killer.query("SELECT FROM pg_stat_activity WHERE pid = $1", [.int(dead)]).isEmpty
                    }
                    return pids.first { $0 != dead }
                }
            }
            try await database.withConnection { connection in
                try await database.withConnection { other in
                    let pids = try await Set([pid(connection), pid(other)])
                    #expect(pids.contains(try #require(killer)))
                    #expect(!pids.contains(dead))
                }
            }
        }
    }

    @Test("gives up after the acquire timeout, and a cancelled waiter leaves at once")
    func waiting() async throws {
        try await withTestDatabase(limits: .init(perDatabase: 1, acquireTimeout: .milliseconds(100))) { database in
            try await database.withConnection { _ in
                let error = try await postgresError { try await database.query("SELECT 1") }
                #expect(error.code == .poolExhausted)
            }
        }
        try await withTestDatabase(limits: .init(perDatabase: 1, acquireTimeout: .seconds(600))) { database in
            try await database.withConnection { _ in
                let waiter = Task { try await database.query("SELECT 1") }
                try await eventually("it waits") { database.pool.statistics().waiting == 1 }
                waiter.cancel()
                #expect(try await postgresError { _ = try await waiter.value }.code == .cancelled)
                #expect(database.pool.statistics().waiting == 0)
            }
            #expect(try await database.query("SELECT 1").count == 1)
        }
    }

    @Test("closes another user's idle connection to make room")
    func room() async throws {
        try await withTestDatabase(limits: .init(perDatabase: 1)) { database in
            try await database.query("SELECT 1")
            var other = database.configuration
            other.applicationName = "other"
            try await database.pool.withConnection(to: other) { _ = try await $0.query("SELECT 1") }
            #expect(database.pool.statistics().open == 1)
        }
    }

    @Test("closes what was idle for too long")
    func idleTimeout() async throws {
        try await withTestDatabase(limits: .init(idleTimeout: .milliseconds(20))) { database in
            try await database.query("SELECT 1")
            try await eventually("it is closed") { database.pool.statistics().open == 0 }
        }
    }

    @Test("closes a database's connections when told")
    func retiring() async throws {
        try await withTestDatabase { database in
            try await database.query("SELECT 1")
            let configuration = database.configuration
            await database.pool.closeConnections(
                toDatabase: configuration.database, host: configuration.host, port: configuration.port)
            #expect(database.pool.statistics().open == 0)
            #expect(try await database.query("SELECT 1").count == 1)
        }
    }

    @Test("after its end turns everyone away")
    func closed() async throws {
        try await withTestDatabase(limits: .init(perDatabase: 1)) { database in
            try await database.withConnection { _ in
                let waiter = Task { try await database.query("SELECT 1") }
                try await eventually("it waits") { database.pool.statistics().waiting == 1 }
                await database.pool.close()
                #expect(try await postgresError { _ = try await waiter.value }.code == .poolClosed)
            }
            #expect(try await postgresError { try await database.query("SELECT 1") }.code == .poolClosed)
            #expect(database.pool.statistics().open == 0)
        }
    }

    @Test("that cannot connect throws, keeps nothing, and serves the next")
    func unreachable() async throws {
        try await withTestDatabase(limits: .init(perDatabase: 1)) { database in
            var configuration = database.configuration
            configuration.database = "absent"
            let absent = PostgresDatabase(pool: database.pool, configuration: configuration)
            await withTaskGroup(of: PostgresError.Code?.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        do {
                            try await absent.query("SELECT 1")
                            return nil
                        } catch {
                            return (error as? PostgresError)?.code
                        }
                    }
                }
                for await code in group { #expect(code == .connectionFailed) }
            }
            #expect(database.pool.statistics() == .init(open: 0, idle: 0, inUse: 0, waiting: 0))
        }
    }
}
