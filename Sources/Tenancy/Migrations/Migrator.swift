// Brings one database to a version, on a connection that the caller lends.
//
// 1. One migrator a database: a session's advisory lock, polled for (a waiting statement would hold a snapshot that
//    CREATE INDEX CONCURRENTLY waits for, and both would wait for ever).
// 2. A transactional file commits with its record. A file without a transaction is noted before it starts and after
//    each part; the rest is done by whoever comes next.
// 3. Before anything is changed, the files must be those that were applied, and the schema must be the one that the
//    last migration left (SHA-256 over the catalog).
// 4. It never waits for a lock longer than `lockTimeout`, as those behind it wait too. After `attempts` tries it is
//    `deferred`, which is not a failure.
// So a kill at any statement leaves a database that the next run finishes.

public import Logging
public import Postgres

/// Applies, reverts and explains migrations.
public struct Migrator: Sendable {
    /// How long it waits, and how often.
    public struct Options: Sendable, Hashable {
        /// How long a statement may wait for another's lock.
        public var lockTimeout: Duration
        /// How often a file is tried that meets such a lock.
        public var attempts: Int
        /// The wait after the first try; it doubles, with half of it random, up to 5 s.
        public var backoff: Duration
        /// How long to wait for another migrator of the same database.
        public var migratorWait: Duration

        public init(
            lockTimeout: Duration = .seconds(2), attempts: Int = 10, backoff: Duration = .milliseconds(100),
            migratorWait: Duration = .seconds(10)
        ) {
            precondition(lockTimeout > .zero && attempts >= 1 && backoff >= .zero && migratorWait >= .zero)
            self.lockTimeout = lockTimeout
            self.attempts = attempts
            self.backoff = backoff
            self.migratorWait = migratorWait
        }
    }

    public let set: MigrationSet
    public let options: Options
    private let logger: Logger

    public init(_ set: MigrationSet, options: Options = .init(), logger: Logger) {
        self.set = set
        self.options = options
        self.logger = logger
    }

    /// What `migrate` or `rollback` would do. Changes nothing, takes no lock.
    ///
    /// - Throws: `TenancyError`: `.edited`, `.missing`, `.drifted`, `.invalid`; `PostgresError`.
    public func plan(on connection: PostgresConnection, to target: Int? = nil) async throws -> MigrationPlan {
        let records = try await MigrationLedger(connection).records()
        let plan = try MigrationPlan(set: self.set, records: records, target: target)
        try await self.checkFingerprint(records, on: connection)
        return plan
    }

    /// How the database stands. Changes nothing, takes no lock; an edited file or drift is told, not thrown.
    public func status(on connection: PostgresConnection) async throws -> MigrationStatus {
        let ledger = MigrationLedger(connection)
        let records = try await ledger.records()
        var problem: String?
        do {
            _ = try MigrationPlan(set: self.set, records: records, target: nil)
            try await self.checkFingerprint(records, on: connection)
        } catch let error as TenancyError {
            problem = error.description
        }
        let unfinished = records.last.flatMap { $0.state == .applied ? nil : $0.version }
        let version = records.count - (unfinished == nil ? 0 : 1)
        return MigrationStatus(
            version: version, latest: self.set.latestVersion,
            applied: Array(try await ledger.entries().prefix(version)),
            pending: self.set.migrations.dropFirst(version).map {
                .init(version: $0.version, name: $0.name, appliedAt: nil, milliseconds: nil)
            },
            unfinished: unfinished, problem: problem)
    }

    /// Applies what is missing up to a version; nil: all there is.
    ///
    /// - Throws: `TenancyError`: `.edited`, `.missing`, `.drifted` (nothing was done), `.invalid` (the target is older
    ///   than the database); `PostgresError` of a migration: those before it are applied, it is not, or, without a
    ///   transaction, is to be finished by the next run.
    /// - Cancellation: stops at the next statement, as a kill would, and frees the lock.
    public func migrate(on connection: PostgresConnection, to target: Int? = nil) async throws -> MigrationResult {
        try await self.run(on: connection, target: target) { plan throws(TenancyError) in
            guard plan.target >= plan.current else {
                throw .invalid("to_version", "\(plan.target) is older than the database (\(plan.current)): roll back")
            }
        }
    }

    /// Reverts, by the down files, what is newer than a version. Data in what they drop is gone.
    ///
    /// - Throws: as `migrate`, and `TenancyError(.downMismatch)` when a down file does not bring the former schema
    /// back.
    public func rollback(on connection: PostgresConnection, to target: Int) async throws -> MigrationResult {
        try await self.run(on: connection, target: target) { plan throws(TenancyError) in
            guard plan.target <= plan.current else {
                throw .invalid("to_version", "\(plan.target) is newer than the database (\(plan.current)): migrate")
            }
        }
    }

    // MARK: -

    private func run(
        on connection: PostgresConnection, target: Int?, check: (MigrationPlan) throws(TenancyError) -> Void
    ) async throws -> MigrationResult {
        guard try await self.lock(connection) else {
            let version = try await MigrationLedger(connection).appliedVersion()
            return MigrationResult(
                outcome: .deferred, from: version, to: version, steps: [],
                reason: "another migrator was at work on the database for \(self.options.migratorWait)")
        }
        let result: MigrationResult
        do {
            result = try await self.runLocked(on: connection, target: target, check: check)
        } catch {
            await self.unlock(connection)
            throw error
        }
        await self.unlock(connection)
        return result
    }

    private func runLocked(
        on connection: PostgresConnection, target: Int?, check: (MigrationPlan) throws(TenancyError) -> Void
    ) async throws -> MigrationResult {
        let ledger = MigrationLedger(connection)
        let records = try await ledger.records()
        let plan = try MigrationPlan(set: self.set, records: records, target: target)
        try check(plan)
        try await self.checkFingerprint(records, on: connection)
        if !plan.steps.isEmpty { try await ledger.create() }

        var position = plan.current
        var done: [MigrationResult.AppliedStep] = []
        for step in plan.steps {
            guard let migration = self.set.migration(step.version) else { continue }
            let start = ContinuousClock.now
            if let reason = try await self.take(step, of: migration, ledger) {
                self.logger.notice("migration deferred", metadata: ["reason": "\(reason)"])
                return MigrationResult(
                    outcome: .deferred, from: plan.current, to: position, steps: done, reason: reason)
            }
            position = step.direction == .up ? step.version : step.version - 1
            let milliseconds = Int((ContinuousClock.now - start) / .milliseconds(1))
            done.append(
                .init(
                    version: step.version, name: step.name, direction: step.direction, milliseconds: milliseconds))
            self.logger.debug(
                "migration done",
                metadata: ["version": "\(step.version)", "name": "\(step.name)", "ms": "\(milliseconds)"])
        }
        return MigrationResult(outcome: .done, from: plan.current, to: position, steps: done, reason: nil)
    }

    /// One step, tried again while locks are in its way. - Returns: why it is deferred; nil: it is done.
    private func take(
        _ step: MigrationPlan.Step, of migration: Migration, _ ledger: MigrationLedger
    ) async throws -> String? {
        for attempt in 1...self.options.attempts {
            do {
                if step.transactional {
                    try await ledger.runInTransaction(migration, step.direction, lockTimeout: self.options.lockTimeout)
                } else {
                    try await ledger.runInParts(migration, step.direction, lockTimeout: self.options.lockTimeout)
                }
                return nil
            } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
                guard attempt < self.options.attempts else { break }
                try await Task.sleep(
                    for: Self.pause(self.options.backoff, attempt: attempt, jitter: .random(in: 0..<1)))
            }
        }
        return "version \(step.version) (\(step.name)) met another's lock \(self.options.attempts) times"
    }

    /// The wait before the next try: doubling, half of it random, at most 5 s.
    static func pause(_ base: Duration, attempt: Int, jitter: Double) -> Duration {
        let whole = min(base * (1 << min(attempt - 1, 20)), .seconds(5))
        return whole / 2 + whole / 2 * jitter
    }

    private func checkFingerprint(_ records: [MigrationRecord], on connection: PostgresConnection) async throws {
        // While a migration without a transaction is half done, no fingerprint is right.
        guard let last = records.last, last.state == .applied, let expected = last.fingerprint else { return }
        let actual = try await MigrationLedger(connection).fingerprint()
        guard actual == expected else {
            throw TenancyError(
                .drifted,
                "the schema is not what version \(last.version) (\(last.name)) left: somebody changed it by hand")
        }
    }

    // MARK: The lock

    /// Any constant: advisory locks are per database. The bytes of "chorewhl".
    private static let lockKey: PostgresValue = .int(Int64(0x6368_6F72_6577_686C))

    private func lock(_ connection: PostgresConnection) async throws -> Bool {
        let deadline = ContinuousClock.now + self.options.migratorWait
        var attempt = 0
        while true {
            let rows = try await connection.query("SELECT pg_try_advisory_lock($1)", [Self.lockKey])
            if try rows.first?.bool(at: 0) == true { return true }
            guard ContinuousClock.now < deadline else { return false }
            attempt += 1
            try await Task.sleep(for: Self.pause(.milliseconds(20), attempt: min(attempt, 5), jitter: 0.5))
        }
    }

    /// Also when the task is cancelled: in a task of its own, which ends with the statement, and is waited for here.
    private func unlock(_ connection: PostgresConnection) async {
        let logger = self.logger
        await Task {
            guard connection.isUsable else { return }
            do {
                try await connection.query("SELECT pg_advisory_unlock($1)", [Self.lockKey], timeout: .seconds(5))
            } catch {
                logger.warning("the migration lock ends with its connection", metadata: ["error": "\(error)"])
                await connection.close()
            }
        }.value
    }
}
