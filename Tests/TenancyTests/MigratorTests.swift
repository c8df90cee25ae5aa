// The migration engine on a real server: up, down, drift, locks, and what a kill leaves behind.

import Postgres
import TestSupport
import Testing

@testable import Tenancy

@Suite struct MigratorTests {
    /// Three migrations: a table, an index without a transaction, another table.
    private static let files = [
        "0001_make_a.up.sql": "CREATE TABLE a (id integer PRIMARY KEY, note text);\nCREATE TABLE flag (set boolean);",
        "0001_make_a.down.sql": "DROP TABLE flag, a;",
        "0002_index_a.up.sql": """
        -- chorewheel: no-transaction
        CREATE INDEX CONCURRENTLY IF NOT EXISTS a_note ON a (note);
        -- chorewheel: next
        CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_note_once ON a (note);
        """,
        "0002_index_a.down.sql": """
        -- chorewheel: no-transaction
        DROP INDEX CONCURRENTLY IF EXISTS a_note_once;
        -- chorewheel: next
        DROP INDEX CONCURRENTLY IF EXISTS a_note;
        """,
        "0003_make_b.up.sql": "CREATE TABLE b (a_id integer REFERENCES a (id));",
        "0003_make_b.down.sql": "DROP TABLE b;",
    ]

    private func migrator(_ changes: [String: String] = [:]) throws -> Migrator {
        Migrator(
            try migrationSet(Self.files.merging(changes) { $1 }), options: hastyOptions, logger: quietLogger)
    }

    @Test func `migrates from nothing, says what it did, and has nothing to do the second time`() async throws {
        try await withDatabase { database in
            try await database.withConnection { connection in
                let migrator = try self.migrator()
                #expect(try await migrator.plan(on: connection).steps.map(\.version) == [1, 2, 3])
                let none = try await connection.query("SELECT to_regclass('schema_migrations') IS NULL").first
                #expect(try none?.bool(at: 0) == true)

                let first = try await migrator.migrate(on: connection)
                #expect(first.outcome == .done && first.from == 0 && first.to == 3)
                #expect(first.steps.map(\.name) == ["make_a", "index_a", "make_b"])
                let status = try await migrator.status(on: connection)
                #expect(status.isCurrent && status.applied.count == 3 && status.pending.isEmpty)

                let second = try await migrator.migrate(on: connection)
                #expect(second.outcome == .done && second.from == 3 && second.steps.isEmpty)
            }
        }
    }

    @Test func `stops at the version asked for, and goes back to it`() async throws {
        try await withDatabase { database in
            try await database.withConnection { connection in
                let migrator = try self.migrator()
                #expect(try await migrator.migrate(on: connection, to: 2).to == 2)
                #expect(try await migrator.migrate(on: connection, to: 3).from == 2)
                #expect(try await migrator.rollback(on: connection, to: 1).to == 1)
                #expect(try await migrator.status(on: connection).pending.map(\.version) == [2, 3])
                await #expect(throws: TenancyError.self) { try await migrator.migrate(on: connection, to: 0) }
                await #expect(throws: TenancyError.self) { try await migrator.rollback(on: connection, to: 2) }
                #expect(try await migrator.migrate(on: connection).to == 3)
            }
        }
    }

    @Test func `refuses when an applied file was edited, is missing, or the schema was changed by hand`() async throws {
        try await withDatabase { database in
            try await database.withConnection { connection in
                _ = try await self.migrator().migrate(on: connection, to: 1)
                let edited = await #expect(throws: TenancyError.self) {
                    try await self.migrator(["0001_make_a.up.sql": "CREATE TABLE a ();"]).migrate(on: connection)
                }
                #expect(edited?.code == .edited && edited?.message.contains("version 1") == true)

                _ = try await self.migrator().migrate(on: connection)
                let older = Migrator(
                    try self.migrator().set.prefix(through: 2), options: hastyOptions, logger: quietLogger)
                let missing = await #expect(throws: TenancyError.self) { try await older.migrate(on: connection) }
                #expect(missing?.code == .missing && missing?.message.contains("version 3") == true)

                for change in [
                    "ALTER TABLE a ADD COLUMN x integer", "CREATE INDEX extra ON a (note)", "DROP INDEX a_note",
                    "ALTER TABLE a ALTER COLUMN note SET DEFAULT ''", "ALTER TABLE b ADD CHECK (a_id > 0)",
                    "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "CREATE TYPE e AS ENUM ('x')",
                    "CREATE VIEW v AS SELECT id FROM a", "ALTER TABLE a ENABLE ROW LEVEL SECURITY",
                    "CREATE SEQUENCE s", "CREATE SCHEMA other", "ALTER TABLE a RENAME COLUMN note TO remark",
                ] {
                    try await connection.execute(script: "BEGIN")
                    try await connection.execute(script: change)
                    try await connection.execute(script: "SET LOCAL search_path = pg_catalog")
                    let changed = try await connection.query(EmbeddedText.catalogFingerprint).first?.string(at: 0)
                    try await connection.execute(script: "ROLLBACK")
                    let kept = try await MigrationLedger(connection).fingerprint()
                    #expect(changed != kept, "\(change)")
                }
                try await connection.execute(script: "ALTER TABLE a ADD COLUMN x integer")
                let drifted = await #expect(throws: TenancyError.self) {
                    try await self.migrator().migrate(on: connection)
                }
                #expect(drifted?.code == .drifted && drifted?.message.contains("version 3") == true)
                #expect(try await self.migrator().status(on: connection).problem != nil)
            }
        }
    }

    @Test func `a migration that fails leaves nothing of itself`() async throws {
        try await withDatabase { database in
            try await database.withConnection { connection in
                let broken = try self.migrator(["0003_make_b.up.sql": "CREATE TABLE b ();\nSELECT 1 / 0;"])
                await #expect(throws: PostgresError.self) { try await broken.migrate(on: connection) }
                #expect(try await broken.status(on: connection).version == 2)
                #expect(try await self.migrator().migrate(on: connection).steps.map(\.version) == [3])
            }
        }
    }

    @Test func `a lock in the way defers, and is not a failure`() async throws {
        try await withDatabase { database in
            try await database.withConnection { connection in
                let migrator = try self.migrator(["0003_make_b.up.sql": "ALTER TABLE a ADD COLUMN b integer;"])
                _ = try await migrator.migrate(on: connection, to: 2)
                let deferred = try await database.transaction { other in
                    try await other.execute(script: "LOCK TABLE a IN ACCESS SHARE MODE")
                    return try await migrator.migrate(on: connection)
                }
                #expect(deferred.outcome == .deferred && deferred.to == 2)
                #expect(deferred.reason?.contains("version 3") == true)
                #expect(try await migrator.migrate(on: connection).outcome == .done)
            }
        }
    }

    @Test func `two migrators of one database: one works, the other waits, and nothing is done twice`() async throws {
        try await withDatabase { database in
            let set = try self.migrator().set
            let results = try await withThrowingTaskGroup(of: MigrationResult.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await database.withConnection {
                            try await Migrator(set, logger: quietLogger).migrate(on: $0)
                        }
                    }
                }
                var all: [MigrationResult] = []
                for try await result in group { all.append(result) }
                return all
            }
            #expect(results.allSatisfy { $0.outcome == .done && $0.to == 3 })
            #expect(results.map(\.steps.count).sorted() == [0, 0, 0, 3])
        }
    }

    @Test func `another migrator that does not end defers this one`() async throws {
        try await withDatabase { database in
            try await database.withConnection { holder in
                try await holder.query("SELECT pg_advisory_lock($1)", [.int(Int64(0x6368_6F72_6577_686C))])
                let result = try await database.withConnection { try await self.migrator().migrate(on: $0) }
                #expect(result.outcome == .deferred && result.steps.isEmpty)
                try await holder.query("SELECT pg_advisory_unlock_all()")
            }
        }
    }

    @Test func `an index that was broken off is dropped and made again`() async throws {
        try await withDatabase { database in
            try await database.withConnection { connection in
                let migrator = try self.migrator()
                _ = try await migrator.migrate(on: connection, to: 1)
                try await connection.execute(script: "INSERT INTO a VALUES (1, 'same'), (2, 'same')")
                await #expect(throws: PostgresError.self) { try await migrator.migrate(on: connection) }
                let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
                #expect(try await connection.query(invalid).first?.int(at: 0) == 1)
                #expect(try await migrator.status(on: connection).unfinished == 2)

                try await connection.execute(script: "DELETE FROM a WHERE id = 2")
                let plan = try await migrator.plan(on: connection, to: 2)
                #expect(plan.steps.first?.resumes == true && plan.steps.first?.statements == 1)
                #expect(try await migrator.migrate(on: connection).to == 3)
                #expect(try await connection.query(invalid).first?.int(at: 0) == 0)
                #expect(try await migrator.status(on: connection).isCurrent)
            }
        }
    }

    @Test func `a migrator that is killed in a statement is taken over where it was`() async throws {
        let suicide = "SELECT pg_terminate_backend(pg_backend_pid()) WHERE NOT EXISTS (SELECT FROM flag);"
        try await withDatabase { database in
            let migrator = try self.migrator([
                "0002_index_a.up.sql": """
                -- chorewheel: no-transaction
                CREATE INDEX CONCURRENTLY IF NOT EXISTS a_note ON a (note);
                -- chorewheel: next
                \(suicide)
                -- chorewheel: next
                CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_note_once ON a (note);
                """,
                "0003_make_b.up.sql": "CREATE TABLE b (a_id integer);\nINSERT INTO flag VALUES (false);\n\(suicide)",
            ])
            func lost(_ expected: Int) async throws {
                let error = await #expect(throws: PostgresError.self) {
                    try await database.withConnection { try await migrator.migrate(on: $0) }
                }
                #expect(error?.code == .connectionLost)
                #expect(try await database.withConnection { try await migrator.status(on: $0) }.version == expected)
            }
            try await lost(1)
            #expect(try await database.withConnection { try await migrator.plan(on: $0) }.steps.first?.statements == 2)
            try await lost(1)
            try await database.query("INSERT INTO flag VALUES (true)")
            let done = try await database.withConnection { try await migrator.migrate(on: $0) }
            #expect(done.to == 3)
        }
    }

    @Test func `a down file that does not bring the former schema back is refused and undone`() async throws {
        try await withDatabase { database in
            try await database.withConnection { connection in
                let wrong = try self.migrator(["0003_make_b.down.sql": "DROP TABLE b;\nALTER TABLE a ADD x integer;"])
                _ = try await wrong.migrate(on: connection)
                let error = await #expect(throws: TenancyError.self) {
                    try await wrong.rollback(on: connection, to: 0)
                }
                #expect(error?.code == .downMismatch)
                #expect(try await self.migrator().status(on: connection).isCurrent)
                #expect(try await self.migrator().rollback(on: connection, to: 0).to == 0)
            }
        }
    }

    @Test func `a connection is given back as it was lent`() async throws {
        try await withDatabase { database in
            try await database.withConnection { connection in
                _ = try await self.migrator().migrate(on: connection)
                let row = try await connection.query(
                    """
                    SELECT current_setting('lock_timeout') AS lock_timeout, current_setting('search_path') AS path,
                           (SELECT count(*) FROM pg_locks
                             WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks
                    """
                ).first
                #expect(try row?.string("lock_timeout") == "0")
                #expect(try row?.string("path") == "\"$user\", public")
                #expect(try row?.int("locks") == 0)
            }
        }
    }

    @Test(arguments: ["platform", "family"])
    func `up, down and up again gives the same schema, in one go and step by step`(name: String) async throws {
        let set = try MigrationSet(directory: migrationsDirectory(name))
        try await withDatabase { database in
            try await database.withConnection { connection in
                let migrator = Migrator(set, logger: quietLogger)
                let empty = try await MigrationLedger(connection).fingerprint()
                _ = try await migrator.migrate(on: connection)
                let first = try await MigrationLedger(connection).fingerprint()
                #expect(try await migrator.rollback(on: connection, to: 0).to == 0)
                #expect(try await MigrationLedger(connection).fingerprint() == empty)
                _ = try await migrator.migrate(on: connection)
                #expect(try await MigrationLedger(connection).fingerprint() == first)
                // Each down file is compared with what its up file found (downMismatch).
                for version in (0..<set.latestVersion).reversed() {
                    #expect(try await migrator.rollback(on: connection, to: version).to == version)
                    #expect(try await migrator.migrate(on: connection, to: version + 1).to == version + 1)
                    _ = try await migrator.rollback(on: connection, to: version)
                }
            }
        }
    }
}
