// The ledger on a real PostgreSQL: enqueue, begin, settle, fences, tickets, sessions.

import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import TestSupport
import Testing

struct Ping: PlatformJob {
    static let kind: JobKind = "test.ping"
    var text: String
}

struct FamilyPing: FamilyJob {
    static let kind: JobKind = "test.family_ping"
    var text: String
}

extension QueueFixture {
    /// Registers a session and returns its id.
    func session() async throws -> SessionID {
        let id = SessionID.mint()
        _ = try await self.ledger.register(
            SessionRegistration(
                id: id, host: "here", pid: 1, version: "test", queues: [.default], kinds: [Ping.kind], concurrency: 1))
        return id
    }

    func life(_ id: JobID) async throws -> JobLife {
        let record = try #require(try await self.ledger.job(id))
        return JobLife(
            state: try #require(JobState(rawValue: record.state)), attempt: record.attempt, failures: record.failures,
            crashes: record.crashes, epoch: Int64(record.epoch))
    }
}

@Suite("The ledger")
struct LedgerTests {
    @Test("a job enqueued in a transaction that rolls back never was")
    func enqueueJoinsTheTransaction() async throws {
        struct Undo: Error {}
        try await QueueFixture.with { queue in
            let id = JobID.mint()
            await #expect(throws: Undo.self) {
                try await queue.platform.transaction { connection in
                    try await queue.client.enqueue(Ping(text: "a"), options: .init(id: id), on: connection)
                    throw Undo()
                }
            }
            let job = try await queue.ledger.job(id)
            #expect(job == nil)
            #expect(try await queue.count("SELECT count(*) FROM job_dispatches") == 0)
        }
    }

    @Test("one key and one payload is one job, another payload is a conflict, another scope another job")
    func idempotencyKeys() async throws {
        try await QueueFixture.with { queue in
            let options = EnqueueOptions(idempotencyKey: "k1")
            let first = try await queue.client.enqueue(Ping(text: "a"), options: options)
            let again = try await queue.client.enqueue(Ping(text: "a"), options: options)
            #expect(again == EnqueuedJob(id: first.id, replayed: true))
            let error = await #expect(throws: JobQueueError.self) {
                try await queue.client.enqueue(Ping(text: "b"), options: options)
            }
            #expect(error?.code == .conflict)
            #expect(error?.field == "idempotency_key")
            #expect(error?.existing == first.id)
            let family = try await queue.client.enqueue(
                FamilyPing(text: "a"), for: FamilyID.mint(), options: options)
            #expect(!family.replayed)
        }
    }

    @Test("64 callers with one key make one job")
    func idempotencyUnderConcurrency() async throws {
        try await QueueFixture.with { queue in
            let ids = try await withThrowingTaskGroup(of: EnqueuedJob.self) { group in
                for _ in 0..<64 {
                    group.addTask {
                        try await queue.client.enqueue(Ping(text: "same"), options: .init(idempotencyKey: "one"))
                    }
                }
                return try await group.reduce(into: [EnqueuedJob]()) { $0.append($1) }
            }
            #expect(Set(ids.map(\.id)).count == 1)
            #expect(ids.count { !$0.replayed } == 1)
            #expect(try await queue.count("SELECT count(*) FROM jobs") == 1)
        }
    }

    @Test(
        "the SQL function names the field that breaks a rule",
        arguments: [
            ("SELECT enqueue('Bad Kind')", "kind"), ("SELECT enqueue('a', priority => 7)", "priority"),
            ("SELECT enqueue('a', queue => 'B')", "queue"),
            ("SELECT enqueue('a', idempotency_key => '')", "idempotency_key"),
            ("SELECT enqueue('a', max_attempts => 0)", "max_attempts"),
            ("SELECT enqueue('a', to_jsonb(repeat('x', 524288)))", "payload"),
        ])
    func rulesOfEnqueue(sql: String, field: String) async throws {
        try await QueueFixture.with { queue in
            let error = await #expect(throws: PostgresError.self) { try await queue.platform.query(sql) }
            #expect(error?.sqlState == "CW002")
            #expect(error?.hint == field)
            let jobs = try await queue.count("SELECT count(*) FROM jobs")
            #expect(jobs == 0)
        }
    }

    @Test("a payload of exactly 256 KiB passes, one byte more is refused")
    func payloadLimit() async throws {
        try await QueueFixture.with { queue in
            let fits = try await queue.client.enqueue(Ping(text: String(repeating: "x", count: 262_144 - 12)))
            #expect(!fits.replayed)
            let error = await #expect(throws: JobQueueError.self) {
                try await queue.client.enqueue(Ping(text: String(repeating: "x", count: 262_144 - 10)))
            }
            #expect(error?.field == "payload")
        }
    }

    @Test("a batch with one bad job names it and enqueues none")
    func batchIsAllOrNone() async throws {
        try await QueueFixture.with { queue in
            let key = EnqueueOptions(idempotencyKey: "taken")
            try await queue.client.enqueue(Ping(text: "first"), options: key)
            let good = try JobRequest(Ping(text: "good"))
            let bad = try JobRequest(Ping(text: "other"), options: key)
            let error = await #expect(throws: JobQueueError.self) {
                try await queue.ledger.enqueue([good, good, bad])
            }
            #expect(error?.field?.hasPrefix("jobs[2]") == true)
            #expect(try await queue.count("SELECT count(*) FROM jobs") == 1)
        }
    }

    @Test("an old epoch settles nothing")
    func settleIsFenced() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            let first = try await queue.session()
            let begun = try await queue.ledger.begin([id], session: first, number: 1)
            #expect(begun.map(\.epoch) == [1])
            #expect(try await queue.ledger.reap(first, because: .expired)?.map(\.id) == [id])
            let second = try await queue.session()
            #expect(try await queue.ledger.begin([id], session: second, number: 1).map(\.epoch) == [2])
            let stale = SettledAttempt(id: id, epoch: 1, settlement: .succeeded)
            #expect(try await queue.ledger.settle([stale], session: first).isEmpty)
            let life = try await queue.life(id)
            #expect(life == JobLife(state: .running, attempt: 1, failures: 0, crashes: 1, epoch: 2))
        }
    }

    @Test("an old epoch settles nothing, not in the same session either")
    func settleIsFencedWithinASession() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            let session = try await queue.session()
            _ = try await queue.ledger.begin([id], session: session, number: 1)
            // Given up, as a handler that hangs is; the session then begins it again, while the handler still runs.
            let givenBack = SettledAttempt(id: id, epoch: 1, settlement: .giveBack)
            #expect(try await queue.ledger.settle([givenBack], session: session) == [id])
            #expect(try await queue.ledger.begin([id], session: session, number: 2).map(\.epoch) == [2])
            let running = try await queue.life(id)
            for settlement in [Settlement.succeeded, .retry(after: .seconds(60)), .dead(spent: true, .discarded)] {
                let stale = SettledAttempt(id: id, epoch: 1, settlement: settlement)
                #expect(try await queue.ledger.settle([stale], session: session).isEmpty, "\(settlement)")
                #expect(try await queue.life(id) == running, "\(settlement)")
            }
        }
    }

    @Test("a session that was ended begins nothing")
    func endedSessionBeginsNothing() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            let session = try await queue.session()
            _ = try await queue.ledger.reap(session, because: .expired)
            #expect(try await queue.ledger.begin([id], session: session, number: 1).isEmpty)
            #expect(try await queue.ledger.beat(session) == nil)
            #expect(try await queue.life(id).state == .available)
        }
    }

    @Test("a begin whose reply was lost, called again, returns what it began")
    func beginIsRepeatable() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            let session = try await queue.session()
            let first = try await queue.ledger.begin([id], session: session, number: 1)
            let again = try await queue.ledger.begin([id], session: session, number: 1)
            #expect(again == first)
            #expect(try await queue.life(id).epoch == 1)
        }
    }

    @Test("every settlement makes of a row what the model makes of a life")
    func settlementsFollowTheModel() async throws {
        let settlements: [Settlement] = [
            .succeeded, .retry(after: .seconds(60)), .snooze(for: .seconds(60)),
            .park(.familyNotReady, probeAfter: .seconds(60)), .dead(spent: true, .attemptsExhausted),
            .dead(spent: false, .undecodable), .cancelled, .giveBack,
        ]
        try await QueueFixture.with { queue in
            let session = try await queue.session()
            for (number, settlement) in settlements.enumerated() {
                let id = try await queue.client.enqueue(Ping(text: "\(number)")).id
                _ = try await queue.ledger.begin([id], session: session, number: Int64(number))
                let before = try await queue.life(id)
                let settled = try await queue.ledger.settle(
                    [SettledAttempt(id: id, epoch: before.epoch, settlement: settlement)], session: session)
                #expect(settled == [id])
                let after = try await queue.life(id)
                #expect(after == (try before.after(.settle(epoch: before.epoch, settlement))), "\(settlement)")
                let tickets = try await queue.count(
                    "SELECT count(*) FROM job_dispatches WHERE job_id = $1::uuid AND ticket > "
                        + "(SELECT min(ticket) FROM job_dispatches WHERE job_id = $1::uuid)", [.text(id.description)])
                let waits = !after.state.isTerminal
                #expect(tickets == (waits ? 1 : 0), "\(settlement)")
            }
        }
    }

    @Test("an epoch minted twice (the server lost a begin in a crash) is no hole in the fence")
    func epochMintedTwice() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            let (first, second) = (try await queue.session(), try await queue.session())
            _ = try await queue.ledger.begin([id], session: first, number: 1)
            // What is there after the crash: the row as it was before the begin.
            try await queue.platform.query("DELETE FROM job_claims")
            try await queue.platform.query(
                "UPDATE jobs SET state = 'available', epoch = 0, attempt = 0, session_id = NULL WHERE id = $1::uuid",
                [.text(id.description)])
            let again = try await queue.ledger.begin([id], session: second, number: 1)
            #expect(again.map(\.epoch) == [1])
            let old = SettledAttempt(id: id, epoch: 1, settlement: .succeeded)
            #expect(try await queue.ledger.settle([old], session: first).isEmpty)
            let failed = SettledAttempt(id: id, epoch: 1, settlement: .dead(spent: true, .discarded))
            #expect(try await queue.ledger.settle([failed], session: first).isEmpty)
            #expect(
                try await !queue.ledger.completeStep("s", of: id, epoch: 1, session: first, result: Array("1".utf8)))
            #expect(try await queue.ledger.settle([old], session: second) == [id])
        }
    }

    @Test("a reaped session's jobs come back as crashed, and the one crash too many is death")
    func reapFollowsTheModel() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            for round in 1...JobLimits.crashesMax + 1 {
                let session = try await queue.session()
                let isAlone = try await queue.life(id).isQuarantined
                #expect(isAlone == (round > JobLimits.crashesMax))
                _ = try await queue.ledger.begin([id], session: session, number: 1, quarantined: isAlone)
                let before = try await queue.life(id)
                let reaped = try await queue.ledger.reap(session, because: .died)
                #expect(reaped?.map(\.id) == [id])
                #expect(reaped?.first?.isPoison == (round > JobLimits.crashesMax))
                #expect(try await queue.life(id) == (try before.after(.crash(epoch: before.epoch))))
            }
            let record = try #require(try await queue.ledger.job(id))
            #expect(record.state == "dead")
            #expect(record.reason == DeathReason.poison.rawValue)
            #expect(record.attempts?.count { $0.outcome == "crashed" } == JobLimits.crashesMax + 1)
        }
    }

    @Test("ending a session takes back what it runs, with a ticket each, and leaves what it settled")
    func reapLeavesTheSettled() async throws {
        try await QueueFixture.with { queue in
            let done = try await queue.client.enqueue(Ping(text: "done")).id
            let running = try await queue.client.enqueue(Ping(text: "running")).id
            let session = try await queue.session()
            _ = try await queue.ledger.begin([done, running], session: session, number: 1)
            let success = SettledAttempt(id: done, epoch: 1, settlement: .succeeded)
            #expect(try await queue.ledger.settle([success], session: session) == [done])
            try await queue.platform.query("DELETE FROM job_dispatches")
            #expect(try await queue.ledger.reap(session, because: .died)?.map(\.id) == [running])
            #expect(try await queue.life(done).state == .succeeded)
            #expect(try await queue.ledger.takeDue(limit: 10).map(\.job.id) == [running])
        }
    }

    @Test("a job that a person gave up while it ran is not tried again")
    func cancelledWhileRunning() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            let session = try await queue.session()
            _ = try await queue.ledger.begin([id], session: session, number: 1)
            _ = try await queue.ledger.cancel(id)
            #expect(try await queue.life(id).state == .running)
            let failed = SettledAttempt(id: id, epoch: 1, settlement: .retry(after: .zero))
            #expect(try await queue.ledger.settle([failed], session: session) == [id])
            #expect(try await queue.life(id).state == .cancelled)
        }
    }

    @Test("a dead job can be retried by hand, with a fresh budget; a running one cannot")
    func retryByHand() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            let session = try await queue.session()
            _ = try await queue.ledger.begin([id], session: session, number: 1)
            let refusal = await #expect(throws: JobQueueError.self) { try await queue.ledger.retry(id) }
            #expect(refusal?.code == .notPossible)
            _ = try await queue.ledger.settle(
                [SettledAttempt(id: id, epoch: 1, settlement: .dead(spent: true, .discarded))], session: session)
            try await queue.ledger.retry(id)
            #expect(
                try await queue.life(id) == JobLife(state: .available, attempt: 1, failures: 0, crashes: 0, epoch: 1))
            let missing = await #expect(throws: JobQueueError.self) { try await queue.ledger.retry(JobID.mint()) }
            #expect(missing?.code == .notFound)
        }
    }

    @Test("a job of an unknown kind goes on soon where another worker knows it, not where its version is too new")
    func unknownKindNearby() async throws {
        try await QueueFixture.with { queue in
            let own = try await queue.session()
            let park = Settlement.park(.unknownKind, probeAfter: .seconds(15))
            // This session knows the kind: what it could not read is the payload's version.
            let newer = try await queue.client.enqueue(Ping(text: "a")).id
            _ = try await queue.ledger.takeDue(limit: 10)
            try await queue.platform.query("DELETE FROM job_dispatches")
            _ = try await queue.ledger.begin([newer], session: own, number: 1)
            _ = try await queue.ledger.settle(
                [SettledAttempt(id: newer, epoch: 1, settlement: park)], session: own)
            #expect(try #require(try await queue.ledger.nextDue()) > .seconds(10))
            _ = try await queue.ledger.register(
                SessionRegistration(
                    id: .mint(), host: "there", pid: 1, version: "test", queues: [.default], kinds: ["test.other"],
                    concurrency: 1))
            let request = try JobRequest(kind: "test.other", target: .platform, payload: Array("{}".utf8))
            let other = try await queue.ledger.enqueue(request).id
            try await queue.platform.query("DELETE FROM job_dispatches")
            _ = try await queue.ledger.begin([other], session: own, number: 2)
            _ = try await queue.ledger.settle(
                [SettledAttempt(id: other, epoch: 1, settlement: park)], session: own)
            #expect(try #require(try await queue.ledger.nextDue()) < .seconds(1))
        }
    }

    @Test("of a job that is looked at again and again while parked, only the last parking is kept")
    func parkings() async throws {
        try await QueueFixture.with { queue in
            let session = try await queue.session()
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            for epoch in 1...3 {
                _ = try await queue.ledger.begin([id], session: session, number: Int64(epoch))
                _ = try await queue.ledger.settle(
                    [
                        SettledAttempt(
                            id: id, epoch: Int64(epoch), settlement: .park(.familyNotReady, probeAfter: .zero))
                    ], session: session)
                try await eventually("it is looked at again") {
                    _ = try await queue.ledger.takeDue(limit: 10)
                    return try await queue.ledger.job(id)?.state == "available"
                }
            }
            let record = try #require(try await queue.ledger.job(id))
            #expect(record.attempts?.map(\.outcome) == ["parked"])
            #expect(record.attempts?.map(\.epoch) == [3])
            #expect(record.attempt == 0)
        }
    }

    @Test("states of the CHECK constraint are the states of the model")
    func statesOfTheSchema() async throws {
        try await QueueFixture.with { queue in
            let rows = try await queue.platform.query(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
                    + "WHERE conrelid = 'jobs'::regclass AND pg_get_constraintdef(oid) LIKE '%ARRAY%scheduled%'")
            let definition = try #require(try rows.first?.string(at: 0))
            let words = Set(definition.split(separator: "'").map(String.init).filter { JobState(rawValue: $0) != nil })
            #expect(words == Set(JobState.allCases.map(\.rawValue)))
        }
    }

    @Test("the room for connections is the server's, and the role's and the database's where they have limits")
    func connectionRoom() async throws {
        try await QueueFixture.with { queue in
            let own = queue.platform.configuration
            let role = "limited_\(own.database)"
            try await queue.platform.query("SELECT 1")
            let whole = try await queue.ledger.connectionRoom()
            #expect(whole.limits.map(\.scope) == [.server], "a superuser's are no limits")
            #expect(whole.limits[0].holds == 297)
            #expect(whole.isDirect)

            try await queue.platform.execute(
                script: """
                    CREATE ROLE "\(role)" LOGIN PASSWORD 'secret' CONNECTION LIMIT 3;
                    ALTER DATABASE "\(own.database)" CONNECTION LIMIT 50;
                    """)
            var limited = own
            limited.user = role
            limited.password = "secret"
            let pool = PostgresPool(logger: queue.logger)
            let room = try await Ledger(database: PostgresDatabase(pool: pool, configuration: limited)).connectionRoom()
            await pool.close()
            #expect(room.limits.map(\.scope) == [.server, .role(role), .database(own.database)])
            #expect(room.limits[1] == .init(scope: .role(role), holds: 3, used: 0))
            #expect(room.limits[2].holds == 50)
            // The fixture's own, at least; of other roles' sessions, too.
            #expect(room.limits[2].used >= 1)
            #expect(room.limits[0].used >= room.limits[2].used)
            try await queue.platform.execute(script: "DROP ROLE \"\(role)\"")
        }
    }

    @Test("a job that succeeded although a person gave it up is not asked for at each heartbeat")
    func lateSuccess() async throws {
        try await QueueFixture.with { queue in
            let session = try await queue.session()
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            let job = try #require(try await queue.ledger.begin([id], session: session, number: 1).first)
            #expect(try await queue.ledger.cancel(id) == .requested)
            #expect(try await queue.ledger.beat(session) == [id])
            let success = SettledAttempt(id: id, epoch: job.epoch, settlement: .succeeded)
            #expect(try await queue.ledger.settle([success], session: session) == [id])
            #expect(try await queue.ledger.beat(session) == [])
        }
    }
}
