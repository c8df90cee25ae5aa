// Sessions: who is alive by PostgreSQL's clock, and what becomes of the jobs of those who are not.

public import JobModel
internal import Postgres

extension Ledger {
    /// Registers a session. - Returns: Its number, the epoch of its fast attempts.
    public func register(_ session: SessionRegistration) async throws -> Int64 {
        let rows = try await self.query(
            EmbeddedText.registerSession,
            [
                .text(session.id.description), .text(session.host), .int(session.pid), .text(session.version),
                .array(session.queues.map(\.rawValue)), .array(session.kinds.map(\.rawValue)),
                .int(session.concurrency), .text(session.worker.description),
            ])
        guard let row = rows.first else { throw JobQueueError(.corrupt, "registering a session returned no number") }
        return Int64(try row.int("number"))
    }

    /// A heartbeat. - Returns: The session's jobs that a person gave up; nil when the session has been ended: what it
    /// ran belongs to others now.
    /// - Parameter isQuiet: Whether it claims nothing any more; for people who look.
    public func beat(
        _ session: SessionID, isQuiet: Bool = false, timeout: Duration = .seconds(5)
    ) async throws -> [JobID]? {
        let rows = try await self.query(
            EmbeddedText.beatSession, [.text(session.description), .bool(isQuiet)], timeout: timeout)
        return try rows.first.map { try $0.stringArray("cancelled").compactMap { JobID($0) } }
    }

    /// Sessions that have not beaten for longer than the lease, and for how long.
    public func expiredSessions(lease: Duration) async throws -> [(id: SessionID, silentFor: Duration)] {
        try await self.query(EmbeddedText.expiredSessions, [.int(lease.wholeMilliseconds)]).compactMap { row in
            guard let id = SessionID(try row.string("id")) else { return nil }
            return (id, .milliseconds(try row.int("silent_ms")))
        }
    }

    /// Those of the sessions that have ended, or that the ledger does not know: it hears of each before Redis does.
    public func endedSessions(of sessions: [SessionID]) async throws -> [SessionID] {
        guard !sessions.isEmpty else { return [] }
        return try await self.query(
            "SELECT s.id FROM unnest($1::uuid[]) AS s (id) LEFT JOIN worker_sessions w ON w.id = s.id "
                + "WHERE w.id IS NULL OR w.ended_at IS NOT NULL",
            [.array(sessions.map(\.description))]
        ).compactMap { SessionID(try $0.string("id")) }
    }

    /// The sessions that ended a short while ago, the newest first; no more than a thousand.
    public func endedSessions(within time: Duration) async throws -> [SessionID] {
        try await self.query(
            "SELECT id FROM worker_sessions WHERE ended_at > clock_timestamp() - make_interval(secs => $1::float8) "
                + "ORDER BY ended_at DESC LIMIT 1000",
            [.double(time / .seconds(1))]
        ).compactMap { SessionID(try $0.string("id")) }
    }

    /// Ends a session and takes its running jobs back; a job that was aboard too often is dead. When the session
    /// stopped in order, what it still held is given back at no cost.
    ///
    /// Safe to call twice, or by two: the first does it. One transaction.
    /// - Parameter lease: Only if the session has not beaten for this long; nil: in any case.
    /// - Returns: nil when the session lives on: it beat again in the meantime.
    public func reap(
        _ session: SessionID, because end: SessionEnd, lease: Duration? = nil
    ) async throws -> [ReapedJob]? {
        do {
            return try await self.database.transaction { connection in
                let ended = try await connection.query(
                    EmbeddedText.endSession,
                    [.text(session.description), .text(end.rawValue), .int(lease?.wholeMilliseconds ?? 0)])
                guard !ended.isEmpty else {
                    let alive = try await connection.query(
                        "SELECT 1 FROM worker_sessions WHERE id = $1::uuid AND ended_at IS NULL",
                        [.text(session.description)])
                    return alive.isEmpty ? [] : nil
                }
                return try await self.takeBackClaims(of: session, crashed: end != .stopped, on: connection)
            }
        } catch let error as PostgresError {
            throw JobQueueError(ledger: error)
        }
    }

    /// Takes back what a session that has ended held. - Parameter crashed: Counts as a crash of each job.
    func takeBackClaims(
        of session: SessionID, crashed: Bool, on connection: PostgresConnection? = nil
    ) async throws -> [ReapedJob] {
        try await self.query(
            EmbeddedText.reapClaims, [.text(session.description), .int(JobLimits.crashesMax), .bool(crashed)],
            on: connection
        ).compactMap { row in
            guard let id = JobID(try row.string("id")) else { return nil }
            return ReapedJob(
                id: id, kind: try JobKind(validating: try row.string("kind")),
                isPoison: try row.string("state") == JobState.dead.rawValue)
        }
    }

    /// The sessions of a worker process that have not ended.
    public func openSessions(of worker: WorkerID) async throws -> [SessionID] {
        try await self.query(
            "SELECT id FROM worker_sessions WHERE worker_id = $1::uuid AND ended_at IS NULL",
            [.text(worker.description)]
        ).compactMap { SessionID(try $0.string("id")) }
    }

    /// What the ledger holds for running under a session: a session whose begin or settle lost its reply finds here
    /// what it does not know of.
    public func running(of session: SessionID) async throws -> [(id: JobID, epoch: Int64, runningFor: Duration)] {
        try await self.query(EmbeddedText.runningJobs, [.text(session.description)]).compactMap { row in
            guard let id = JobID(try row.string("id")) else { return nil }
            return (id, Int64(try row.int("epoch")), .milliseconds(try row.int("running_ms")))
        }
    }

    /// Tells the doors what this worker can do.
    public func register(kinds: [KindRegistration]) async throws {
        for kind in kinds.sorted(by: { $0.kind < $1.kind }) {
            _ = try await self.query(
                EmbeddedText.registerKind,
                [
                    .text(kind.kind), .text(kind.queue), .text(kind.durability.rawValue), .text(kind.target.rawValue),
                    .int(kind.maxAttempts), .text(kind.payloadSchema),
                ])
        }
    }

    /// Makes queues known.
    public func register(queues: [QueueName]) async throws {
        _ = try await self.query(
            "INSERT INTO queues (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
            [.array(queues.map(\.rawValue))])
    }

    /// What is known of a kind; nil when no worker ever registered it.
    public func kind(_ kind: JobKind) async throws -> KindRegistration? {
        let rows = try await self.query(
            "SELECT kind, queue, durability, target, max_attempts, payload_schema::text AS payload_schema "
                + "FROM job_kinds WHERE kind = $1", [.text(kind.rawValue)])
        return try rows.first.map { row in
            guard let durability = Durability(rawValue: try row.string("durability")),
                let target = TargetRule(rawValue: try row.string("target"))
            else { throw JobQueueError(.corrupt, field: "job_kinds", "kind \(kind) has unknown words") }
            return KindRegistration(
                kind: try row.string("kind"), queue: try row.string("queue"), durability: durability, target: target,
                maxAttempts: try row.int("max_attempts"), payloadSchema: try row.optionalString("payload_schema"))
        }
    }
}
