// Transactions and notifications on a real server.

import TestSupport
import Testing

@testable import Postgres

private struct Refused: Error {}

@Suite("A transaction", .timeLimit(.minutes(20)))
struct TransactionTests {
    private func count(_ database: PostgresDatabase) async throws -> Int {
        try await database.query("SELECT count(*) FROM t")[0].int(at: 0)
    }

    @Test("commits when the body returns, and rolls back when it throws")
    func ends() async throws {
        try await withTestDatabase { database in
            try await database.execute(script: "CREATE TABLE t (i int)")
            let value = try await database.transaction { connection in
                #expect(await connection.isInTransaction)
                try await connection.query("INSERT INTO t VALUES (1)")
                return 7
            }
            #expect(value == 7)
            await #expect(throws: Refused.self) {
                try await database.transaction { connection in
                    try await connection.query("INSERT INTO t VALUES (2)")
                    throw Refused()
                }
            }
            #expect(try await count(database) == 1)
        }
    }

    @Test("has the isolation asked for", arguments: TransactionMode.allCases)
    func modes(mode: TransactionMode) async throws {
        try await withTestDatabase { database in
            let found = try await database.transaction(mode) { connection in
                let row = try await connection.query(
                    """
                    SELECT current_setting('transaction_isolation') AS i, current_setting('transaction_read_only') AS r
                    """
                )[0]
                return try "\(row.string("i")) \(row.string("r"))"
            }
            let expected: [TransactionMode: String] = [
                .readCommitted: "read committed off", .repeatableRead: "repeatable read off",
                .serializable: "serializable off", .readOnly: "repeatable read on",
            ]
            #expect(found == expected[mode])
        }
    }

    @Test("of a cancelled task is rolled back, and its connection is used again")
    func cancelled() async throws {
        try await withTestDatabase { database in
            try await database.execute(script: "CREATE TABLE t (i int)")
            let (started, signal) = AsyncStream.makeStream(of: Int32.self)
            let task = Task {
                try await database.transaction { connection in
                    try await connection.query("INSERT INTO t VALUES (1)")
                    signal.yield(await connection.backendPID)
                    try await connection.query("SELECT pg_sleep(608)")
                }
            }
            var pids = started.makeAsyncIterator()
            let pid = try #require(await pids.next())
            task.cancel()
            #expect(try await postgresError { try await task.value }.code == .cancelled)
            #expect(try await count(database) == 0)
            #expect(try await database.query("SELECT pg_backend_pid()")[0].int(at: 0) == Int(pid))
        }
    }

    @Test("whose body swallowed a statement's error throws at the commit")
    func swallowed() async throws {
        try await withTestDatabase { database in
            let error = try await postgresError {
                try await database.transaction { connection in
                    _ = try? await connection.query("SELECT 1/0")
                }
            }
            #expect(error.sqlState == .inFailedTransaction)
        }
    }

    @Test("that fails at the commit says why")
    func deferred() async throws {
        try await withTestDatabase { database in
            try await database.execute(script: "CREATE TABLE t (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            let error = try await postgresError {
                _ = try await database.transaction { try await $0.query("INSERT INTO t VALUES (1), (1)") }
            }
            #expect(error.code == .server)
            #expect(error.sqlState == .uniqueViolation)
        }
    }

    @Test("whose connection ends during the commit has an unknown outcome")
    func lostCommit() async throws {
        try await withTestDatabase { database in
            // The commit runs the deferred trigger, which ends its own backend.
            try await database.execute(
                script: """
                    CREATE TABLE t (i int);
                    CREATE FUNCTION end_myself() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(600); RETURN NULL; END $$;
                    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION end_myself();
                    """)
            let error = try await postgresError {
                _ = try await database.transaction { try await $0.query("INSERT INTO t VALUES (1)") }
            }
            #expect(error.code == .connectionLost)
            #expect(error.outcomeUnknown)
            #expect(try await count(database) == 0)
        }
    }

    @Test("does not nest")
    func nested() async throws {
        try await withTestDatabase { database in
            let error = try await postgresError {
                try await database.transaction { try await $0.transaction { _ in } }
            }
            #expect(error.code == .protocolViolation)
        }
    }
}

@Suite("Notifications", .timeLimit(.minutes(20)))
struct NotificationTests {
    @Test("arrive while the connection is idle, and beside its statements, and end with it")
    func arrive() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { listener in
                let own = await listener.backendPID
                try await listener.query("LISTEN news")
                var news = await listener.notifications().makeAsyncIterator()
                try await database.query("SELECT pg_notify('news', 'first')")
                #expect(await news.next()?.payload == "first")
                // Its own arrives with the statement's result.
                try await listener.query("SELECT pg_notify('news', 'second')")
                let second = await news.next()
                #expect(second?.payload == "second")
                #expect(second?.backendPID == own)
                for number in 0..<20 {
                    async let statement = listener.query("SELECT \(number)")
                    try await database.query("SELECT pg_notify('news', $1)", [.text("\(number)")])
                    #expect(try await statement.count == 1)
                    #expect(await news.next()?.payload == "\(number)")
                }
                try await database.query("SELECT pg_terminate_backend($1)", [.int(Int(own))])
                #expect(await news.next() == nil)
                #expect(!listener.isUsable)
            }
        }
    }
}
