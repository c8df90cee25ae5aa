// The ledger's side of dispatching and reconciling: what should be in Redis.

public import JobModel
public import Postgres

extension Ledger {
    /// Takes up tickets that are due; see promote_due.sql. `finish` them once Redis has the jobs.
    public func takeDue(limit: Int) async throws -> [DueDispatch] {
        try await self.query(EmbeddedText.promoteDue, [.int(limit), .int(JobLimits.crashesMax)]).map { row in
            DueDispatch(
                ticket: Int64(try row.int("ticket")), job: try WaitingJob(row), runnable: try row.bool("runnable"))
        }
    }

    /// Takes tickets away.
    public func finish(tickets: [Int64]) async throws {
        _ = try await self.query(EmbeddedText.finishDispatch, [.bigints(tickets)])
    }

    /// How long until the next ticket is due; nil when there is none.
    public func nextDue() async throws -> Duration? {
        try await self.query(EmbeddedText.nextDue).first.map { .milliseconds(try $0.int("milliseconds")) }
    }

    /// A page of stragglers, by id: open jobs below the watermark. Redis may lack those that are available.
    public func stragglers(after id: JobID?, limit: Int) async throws -> [(job: WaitingJob, isAvailable: Bool)] {
        try await self.query(
            EmbeddedText.stragglers, [.text(id?.description), .int(limit), .int(JobLimits.crashesMax)]
        )
        .map { (try WaitingJob($0), try $0.bool("available")) }
    }

    /// A page of available jobs above the watermark that Redis may lack, in the order of seq.
    public func availableJobs(after seq: Int64, limit: Int) async throws -> [WaitingJob] {
        try await self.query(EmbeddedText.availableJobs, [.int(Int(seq)), .int(limit), .int(JobLimits.crashesMax)])
            .map { try WaitingJob($0) }
    }

    /// Mends what should not happen: gives tickets to jobs that wait without one, takes running jobs of ended sessions
    /// back (a crash each, by the same rule as any other). - Returns: How many; 0 when healthy.
    public func repair() async throws -> Int {
        let given = try await self.query(EmbeddedText.giveTickets).first?.int("given") ?? 0
        var taken = 0
        for row in try await self.query(EmbeddedText.noteOrphans) {
            guard let session = SessionID(try row.string("session_id")) else { continue }
            taken += try await self.takeBackClaims(of: session, crashed: true).count
        }
        return given + taken
    }

    /// How many open jobs the watermark may pass in one step.
    private static let stragglersPerPass = 1000

    /// Lets the reconciler skip what is settled for good; see advance_watermark.sql.
    public func advanceWatermark() async throws {
        _ = try await self.query(EmbeddedText.advanceWatermark, [.int(Self.stragglersPerPass)])
        _ = try await self.query(EmbeddedText.forgetStragglers)
    }

    /// Counts a new life of Redis. - Returns: Its generation; it only grows.
    public func mintRedisGeneration() async throws -> Int64 {
        let rows = try await self.query(
            "UPDATE reconciliation SET redis_generation = redis_generation + 1 RETURNING redis_generation")
        guard let row = rows.first else { throw JobQueueError(.corrupt, "the reconciliation row is missing") }
        return Int64(try row.int(at: 0))
    }

    /// Brings the parked jobs of a family forward: what they waited for is ready. Joins the transaction, if given.
    public func unpark(family: FamilyID, on connection: PostgresConnection? = nil) async throws {
        _ = try await self.query(
            "UPDATE job_dispatches SET due_at = clock_timestamp() WHERE parked_family_id = $1::uuid",
            [.text(family.description)], on: connection)
        _ = try await self.query("SELECT pg_notify('chorewheel_dispatch', '')", on: connection)
    }

    /// The time by PostgreSQL's clock, which is the one that jobs are due by: milliseconds since 1970.
    public func now() async throws -> Int64 {
        let rows = try await self.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now")
        return Int64(try rows.first?.int("now") ?? 0)
    }

    /// All queues that ever were registered, and which of them are paused.
    public func queueSwitches() async throws -> [QueueSwitch] {
        try await self.query("SELECT name, paused_at IS NOT NULL AS paused, version FROM queues ORDER BY name")
            .map { try QueueSwitch($0) }
    }
}

extension QueueSwitch {
    init(_ row: PostgresRow) throws {
        self.init(
            queue: try QueueName(validating: try row.string("name")), isPaused: try row.bool("paused"),
            version: try row.int("version"))
    }
}

extension WaitingJob {
    init(_ row: PostgresRow) throws {
        guard let id = JobID(try row.string("id")), let priority = JobPriority(rawValue: try row.int("priority")) else {
            throw JobQueueError(.corrupt, "a job's id or priority is not readable")
        }
        self.init(
            id: id, queue: try QueueName(validating: try row.string("queue")),
            family: try row.optionalString("family_id").flatMap { FamilyID($0) }, priority: priority,
            seq: Int64(try row.int("seq")), isQuarantined: try row.bool("quarantined"))
    }
}
