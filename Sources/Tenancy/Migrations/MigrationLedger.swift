// The engine's hands: `schema_migrations` and the files' SQL, on one connection. Decides nothing; see Migrator.

internal import Postgres

struct MigrationLedger {
    private let connection: PostgresConnection

    init(_ connection: PostgresConnection) { self.connection = connection }

    func create() async throws {
        try await self.connection.query(EmbeddedText.createLedger)
    }

    /// All records in order; none when the table is not there yet.
    func records() async throws -> [MigrationRecord] {
        try await self.rows().map { row in
            let state = try row.string("state")
            guard let state = MigrationRecord.State(rawValue: state) else {
                throw TenancyError(.missing, "schema_migrations has the state \"\(state)\": a newer program's?")
            }
            return MigrationRecord(
                version: try row.int("version"), name: try row.string("name"), checksum: try row.string("checksum"),
                chain: try row.string("chain"), state: state, statementsDone: try row.int("statements_done"),
                fingerprint: try row.optionalString("fingerprint"))
        }
    }

    func entries() async throws -> [MigrationStatus.Entry] {
        try await self.rows().map { row in
            .init(
                version: try row.int("version"), name: try row.string("name"),
                appliedAt: try row.optionalString("applied_at"), milliseconds: try row.optionalInt("duration_ms"))
        }
    }

    func appliedVersion() async throws -> Int {
        try await self.records().filter { $0.state == .applied }.count
    }

    private func rows() async throws -> [PostgresRow] {
        let there = try await self.connection.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL")
        guard try there.first?.bool(at: 0) == true else { return [] }
        return Array(try await self.connection.query(EmbeddedText.readLedger))
    }

    /// The schema's fingerprint, in a transaction of its own.
    func fingerprint() async throws -> String {
        try await self.connection.transaction(.readOnly) { try await Self.fingerprint(inTransactionOn: $0) }
    }

    /// The file and its record in one transaction.
    func runInTransaction(
        _ migration: Migration, _ direction: MigrationPlan.Step.Direction, lockTimeout: Duration
    ) async throws {
        let start = ContinuousClock.now
        try await self.connection.transaction { connection in
            try await connection.execute(script: "SET LOCAL lock_timeout = \(lockTimeout.milliseconds)")
            switch direction {
            case .up:
                try await connection.execute(script: migration.up.text)
                try await Self.recordApplied(migration, since: start, on: connection)
            case .down:
                try await connection.execute(script: migration.down.text)
                try await Self.recordReverted(migration, on: connection)
            }
        }
    }

    /// A file without a transaction: noted, part by part, and recorded.
    func runInParts(
        _ migration: Migration, _ direction: MigrationPlan.Step.Direction, lockTimeout: Duration
    ) async throws {
        let start = ContinuousClock.now
        let rows = try await self.connection.query(
            EmbeddedText.recordStarted,
            [
                .int(migration.version), .text(migration.name), .text(migration.checksum), .text(migration.chain),
                direction == .up ? "started" : "reverting",
            ])
        let done = try rows.first?.int(at: 0) ?? 0
        let script = direction == .up ? migration.up : migration.down
        try await self.connection.execute(script: "SET lock_timeout = \(lockTimeout.milliseconds)")
        do {
            for (index, statement) in script.statements.enumerated().dropFirst(done) {
                try await self.dropInvalidIndexes(namedIn: statement)
                try await self.connection.execute(script: statement)
                try await self.connection.query(
                    "UPDATE public.schema_migrations SET statements_done = $2 WHERE version = $1",
                    [.int(migration.version), .int(index + 1)])
            }
        } catch {
            // The connection is the caller's: its settings must not stay changed. If they do, it is not used again.
            do {
                try await self.connection.execute(script: "RESET lock_timeout")
            } catch {
                self.connection.doNotReuse()
            }
            throw error
        }
        try await self.connection.execute(script: "RESET lock_timeout")
        try await self.connection.transaction { connection in
            switch direction {
            case .up: try await Self.recordApplied(migration, since: start, on: connection)
            case .down: try await Self.recordReverted(migration, on: connection)
            }
        }
    }

    private static func recordApplied(
        _ migration: Migration, since start: ContinuousClock.Instant, on connection: PostgresConnection
    ) async throws {
        let fingerprint = try await Self.fingerprint(inTransactionOn: connection)
        try await connection.query(
            EmbeddedText.recordApplied,
            [
                .int(migration.version), .text(migration.name), .text(migration.checksum), .text(migration.chain),
                .text(fingerprint), .int((ContinuousClock.now - start).milliseconds),
            ])
    }

    /// Takes the record away, if the schema is the one that the version before had left.
    private static func recordReverted(_ migration: Migration, on connection: PostgresConnection) async throws {
        try await connection.query(
            "DELETE FROM public.schema_migrations WHERE version = $1", [.int(migration.version)])
        let before = try await connection.query(
            "SELECT fingerprint FROM public.schema_migrations WHERE version = $1", [.int(migration.version - 1)])
        guard let expected = try before.first?.optionalString(at: 0) else { return }
        guard try await Self.fingerprint(inTransactionOn: connection) == expected else {
            throw TenancyError(
                .downMismatch,
                "\(migration.down.fileName) does not bring back the schema of version \(migration.version - 1)")
        }
    }

    /// Changes search_path until the transaction's end.
    private static func fingerprint(inTransactionOn connection: PostgresConnection) async throws -> String {
        try await connection.execute(script: "SET LOCAL search_path = pg_catalog")
        guard let row = try await connection.query(EmbeddedText.catalogFingerprint).first else {
            throw TenancyError(.drifted, "the catalog gave no fingerprint")
        }
        return try row.string("fingerprint")
    }

    /// A broken-off CREATE INDEX CONCURRENTLY leaves an INVALID index, which IF NOT EXISTS would pass over.
    private func dropInvalidIndexes(namedIn statement: String) async throws {
        for row in try await self.connection.query(EmbeddedText.invalidIndexes, [.text(statement)]) {
            let schema = try quoteIdentifier(try row.string("schema_name"))
            let index = try quoteIdentifier(try row.string("index_name"))
            try await self.connection.execute(script: "DROP INDEX CONCURRENTLY IF EXISTS \(schema).\(index)")
        }
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int { Int(self / .milliseconds(1)) }
}
