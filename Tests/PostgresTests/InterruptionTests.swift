// What happens when something gets in the way on a real server: cancellation, timeouts, killed backends. And that
// nothing blocks.

import Dispatch
import TestSupport
import Testing

@testable import Postgres

@Suite("An interruption", .timeLimit(.minutes(20)))
struct InterruptionTests {
    /// Waits until so many statements that contain the mark run on the server.
    private func running(_ count: Int, _ mark: String, _ database: PostgresDatabase) async throws {
        try await eventually("\(count) statements run") {
            let rows = try await database.query(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()
                """, [.text("%\(mark)%")])
            return try rows.first?.int(at: 0) == count
        }
    }

    @Test("by slow statements on more connections than threads stops no timer")
    func nothingBlocks() async throws {
        try await withTestDatabase(limits: .init(perDatabase: 40)) { database in
            let sleepers = 24
            let holding = Task {
                await withTaskGroup(of: PostgresError.Code?.self) { group in
                    for _ in 0..<sleepers {
                        group.addTask {
                            do {
                                try await database.query("SELECT pg_sleep(600)")
                                return nil
                            } catch {
                                return (error as? PostgresError)?.code
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
            }
            try await running(sleepers, "pg_sleep(600)", database)
            let (ticks, ticker) = AsyncStream.makeStream(of: Void.self)
            let ticking = Task {
                while !Task.isCancelled {
                    ticker.yield()
                    try await ContinuousClock().sleep(for: .milliseconds(1))
                }
            }
            var seen = 0
            for await _ in ticks {
                seen += 1
                if seen == 100 { break }
            }
            ticking.cancel()
            try await running(sleepers, "pg_sleep(600)", database)
            holding.cancel()
            #expect(await holding.value == Array(repeating: .cancelled, count: sleepers))
            try await running(0, "pg_sleep(600)", database)
        }
    }

    @Test("by cancellation cancels the statement, and the connection stays usable")
    func cancellation() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                let pid = await connection.backendPID
                let statement = Task { try await connection.query("SELECT pg_sleep(601)") }
                try await running(1, "pg_sleep(601)", database)
                statement.cancel()
                let error = try await postgresError { _ = try await statement.value }
                #expect(error.code == .cancelled)
                #expect(error.sqlState == .queryCanceled)
                #expect(connection.isUsable)
                #expect(try await connection.query("SELECT pg_backend_pid()")[0].int(at: 0) == Int(pid))
            }
        }
    }

    @Test("by cancellation many times over never hits the next statement")
    func cancelRace() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                for _ in 0..<200 {
                    let statement = Task { try await connection.query("SELECT count(*) FROM generate_series(1, 2000)") }
                    await Task.yield()
                    statement.cancel()
                    switch await statement.result {
                    case .success: break
                    case .failure(let error): #expect((error as? PostgresError)?.code == .cancelled)
                    }
                    let next = try await connection.query("SELECT 1")
                    #expect(next.count == 1)
                }
            }
        }
    }

    @Test("of a caller in line leaves the line")
    func cancelledInLine() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                let first = Task { try await connection.query("SELECT pg_sleep(602)") }
                try await running(1, "pg_sleep(602)", database)
                let second = Task { try await connection.query("SELECT 2") }
                let third = Task { try await connection.query("SELECT 3", timeout: .milliseconds(1)) }
                second.cancel()
                #expect(try await postgresError { _ = try await second.value }.code == .cancelled)
                #expect(try await postgresError { _ = try await third.value }.code == .timeout)
                first.cancel()
                #expect(try await postgresError { _ = try await first.value }.code == .cancelled)
                #expect(try await connection.query("SELECT 4").count == 1)
            }
        }
    }

    @Test("by a statement's own timeout cancels it")
    func timeout() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                let error = try await postgresError {
                    try await connection.query("SELECT pg_sleep(603)", timeout: .milliseconds(50))
                }
                #expect(error.code == .timeout)
                #expect(error.canRetry)
                #expect(try await connection.query("SELECT 1").count == 1)
            }
        }
    }

    @Test("by the server's statement_timeout is a timeout as well")
    func serverTimeout() async throws {
        try await withTestDatabase { database in
            var configuration = database.configuration
            configuration.statementTimeout = .milliseconds(50)
            try await database.pool.withConnection(to: configuration) { connection in
                #expect(try await connection.query("SHOW statement_timeout")[0].string(at: 0) == "50ms")
                let error = try await postgresError { try await connection.query("SELECT pg_sleep(604)") }
                #expect(error.code == .timeout)
                #expect(try await connection.query("SELECT 1").count == 1)
            }
        }
    }

    @Test("by somebody else's pg_cancel_backend is the server's error")
    func cancelledByOther() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                let pid = await connection.backendPID
                let statement = Task { try await connection.query("SELECT pg_sleep(605)") }
                try await running(1, "pg_sleep(605)", database)
                try await database.query("SELECT pg_cancel_backend($1)", [.int(Int(pid))])
                let error = try await postgresError { _ = try await statement.value }
                #expect(error.code == .server)
                #expect(error.sqlState == .queryCanceled)
            }
        }
    }

    @Test("by a killed backend is a lost connection, and the pool recovers")
    func killed() async throws {
        try await withTestDatabase { database in
            let statement = Task {
                try await database.withConnection { connection in
                    let error = try await postgresError { try await connection.query("SELECT pg_sleep(606)") }
                    #expect(!connection.isUsable)
                    return error
                }
            }
            try await running(1, "pg_sleep(606)", database)
            try await database.query(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE query LIKE '%pg_sleep(606)' AND pid <> pg_backend_pid()
                """
            )
            let error = try await statement.value
            #expect(error.code == .connectionLost)
            #expect(error.sqlState == .adminShutdown)
            #expect(error.canRetry)
            #expect(error.outcomeUnknown)
            #expect(try await database.query("SELECT 1").count == 1)
        }
    }

    @Test("by close ends the statement that runs")
    func closed() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                let statement = Task { try await connection.query("SELECT pg_sleep(607)") }
                try await running(1, "pg_sleep(607)", database)
                await connection.close()
                #expect(try await postgresError { _ = try await statement.value }.code == .connectionLost)
                #expect(!connection.isUsable)
            }
        }
    }
}
