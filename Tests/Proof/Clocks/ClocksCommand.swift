// `chorewheel-proof clocks`: workers whose clocks are an hour wrong, or jump, beside one whose clock is right. No lease
// ends early, nothing runs before it is due or an hour late, no epoch falls, and the doctor says whose clock is wrong.

internal import ArgumentParser
internal import JobModel
internal import JobQueue
internal import Postgres
internal import Processes
internal import QueueTestSupport
internal import TestSupport

struct ClocksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clocks", abstract: "Workers whose clocks are wrong, or jump, change no lease, schedule or epoch.")

    /// Twice as long as a lease is how long the long jobs sleep. (A shorter lease is lost on a machine that is busy
    /// with other things, with any clock.)
    private static let lease = 6
    private static let sleep = 13.0
    /// How late a job may run on a busy machine. An hour is far from it.
    private static let slack = 60.0

    func run() async throws {
        let servers = try await TestServers.shared()
        do {
            try await QueueFixture.with(servers: servers) { queue in try await Self.check(queue) }
        } catch {
            await servers.stop()
            throw error
        }
        await servers.stop()
    }

    private static func check(_ queue: QueueFixture) async throws {
        let programs = try await ClockedPrograms(queue)
        let clocks = WorkerClock.allCases
        var children: [ChildProcess] = []
        for (number, clock) in clocks.enumerated() {
            children.append(
                try programs.spawn(
                    clock, ["work", "--diagnostics", "--concurrency", "4", "--lease", "\(Self.lease)"],
                    log: programs.log("worker-\(number)")))
        }
        do {
            try await Self.drill(queue, programs, workers: clocks.count)
        } catch {
            for number in clocks.indices {
                print("  the end of worker \(number)'s log, whose clock is \(clocks[number].words):")
                print(FileSystem.lastLines(8, of: programs.log("worker-\(number)")))
            }
            for child in children { await child.stop(grace: .seconds(1)) }
            throw error
        }
        for child in children { child.requestStop(grace: .seconds(20)) }
        for child in children { _ = await child.wait() }
        let words = clocks.map(\.words).joined(separator: "; ")
        print("clocks: \(clocks.count) workers, whose clocks are \(words): all holds")
    }

    private static func drill(_ queue: QueueFixture, _ programs: ClockedPrograms, workers: Int) async throws {
        try await eventually("\(workers) workers are there", within: .seconds(60)) {
            try await queue.ledger.sessions().filter { $0.endReason == nil }.count == workers
        }
        let sessions = Set(try await queue.ledger.sessions().map(\.id))

        // Ids minted by an hour's difference: the queue's order is seq's, not theirs.
        for (name, clock, offset) in [("ahead", WorkerClock.hourAhead, 3600), ("behind", .hourBehind, -3600)] {
            let status = try await programs.spawn(
                clock,
                [
                    "enqueue", "diagnostic.effect", "--idempotency-key", name, "--id",
                    JobID.minted(secondsFromNow: offset).description,
                ], log: programs.log("enqueue-\(name)")
            ).wait()
            guard status.isSuccess else {
                throw ProofFailure(
                    "enqueue with a clock that is \(clock.words) \(status): "
                        + FileSystem.lastLines(5, of: programs.log("enqueue-\(name)")))
            }
        }
        // Long ones: each outlives its worker's lease twice, and the jumps.
        let long = try await Self.enqueue(queue, "diagnostic.sleep", #"{"seconds": \#(Self.sleep)}"#, count: 10)
        let retried = try await Self.enqueue(queue, "diagnostic.fail", #"{"times": 3}"#, count: 40)
        let delayed = try await Self.enqueue(queue, "diagnostic.effect", "{}", count: 20, delay: .seconds(4))
        let fast = try await Self.enqueue(
            queue, "diagnostic.effect", "{}", count: 20, delay: .seconds(4), durability: .fast)
        let scheduled = try await ClockedAPI(programs: programs).enqueue(dueIn: 8)
        var enqueued = 0
        var active: Set<String> = []
        for error: Int64 in [3600, -3600, 86_400, 0, -7200, 3600] {
            enqueued += try await Self.enqueue(queue, "diagnostic.effect", "{}", count: 20).count
            try programs.jump(to: error)
            try await Task.sleep(for: .milliseconds(1500))
            // A worker whose slots all hold long jobs leaves nothing else in the history.
            active.formUnion(
                try await queue.platform.query(
                    "SELECT DISTINCT session_id::text FROM jobs WHERE session_id IS NOT NULL"
                ).map { try $0.string(at: 0) })
        }
        let all = 2 + long.count + retried.count + delayed.count + scheduled.jobs.count + enqueued
        try await eventually("all \(all) durable jobs are done", within: .seconds(60)) {
            try await queue.count("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == all
        }
        try await eventually("all \(fast.count) fast jobs are done", within: .seconds(30)) {
            try await queue.count("SELECT count(*) FROM job_inbox") == fast.count
        }

        try await Self.judge(queue, sessions: sessions, active: active, long: long, delayed: delayed, retried: retried)
        let early = try await queue.count(
            "SELECT count(*) FROM jobs WHERE id = ANY ($1::uuid[]) AND NOT started_at BETWEEN $2::timestamptz "
                + "AND $2::timestamptz + make_interval(secs => \(Self.slack))",
            [.array(scheduled.jobs.map(\.description)), .text(scheduled.due)])
        guard early == 0 else { throw ProofFailure("\(early) jobs that the API took ran before their due_at, or late") }
        print(
            "  jobs for a due_at, by an API whose clock is wrong, that ran early, or late: 0 of \(scheduled.jobs.count)"
        )
        try await Self.askDoctor(queue, programs)
    }

    private static func enqueue(
        _ queue: QueueFixture, _ kind: JobKind, _ payload: String, count: Int, delay: Duration? = nil,
        durability: Durability = .durable
    ) async throws -> [JobID] {
        var ids: [JobID] = []
        for _ in 0..<count {
            var options = EnqueueOptions(queue: "diagnostics")
            options.delay = delay
            let request = try JobRequest(
                kind: kind, target: .platform, payload: Array(payload.utf8), options: options)
            ids.append(try await queue.client.enqueue(request, durability: durability).id)
        }
        return ids
    }

    /// What has to be true afterwards, from the ledger's own columns: all times there are PostgreSQL's.
    private static func judge(
        _ queue: QueueFixture, sessions: Set<String>, active: Set<String>, long: [JobID], delayed: [JobID],
        retried: [JobID]
    ) async throws {
        func expect(_ count: Int, _ what: String, _ sql: String, _ values: [PostgresValue] = []) async throws {
            let found = try await queue.count(sql, values)
            guard found == count else { throw ProofFailure("\(what): \(found), and it should be \(count)") }
            print("  \(what): \(found)")
        }
        func ids(_ jobs: [JobID]) -> PostgresValue { .array(jobs.map(\.description)) }
        try await expect(0, "sessions that ended", "SELECT count(*) FROM worker_sessions WHERE ended_at IS NOT NULL")
        let now = Set(try await queue.ledger.sessions().map(\.id))
        guard now == sessions else { throw ProofFailure("a worker lost its session and began another") }
        try await expect(0, "jobs with a crash", "SELECT count(*) FROM jobs WHERE crashes > 0")
        try await expect(
            0, "attempts that crashed or were given back",
            "SELECT count(*) FROM job_attempts WHERE outcome IN ('crashed', 'given_back')")
        try await expect(
            0, "epochs that are not the number of attempts", "SELECT count(*) FROM jobs WHERE epoch <> attempt")
        try await expect(
            0, "epochs that fell",
            "SELECT count(*) FROM job_attempts a JOIN job_attempts b USING (job_id) "
                + "WHERE a.epoch < b.epoch AND a.ended_at > b.ended_at")
        try await expect(
            0, "long jobs that did not run once and whole",
            "SELECT count(*) FROM jobs WHERE id = ANY ($1::uuid[]) AND NOT (attempt = 1 "
                + "AND settled_at - started_at BETWEEN make_interval(secs => \(Self.sleep - 0.1)) "
                + "AND make_interval(secs => \(Self.sleep + Self.slack)))", [ids(long)])
        try await expect(
            0, "delayed jobs that ran early, or late",
            "SELECT count(*) FROM jobs WHERE id = ANY ($1::uuid[]) AND NOT started_at - enqueued_at "
                + "BETWEEN interval '3.99 seconds' AND make_interval(secs => \(4 + Self.slack))", [ids(delayed)])
        // The kind's backoff: 200 ms, doubled at each failure, half of it random.
        try await expect(
            0, "retries that came early, or late",
            """
            WITH runs AS (
                SELECT job_id, attempt, started_at, ended_at FROM job_attempts WHERE job_id = ANY ($1::uuid[])
                UNION ALL SELECT id, attempt, started_at, settled_at FROM jobs WHERE id = ANY ($1::uuid[])
            )
            SELECT count(*) FROM runs a JOIN runs b ON b.job_id = a.job_id AND b.attempt = a.attempt + 1
            WHERE NOT b.started_at - a.ended_at BETWEEN make_interval(secs => 0.099 * 2 ^ (a.attempt - 1))
                AND make_interval(secs => 0.2 * 2 ^ (a.attempt - 1) + \(Self.slack))
            """, [ids(retried)])
        try await expect(
            sessions.count, "workers that had a part in it",
            "SELECT count(*) FROM (SELECT session_id::text FROM job_attempts WHERE session_id IS NOT NULL "
                + "UNION SELECT unnest($1::text[])) sessions", [.array(Array(active))])
        try await expect(
            1, "orders of seq that are not the orders of ids minted by wrong clocks",
            "SELECT count(*) FROM jobs a JOIN jobs b ON a.idempotency_key = 'ahead' AND b.idempotency_key = 'behind' "
                + "WHERE a.seq < b.seq AND a.id > b.id AND a.state = 'succeeded' AND b.state = 'succeeded'")
        let fenced = try await queue.index.counters().filter { $0.name == "attempts_fenced_total" }
        guard fenced.allSatisfy({ $0.value == 0 }) else { throw ProofFailure("attempts were fenced: \(fenced)") }
        print("  attempts that were fenced: 0")
    }

    /// The doctor on a machine whose clock is wrong says so; on one whose clock is right it does not.
    private static func askDoctor(_ queue: QueueFixture, _ programs: ClockedPrograms) async throws {
        for (clock, isWrong) in [(WorkerClock.hourAhead, true), (.hourBehind, true), (.right, false)] {
            let log = programs.log("doctor-\(clock)")
            _ = try await programs.spawn(clock, ["doctor"], log: log).wait()
            let lines = (try FileSystem.text(of: log) ?? "").split(separator: "\n").map(String.init)
            let said = lines.filter { $0.contains("clock is ") }
            guard said.count == 2, said.allSatisfy({ $0.hasPrefix("warn") == isWrong }) else {
                throw ProofFailure(
                    "the doctor whose clock is \(clock.words) said: \(said), of \(lines.count) lines")
            }
            print("  the doctor whose clock is \(clock.words): \(said[0].trimmingPrefix { $0 != " " })")
        }
    }
}

extension JobID {
    /// An id as a machine mints it whose clock is wrong: its first 48 bits are milliseconds.
    fileprivate static func minted(secondsFromNow offset: Int) -> JobID {
        let bytes = JobID.mint().uuid.bytes
        let time = bytes[..<6].reduce(0) { $0 << 8 | UInt64($1) }
        let wrong = UInt64(Int64(time) + Int64(offset) * 1000)
        let first = (0..<6).map { UInt8(truncatingIfNeeded: wrong >> (40 - 8 * UInt64($0))) }
        return JobID(bytes: first + bytes[6...]) ?? .mint()
    }
}
