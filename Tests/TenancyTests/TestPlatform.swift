// A platform database of a test's own on the shared server, migrated, and attempts of jobs on it without a runtime.

import JobModel
import JobQueue
import Logging
import Postgres
import Synchronization
import TestSupport
import WorkerKit

@testable import Tenancy

/// The repository's folder of migrations.
func migrationsDirectory(_ name: String) -> String { "\(MigrationsInSource.directory)/\(name)" }

let quietLogger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// Short waits: what a test makes wait, waits for ever otherwise.
let hastyOptions = Migrator.Options(
    lockTimeout: .milliseconds(50), attempts: 2, backoff: .milliseconds(1), migratorWait: .milliseconds(50))

func randomName(_ prefix: String) -> String {
    prefix + String(UInt64.random(in: .min ... .max), radix: 36)
}

/// Lends a new database; drops it afterwards.
func withDatabase<Value: Sendable>(
    _ contents: TestDatabase.Contents = .nothing, _ body: (PostgresDatabase) async throws -> Value
) async throws -> Value {
    try await TestDatabase.with(contents, prefix: "test_") { database in
        let pool = PostgresPool(limits: .init(acquireTimeout: .seconds(60)), logger: quietLogger)
        do {
            let configuration = try PostgresConfiguration(url: database.url)
            let value = try await body(PostgresDatabase(pool: pool, configuration: configuration))
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }
}

/// A migrated platform with its own server as the fleet.
struct TestPlatform: Sendable {
    let tenancy: Tenancy
    var database: PostgresDatabase { self.tenancy.platform }

    /// Lends a platform; afterwards the databases and roles of its families are dropped.
    static func with<Value: Sendable>(
        familyMigrations: MigrationSet? = nil, _ body: (TestPlatform) async throws -> Value
    ) async throws -> Value {
        try await withDatabase(.platform) { database in
            let tenancy = Tenancy(
                platform: database, secrets: try SecretBox(keys: SecretBox.makeKey(id: "test")),
                migrations: try familyMigrations ?? MigrationSet(directory: migrationsDirectory("family")))
            try await tenancy.bootstrap()
            let platform = TestPlatform(tenancy: tenancy)
            let result: Result<Value, any Error>
            do {
                result = .success(try await body(platform))
            } catch {
                result = .failure(error)
            }
            try await platform.dropFamilies()
            return try result.get()
        }
    }

    /// A new family with a name of its own on the server, which all tests share.
    func signUp() async throws -> (family: Family, job: JobID) {
        let slug = try Slug(validating: randomName("t"))
        let signedUp = try await self.tenancy.families.signUp(
            SignUp(slug: slug, name: "The Tests", ownerEmail: "\(slug)@example.com", ownerFirstName: "Ada"))
        return (try await self.family(signedUp.family), signedUp.provisionJob)
    }

    func family(_ id: FamilyID) async throws -> Family {
        guard let family = try await self.tenancy.families.family(id) else {
            throw TenancyError(.notFound, "no family \(id)")
        }
        return family
    }

    /// One number from the platform.
    func count(_ sql: String, _ values: [PostgresValue] = []) async throws -> Int {
        try await self.database.query(sql, values).first?.int(at: 0) ?? -1
    }

    /// How many databases and roles the server has for a family.
    func serverObjects(of family: Family) async throws -> (databases: Int, roles: Int) {
        let names = try FamilyDatabaseName(slug: Slug(validating: family.slug))
        return (
            try await self.count("SELECT count(*) FROM pg_database WHERE datname = $1", [.text(names.database)]),
            try await self.count("SELECT count(*) FROM pg_roles WHERE rolname LIKE $1", [.text("%\(family.slug)%")])
        )
    }

    private func dropFamilies() async throws {
        for row in try await self.database.query("SELECT slug FROM families") {
            let names = try FamilyDatabaseName(slug: Slug(validating: try row.string("slug")))
            let database = try quoteIdentifier(names.database)
            let role = try quoteIdentifier(names.role)
            try await self.database.withConnection { connection in
                try await connection.execute(script: "DROP DATABASE IF EXISTS \(database) WITH (FORCE)")
                try await connection.execute(script: "DROP ROLE IF EXISTS \(role)")
            }
        }
    }

    /// Runs one attempt of a job by its registered handler, from payload to result, as the runtime would.
    func run<Job: JobDeclaration, Output: Decodable>(
        _ job: Job, as type: Output.Type, with plugin: some WorkerPlugin, target: JobTarget = .platform, id: JobID,
        attempt: TestAttempt
    ) async throws -> Output {
        let registry = HandlerRegistry(plugins: [plugin])
        guard let handler = registry.handlers[Job.kind] else { throw TenancyError(.notFound, "no handler") }
        let database =
            if let family = target.family {
                try await self.tenancy.databases.database(
                    of: family, minimumSchemaVersion: handler.requiredSchemaVersion)
            } else {
                self.database
            }
        let context = JobContext(
            job: JobInfo(
                id: id, kind: Job.kind, queue: Job.queue, target: target, attempt: 1, failures: 0, crashes: 0,
                epoch: attempt.nextEpoch(), maxAttempts: 3, idempotencyKey: nil),
            logger: quietLogger, deadline: .now + .seconds(60), database: database, platform: self.database,
            support: attempt.on(self.database))
        return try JSONText.decode(type, from: try await handler.run(try JSONText.encode(job), context))
    }
}

/// What the ledger would keep of one job, and where its attempt is broken off.
final class TestAttempt: Sendable {
    private struct State {
        var epoch: Int64 = 0
        var steps: [String: [UInt8]] = [:]
        var stages: [Int] = []
        var breakOffAtStage: Int?
        var breakOffBeforeStepIsKept = false
        var breakOffBeforeCommit = false
    }

    struct BrokenOff: Error {}

    private let state = Mutex(State())

    func nextEpoch() -> Int64 {
        self.state.withLock { state in
            state.epoch += 1
            return state.epoch
        }
    }

    /// The next attempt's task is cancelled when it reports this stage.
    func breakOff(atStage stage: Int?) { self.state.withLock { $0.breakOffAtStage = stage } }
    /// The next attempt fails once, between a step and its record.
    func breakOffBeforeStepIsKept() { self.state.withLock { $0.breakOffBeforeStepIsKept = true } }
    /// The next attempt fails once, in its effect's transaction.
    func breakOffBeforeCommit() { self.state.withLock { $0.breakOffBeforeCommit = true } }
    /// The stages reported so far.
    var stages: [Int] { self.state.withLock { $0.stages } }
    /// All that was kept of steps, as text.
    var keptSteps: String {
        self.state.withLock { $0.steps.values.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n") }
    }

    func on(_ platform: PostgresDatabase) -> any AttemptSupport { Support(attempt: self, platform: platform) }

    private struct Support: AttemptSupport {
        let attempt: TestAttempt
        let platform: PostgresDatabase

        func effect(
            on place: EffectPlace,
            _ body: @escaping @Sendable (PostgresConnection, (any TransactionEnqueuer)?) async throws -> [UInt8]
        ) async throws -> [UInt8] {
            try await self.platform.transaction { connection in
                let value = try await body(connection, nil)
                let breaksOff = self.attempt.state.withLock { state in
                    defer { state.breakOffBeforeCommit = false }
                    return state.breakOffBeforeCommit
                }
                if breaksOff { throw BrokenOff() }
                return value
            }
        }

        func completedStep(_ name: String) async throws -> [UInt8]? {
            self.attempt.state.withLock { $0.steps[name] }
        }

        func completeStep(_ name: String, result: [UInt8]) async throws {
            let breaksOff = self.attempt.state.withLock { state in
                defer { state.breakOffBeforeStepIsKept = false }
                return state.breakOffBeforeStepIsKept
            }
            if breaksOff { throw BrokenOff() }
            self.attempt.state.withLock { $0.steps[name] = result }
        }

        func report(_ progress: JobProgress) {
            let breaksOff = self.attempt.state.withLock { state in
                state.stages.append(progress.done)
                return state.breakOffAtStage == progress.done
            }
            if breaksOff { withUnsafeCurrentTask { $0?.cancel() } }
        }
    }
}
