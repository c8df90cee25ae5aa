// What must be true of a queue, read by statements and commands of its own: none of the product's code decides here.
// The invariants' names are those of docs/reliability.md. What a job *did* (I1, I2, I3) only its enqueuer can judge:
// that is the business of each check.
//
// 1. The oracle changes nothing, in neither store.
// 2. What `always` asks is true at every moment, whatever is under way or dead; each question is one snapshot.
// 3. What `atRest` asks is true when nobody enqueues and nothing runs. Redis and the ledger are read one after the
//    other: while something is under way the answer means nothing.

internal import Postgres
internal import Redis

/// An invariant that does not hold.
struct Violation: Sendable, Hashable, CustomStringConvertible {
    /// `I6`.
    let invariant: String
    let what: String

    var description: String { "\(self.invariant): \(self.what)" }
}

/// One queue's oracle.
struct QueueOracle: Sendable {
    let platform: PostgresDatabase
    let redis: RedisClient
    /// The first part of every key in Redis.
    let namespace: String

    /// What does not hold, of what must hold at every moment: fences, counts, reasons, places in the ledger.
    ///
    /// - Parameter handRetries: Whether a person retried jobs: then their counts began anew.
    func always(handRetries: Bool = false) async throws -> [Violation] {
        var found: [Violation] = []
        for question in LedgerQuestion.always where !(handRetries && question.assumesNoHandRetry) {
            found += try await self.ask(question)
        }
        return found
    }

    /// What does not hold, of what must hold at rest: each job in one place, the stores agreed, no orphan.
    func atRest() async throws -> [Violation] {
        let places = try await RedisPlaces.read(self.redis, namespace: self.namespace)
        var found = places.violations
        for question in LedgerQuestion.atRest { found += try await self.ask(question) }
        return try await found + self.disagreements(places)
    }

    /// Jobs that are in no terminal state: in the ledger, or as fast jobs in Redis.
    func openJobs() async throws -> Int {
        let places = try await RedisPlaces.read(self.redis, namespace: self.namespace)
        let rows = try await self.platform.query(
            "SELECT count(*) FROM jobs WHERE state NOT IN ('succeeded', 'dead', 'cancelled')")
        return try rows[0].int(at: 0) + places.fastOpen.count
    }

    private func ask(_ question: LedgerQuestion) async throws -> [Violation] {
        try await self.platform.query(question.sql).map { row in
            Violation(invariant: question.invariant, what: try row.string(at: 0))
        }
    }

    /// I10: the stores say the same.
    private func disagreements(_ places: RedisPlaces) async throws -> [Violation] {
        var found: [Violation] = []
        func report(_ what: String) { found.append(Violation(invariant: "I10", what: what)) }
        // Jobs that the ledger says Redis has.
        let waiting = try await self.texts(
            """
            SELECT id::text FROM jobs j WHERE state = 'available'
            AND NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = j.id)
            """)
        for id in waiting where places.durable[id] == nil {
            report("job \(id) is available, has no ticket, and is nowhere in Redis")
        }
        // Jobs that Redis says wait, or run.
        let states = try await self.states(of: places.durable.keys.sorted())
        for (id, place) in places.durable {
            let state = states[id] ?? "missing"
            switch place {
            case .waiting where state != "available": report("job \(id) waits in Redis; in the ledger it is \(state)")
            case .running(let session) where state != "running \(session)":
                report("session \(session) holds job \(id) in Redis; in the ledger it is \(state)")
            case .waiting, .running: break
            }
        }
        let live = Set(try await self.texts("SELECT id::text FROM worker_sessions WHERE ended_at IS NULL"))
        for session in places.sessions.subtracting(live) { report("Redis knows session \(session), which ended") }
        for session in live.subtracting(places.sessions) { report("Redis does not know session \(session)") }
        for session in places.holders.subtracting(live) { report("session \(session) ended, and still holds jobs") }
        let paused = Set(try await self.texts("SELECT name FROM queues WHERE paused_at IS NOT NULL"))
        for (queue, state) in places.queueStates where (state == "paused") != paused.contains(queue) {
            report(
                "queue \(queue) is \(state) in Redis, but \(paused.contains(queue) ? "" : "not ")paused in the ledger")
        }
        return found
    }

    private func texts(_ sql: String) async throws -> [String] {
        try await self.platform.query(sql).map { try $0.string(at: 0) }
    }

    /// Each job's state; a running one's with its session.
    private func states(of ids: [String]) async throws -> [String: String] {
        let rows = try await self.platform.query(
            "SELECT id::text, state || COALESCE(' ' || session_id::text, '') FROM jobs WHERE id = ANY ($1::uuid[])",
            [.array(ids)])
        return Dictionary(try rows.map { (try $0.string(at: 0), try $0.string(at: 1)) }) { first, _ in first }
    }
}
