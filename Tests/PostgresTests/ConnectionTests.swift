// One connection on a real server: values, errors, scripts, prepared statements, connecting.

import Logging
import TestSupport
import Testing

@testable import Postgres

@Suite("A connection", .timeLimit(.minutes(20)))
struct ConnectionTests {
    @Test("carries every kind of value there and back")
    func values() async throws {
        try await withTestDatabase { database in
            let rows = try await database.query(
                """
                SELECT $1::text AS t, $2::bigint AS i, $3::float8 AS d, $4::boolean AS b, $5::bytea AS x,
                       $6::text[] AS a, $7::text AS n, '{}'::uuid[] AS "Upper Case"
                """,
                ["it's \"ä\"", .int(Int64.min), 0.1, true, .bytes([0, 1, 255]), .array(["a,b", "\\", ""]), nil])
            let row = try #require(rows.first)
            #expect(try row.string("t") == "it's \"ä\"")
            #expect(try row.int("i") == .min)
            #expect(try row.double("d") == 0.1)
            #expect(try row.bool("b"))
            #expect(try row.bytes("x") == [0, 1, 255])
            #expect(try row.stringArray("a") == ["a,b", "\\", ""])
            #expect(try row.isNull("n"))
            #expect(try row.optionalString("n") == nil)
            #expect(try row.stringArray("Upper Case") == [])
            #expect(rows.columnNames == ["t", "i", "d", "b", "x", "a", "n", "Upper Case"])
            #expect(row.withUTF8(at: 0) { $0.count } == 9)
        }
    }

    @Test("names the column that cannot be read")
    func decoding() async throws {
        try await withTestDatabase { database in
            let row = try #require(try await database.query("SELECT 'x' AS word, NULL AS nothing").first)
            for (column, read) in [
                ("missing", { _ = try row.string("missing") }), ("word", { _ = try row.int("word") }),
                ("nothing", { _ = try row.string("nothing") }),
            ] as [(String, () throws -> Void)] {
                let error = #expect(throws: PostgresError.self) { try read() }
                #expect(error?.code == .decoding)
                #expect(error?.message.contains("'\(column)'") == true)
            }
        }
    }

    @Test("counts affected rows and iterates over thousands")
    func counts() async throws {
        try await withTestDatabase { database in
            try await database.execute(script: "CREATE TABLE n (i int); CREATE TABLE m (i int)")
            let inserted = try await database.query("INSERT INTO n SELECT generate_series(1, 20000)")
            #expect(inserted.affectedRows == 20_000)
            #expect(inserted.isEmpty)
            let rows = try await database.query("SELECT i FROM n ORDER BY i")
            #expect(try rows.map { try $0.int(at: 0) } == Array(1...20_000))
        }
    }

    @Test("throws the server's error with SQLSTATE and constraint, and stays usable")
    func errors() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                try await connection.execute(script: "CREATE TABLE u (i int CONSTRAINT one UNIQUE)")
                try await connection.query("INSERT INTO u VALUES ($1)", [4711])
                let error = try await postgresError { try await connection.query("INSERT INTO u VALUES ($1)", [4711]) }
                #expect(error.code == .server)
                #expect(error.sqlState == .uniqueViolation)
                #expect(error.constraint == "one")
                #expect(!"\(error)".contains("4711"))
                #expect(error.debugDescription.contains("4711"))
                #expect(try await connection.query("SELECT 1").count == 1)
                #expect(await !connection.isInTransaction)
            }
        }
    }

    @Test("runs one statement with parameters, and many in a script")
    func scripts() async throws {
        try await withTestDatabase { database in
            let error = try await postgresError { try await database.query("SELECT 1; SELECT 2") }
            #expect(error.sqlState == .syntaxError)
            try await database.execute(script: "CREATE TABLE a (); CREATE TABLE b ();")
            let failing = try await postgresError {
                try await database.execute(script: "CREATE TABLE c (); SELECT 1/0")
            }
            #expect(failing.sqlState == "22012")
            let tables = try await database.query(
                "SELECT relname FROM pg_class WHERE relname IN ('a', 'b', 'c') ORDER BY 1")
            #expect(try tables.map { try $0.string(at: 0) } == ["a", "b"])
        }
    }

    @Test("prepares a repeated statement once")
    func prepared() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                for number in 0..<5 {
                    let rows = try await connection.query("SELECT $1::int AS repeated", [.int(number)])
                    #expect(try rows.first?.int("repeated") == number)
                }
                let statements = try await connection.query(
                    "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE '%repeated'"
                )
                #expect(try statements.map { try $0.int(at: 0) } == [5])
            }
        }
    }

    @Test("keeps no more prepared statements than allowed, and none if that is 0", arguments: [0, 3])
    func cacheBound(capacity: Int) async throws {
        try await withTestDatabase { database in
            var configuration = database.configuration
            configuration.statementCacheSize = capacity
            try await database.pool.withConnection(to: configuration) { connection in
                for number in 0..<100 { try await connection.query("SELECT \(number)") }
                let count = try await connection.query("SELECT count(*) FROM pg_prepared_statements").first?.int(at: 0)
                #expect(try #require(count) <= (capacity == 0 ? 0 : capacity + StatementCache.retiredBatch + 1))
            }
        }
    }

    @Test("prepares again what the server forgot, or whose result changed")
    func stalePlans() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                try await connection.execute(script: "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
                #expect(try await connection.query("SELECT * FROM t").columnNames == ["a"])
                try await connection.execute(script: "ALTER TABLE t ADD b int")
                #expect(try await connection.query("SELECT * FROM t").columnNames == ["a", "b"])
                try await connection.execute(script: "DISCARD ALL")
                #expect(try await connection.query("SELECT * FROM t").columnNames == ["a", "b"])
                // In a transaction it cannot be repeated: the error says that trying again helps, and it does.
                let error = try await postgresError {
                    try await connection.transaction { inner in
                        try await inner.execute(script: "ALTER TABLE t ADD c int")
                        try await inner.query("SELECT * FROM t")
                    }
                }
                #expect(error.canRetry)
                #expect(try await connection.query("SELECT * FROM t").columnNames == ["a", "b"])
            }
        }
    }

    @Test("serves concurrent callers one after the other")
    func serialised() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 1...50 {
                        group.addTask { try await connection.query("SELECT $1::int", [.int(number)])[0].int(at: 0) }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(sum == 1_275)
            }
        }
    }

    @Test("carries identifiers with quotes, and literals, through the server")
    func quoting() async throws {
        try await withTestDatabase { database in
            let name = "a\"b'c\\ ü;--"
            let quoted = try quoteIdentifier(name)
            try await database.query("CREATE TABLE \(quoted) (\(quoted) int)")
            let found = try await database.query("SELECT count(*) FROM pg_class WHERE relname = $1", [.text(name)])
            #expect(try found.first?.int(at: 0) == 1)
            #expect(try await database.query("SELECT * FROM \(quoted)").columnNames == [name])
            let literal = try quoteLiteral(name)
            for setting in ["on", "off"] {
                try await database.transaction { connection in
                    try await connection.query("SET LOCAL standard_conforming_strings = \(setting)")
                    #expect(try await connection.query("SELECT \(literal)")[0].string(at: 0) == name)
                }
            }
        }
    }

    @Test("refuses COPY and says so")
    func copy() async throws {
        try await withTestDatabase { database in
            let error = try await postgresError { try await database.execute(script: "COPY (SELECT 1) TO STDOUT") }
            #expect(error.code == .protocolViolation)
            #expect(try await database.query("SELECT 1").count == 1)
        }
    }

    @Test("resolves names, and says why it cannot connect")
    func connecting() async throws {
        let url = try await TestServers.shared().databaseURL
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        var configuration = try PostgresConfiguration(url: url)
        configuration.host = "localhost"
        configuration.connectTimeout = .seconds(60)
        configuration.applicationName = "named"
        let connection = try await PostgresConnection.connect(configuration, logger: logger)
        #expect(try await connection.query("SHOW application_name")[0].string(at: 0) == "named")
        #expect(await connection.backendPID != 0)
        await connection.close()
        #expect(!connection.isUsable)
        #expect(try await postgresError { try await connection.query("SELECT 1") }.code == .connectionLost)

        var missing = configuration
        missing.database = "no such database"
        let absent = try await postgresError { _ = try await PostgresConnection.connect(missing, logger: logger) }
        #expect(absent.code == .connectionFailed)
        #expect(absent.sqlState == .invalidCatalogName)
        #expect(!absent.canRetry)

        missing.host = "no-such-host.invalid"
        let unknown = try await postgresError { _ = try await PostgresConnection.connect(missing, logger: logger) }
        #expect(unknown.code == .connectionFailed)
        #expect(unknown.canRetry)
    }
}
