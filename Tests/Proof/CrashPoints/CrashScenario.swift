// One handler, or one moment of a worker's life, to be crashed: what is enqueued, and what must have come of it. The
// lists are in the extensions.

internal import JobModel
internal import JobQueue
internal import Postgres
internal import QueueTestSupport

struct CrashScenario: Sendable {
    /// The kind, or what stands for one: `worker.start`.
    let kind: String
    /// Which of its ways: `on a family`.
    var variant = ""
    /// Does what comes before, calls the closure, and enqueues: requests count from the closure on.
    let begin: @Sendable (CrashStack, _ arm: () -> Void) async throws -> CrashSubject

    var name: String { self.variant.isEmpty ? self.kind : "\(self.kind) \(self.variant)" }

    static let all: [CrashScenario] = Self.diagnostics + Self.lives + Self.families + Self.billing
}

/// What was enqueued, and what to expect of it.
struct CrashSubject: Sendable {
    /// Acknowledged durable jobs, and the state each must come to.
    var durable: [JobID: JobState] = [:]
    /// Acknowledged fast jobs: they must be gone from Redis.
    var fast: [JobID] = []
    /// What the jobs did wrong, seen from where they did it. Asked once, when all of them are done.
    var check: @Sendable (CrashStack) async throws -> [Violation] = { _ in [] }
    /// Afterwards.
    var cleanUp: @Sendable (CrashStack) async throws -> Void = { _ in }
}

extension CrashStack {
    /// Enqueues a diagnostic job past the proxy; returns when that is acknowledged.
    func enqueue(_ kind: JobKind, _ payload: String = "{}", family: FamilyID? = nil) async throws -> JobID {
        let request = try JobRequest(
            kind: kind, target: JobTarget(family: family), payload: Array(payload.utf8))
        return try await self.queue.client.enqueueChecked(request).id
    }

    /// How many rows the job left in `diagnostic_effects`.
    func effects(of job: JobID, in database: PostgresDatabase) async throws -> Int {
        try await database.query(
            "SELECT count(*) FROM diagnostic_effects WHERE job_id = $1::uuid", [.text(job.description)])[0].int(at: 0)
    }

    /// One number, or a violation when it is not as expected.
    func expect(
        _ expected: ClosedRange<Int>, _ what: String, _ invariant: String, _ sql: String,
        _ values: [PostgresValue], in database: PostgresDatabase? = nil
    ) async throws -> [Violation] {
        let found = try await (database ?? self.queue.platform).query(sql, values)[0].int(at: 0)
        guard !expected.contains(found) else { return [] }
        let wanted = expected.count == 1 ? "\(expected.lowerBound)" : "\(expected)"
        return [Violation(invariant: invariant, what: "\(what): \(found), not \(wanted)")]
    }
}
