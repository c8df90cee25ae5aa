// Redis' side of the queue, and the way between it and the ledger.

import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import Redis
import TestSupport
import Testing

extension QueueFixture {
    /// What a reconciliation looks at, as far as it is available.
    fileprivate func available() async throws -> [JobID] {
        let stragglers = try await self.ledger.stragglers(after: nil, limit: 10).filter(\.isAvailable).map(\.job)
        return try await (stragglers + self.ledger.availableJobs(after: 0, limit: 10)).map(\.id)
    }
}

@Suite("Dispatch")
struct DispatchTests {
    static func waiting(_ count: Int, family: FamilyID? = nil, from seq: Int64 = 1) -> [WaitingJob] {
        (0..<count).map { offset in
            WaitingJob(
                id: JobID.mint(), queue: .default, family: family, priority: .normal, seq: seq + Int64(offset))
        }
    }

    @Test("pushing a hint twice changes nothing, and hints come in the ledger's order")
    func pushIsIdempotent() async throws {
        try await QueueFixture.with { queue in
            let jobs = Self.waiting(5)
            #expect(try await queue.index.push(Array(jobs.reversed()), to: .default) == 5)
            #expect(try await queue.index.push(jobs, to: .default) == 0)
            #expect(try await queue.index.audit(.default).faults == [])
            let claim = try await queue.index.claim(upTo: 10, from: .default, session: .mint(), settled: [])
            #expect(claim.durable == jobs.map(\.id))
            #expect(claim.state == .empty)
        }
    }

    @Test("families take turns, whatever the length of their lanes")
    func familiesTakeTurns() async throws {
        try await QueueFixture.with { queue in
            let noisy = FamilyID.mint()
            let loud = Self.waiting(1000, family: noisy)
            try await queue.index.push(loud, to: .default)
            let quiet = (0..<20).map { Self.waiting(1, family: .mint(), from: Int64(2000 + $0))[0] }
            try await queue.index.push(quiet, to: .default)
            let claim = try await queue.index.claim(upTo: 40, from: .default, session: .mint(), settled: [])
            #expect(Set(quiet.map(\.id)).isSubset(of: claim.durable))
            #expect(claim.state == .more)
            #expect(try await queue.index.audit(.default).faults == [])
        }
    }

    @Test("a higher priority goes first")
    func priorities() async throws {
        try await QueueFixture.with { queue in
            let low = WaitingJob(id: .mint(), queue: .default, family: nil, priority: .low, seq: 1)
            let normal = WaitingJob(id: .mint(), queue: .default, family: nil, priority: .normal, seq: 2)
            let high = WaitingJob(id: .mint(), queue: .default, family: nil, priority: .high, seq: 3)
            try await queue.index.push([low, normal, high], to: .default)
            let claim = try await queue.index.claim(upTo: 3, from: .default, session: .mint(), settled: [])
            #expect(claim.durable == [high.id, normal.id, low.id])
        }
    }

    @Test("what a dead session claimed goes back, and the session can claim nothing more")
    func reap() async throws {
        try await QueueFixture.with { queue in
            let jobs = Self.waiting(7)
            try await queue.index.push(jobs, to: .default)
            let dead = SessionID.mint()
            _ = try await queue.index.claim(upTo: 4, from: .default, session: dead, settled: [])
            let counts = try await queue.index.reap(dead, from: .default, crashed: true)
            #expect(counts.hints == 4)
            let gone = try await queue.index.claim(upTo: 4, from: .default, session: dead, settled: [])
            #expect(gone.state == .gone)
            let claim = try await queue.index.claim(upTo: 10, from: .default, session: .mint(), settled: [])
            #expect(claim.durable == jobs.map(\.id))
            #expect(try await queue.index.audit(.default).faults == [])
        }
    }

    @Test("what a dead session claimed goes back once, however often the session is taken back")
    func reapTwice() async throws {
        try await QueueFixture.with { queue in
            let jobs = Self.waiting(4)
            try await queue.index.push(jobs, to: .default)
            let dead = SessionID.mint()
            _ = try await queue.index.claim(upTo: 4, from: .default, session: dead, settled: [])
            #expect(try await queue.index.reap(dead, from: .default, crashed: true).hints == 4)
            #expect(try await queue.index.reap(dead, from: .default, crashed: true).hints == 0)
            let heir = SessionID.mint()
            #expect(
                try await queue.index.claim(upTo: 4, from: .default, session: heir, settled: []).durable
                    == jobs.map(\.id))
            #expect(try await queue.index.reap(dead, from: .default, crashed: true).hints == 0)
            #expect(try await queue.index.audit(.default).durableWaiting == 0)
        }
    }

    @Test("settled ids leave the running set with the next claim")
    func acknowledge() async throws {
        try await QueueFixture.with { queue in
            let jobs = Self.waiting(3)
            let session = SessionID.mint()
            try await queue.index.push(jobs, to: .default)
            _ = try await queue.index.claim(upTo: 3, from: .default, session: session, settled: [])
            _ = try await queue.index.claim(upTo: 1, from: .default, session: session, settled: jobs.map(\.id))
            #expect(try await queue.index.reap(session, from: .default, crashed: true).hints == 0)
        }
    }

    @Test("a paused queue gives nothing, and wakes when it is resumed")
    func pause() async throws {
        try await QueueFixture.with { queue in
            try await queue.client.pause(.default)
            try await queue.index.push(Self.waiting(1), to: .default)
            let session = SessionID.mint()
            let held = try await queue.index.claim(upTo: 1, from: .default, session: session, settled: [])
            #expect(held.state == .paused)
            #expect(held.durable.isEmpty)
            try await queue.client.resume(.default)
            let waiting = queue.redis.makeDedicatedClient()
            let woken = try await queue.index.waitForWork(in: [.default], atMost: .seconds(20), on: waiting)
            #expect(woken == .default)
            await waiting.close()
            #expect(
                try await queue.index.claim(upTo: 1, from: .default, session: session, settled: []).durable.count == 1)
        }
    }

    @Test("a Redis that lost its memory gives nothing out until it is told again which queues are paused")
    func pauseOutlivesRedis() async throws {
        try await QueueFixture.with { queue in
            try await queue.client.pause(.default)
            let id = try await queue.client.enqueue(Ping(text: "held")).id
            let forgetful = DispatchIndex(redis: queue.redis, namespace: "test-\(JobID.mint())")
            let dispatcher = Dispatcher(ledger: queue.ledger, index: forgetful, logger: queue.logger)
            try await dispatcher.dispatchDue()
            let session = SessionID.mint()
            let closed = try await forgetful.claim(upTo: 1, from: .default, session: session, settled: [])
            #expect(closed.state == .closed)
            #expect(closed.durable == [])
            _ = try await Reconciler(ledger: queue.ledger, index: forgetful, logger: queue.logger).rebuild()
            let paused = try await forgetful.claim(upTo: 1, from: .default, session: session, settled: [])
            #expect(paused.state == .paused)
            try await JobQueueClient(ledger: queue.ledger, index: forgetful).resume(.default)
            let open = try await forgetful.claim(upTo: 1, from: .default, session: session, settled: [])
            #expect(open.durable == [id])
        }
    }

    @Test("the dispatcher puts due jobs in, leaves later ones, and takes their tickets away")
    func dispatcher() async throws {
        try await QueueFixture.with { queue in
            let now = try await queue.client.enqueue(Ping(text: "now")).id
            _ = try await queue.client.enqueue(Ping(text: "later"), options: .init(delay: .seconds(3600)))
            let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            #expect(try await dispatcher.dispatchDue() == 1)
            #expect(try await dispatcher.dispatchDue() == 0)
            let claim = try await queue.index.claim(upTo: 9, from: .default, session: .mint(), settled: [])
            #expect(claim.durable == [now])
            #expect(try await queue.count("SELECT count(*) FROM job_dispatches") == 1)
            let wait = try #require(try await queue.ledger.nextDue())
            #expect(wait > .seconds(3500))
        }
    }

    @Test("a ticket stays until Redis has its job")
    func failedPush() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            let gone = queue.redis.makeDedicatedClient()
            await gone.close()
            let unheard = Dispatcher(
                ledger: queue.ledger, index: DispatchIndex(redis: gone, namespace: queue.index.namespace),
                logger: queue.logger)
            await #expect(throws: (any Error).self) { try await unheard.dispatchDue() }
            let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            #expect(try await dispatcher.dispatchDue() == 1)
            let claim = try await queue.index.claim(upTo: 1, from: .default, session: .mint(), settled: [])
            #expect(claim.durable == [id])
        }
    }

    @Test("a dispatcher that can open no connection to listen on dispatches all the same")
    func deafDispatcher() async throws {
        try await QueueFixture.with { queue in
            // The pool has its connections; the database takes no more.
            async let first = queue.count("SELECT count(pg_sleep(0.2))")
            async let second = queue.count("SELECT count(pg_sleep(0.2))")
            #expect(try await first + second == 2)
            let administration = try await PostgresConnection.connect(
                PostgresConfiguration(url: queue.servers.databaseURL), logger: queue.logger)
            let name = try quoteIdentifier(queue.platform.configuration.database)
            try await administration.query("ALTER DATABASE \(name) ALLOW_CONNECTIONS false")
            await administration.close()
            try await withThrowingTaskGroup(of: Void.self) { group in
                let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
                group.addTask { await dispatcher.run() }
                try await queue.client.enqueue(Ping(text: "a"))
                try await eventually("the job is in Redis") {
                    try await queue.index.audit(.default).durableWaiting == 1
                }
                group.cancelAll()
            }
        }
    }

    @Test("the reconciler puts back what Redis lost, and is a no-op when healthy")
    func reconciler() async throws {
        try await QueueFixture.with { queue in
            for number in 0..<30 { try await queue.client.enqueue(Ping(text: "\(number)")) }
            let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            try await dispatcher.dispatchDue()
            let reconciler = Reconciler(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            let healthy = try await reconciler.reconcile()
            #expect(healthy == Reconciler.Report(available: 30))
            // What a crash between claim and begin leaves, with the session's memory gone too.
            _ = try await queue.index.claim(upTo: 12, from: .default, session: .mint(), settled: [])
            #expect(try await reconciler.reconcile().pushed == 12)
            #expect(try await queue.index.audit(.default).durableWaiting == 30)
        }
    }

    @Test("the reconciler leaves no job out between its pages, whatever the order of their ids")
    func manyPages() async throws {
        try await QueueFixture.with { queue in
            let ids = (0..<1200).map { _ in JobID.mint() }
            let requests = try ids.reversed().map { try JobRequest(Ping(text: "a"), options: .init(id: $0)) }
            _ = try await queue.ledger.enqueue(requests)
            let reconciler = Reconciler(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            #expect(try await reconciler.reconcile().pushed == ids.count)
            #expect(try await queue.index.audit(.default).durableWaiting == ids.count)
        }
    }

    @Test("the reconciler's watermark passes settled jobs and comes back for one that is retried by hand")
    func watermark() async throws {
        try await QueueFixture.with { queue in
            let session = try await queue.session()
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            _ = try await queue.ledger.begin([id], session: session, number: 1)
            _ = try await queue.ledger.settle(
                [SettledAttempt(id: id, epoch: 1, settlement: .dead(spent: true, .discarded))], session: session)
            let seq = try #require(try await queue.ledger.job(id)?.seq)
            try await eventually("the watermark passes the dead job") {
                try await queue.ledger.advanceWatermark()
                return try await queue.count("SELECT settled_seq FROM reconciliation") >= seq
            }
            try await queue.ledger.retry(id)
            #expect(try await queue.available() == [id])
        }
    }

    @Test("one old open job does not hold the watermark back, and is still looked after")
    func stragglers() async throws {
        try await QueueFixture.with { queue in
            let session = try await queue.session()
            let old = try await queue.client.enqueue(Ping(text: "old")).id
            var ids: [JobID] = []
            for number in 0..<5 { ids.append(try await queue.client.enqueue(Ping(text: "\(number)")).id) }
            try await Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger).dispatchDue()
            let begun = try await queue.ledger.begin(ids, session: session, number: 1)
            _ = try await queue.ledger.settle(
                begun.map { SettledAttempt(id: $0.id, epoch: $0.epoch, settlement: .succeeded) }, session: session)
            for _ in 0..<2 { try await queue.ledger.advanceWatermark() }
            let last = try await queue.count("SELECT max(seq) FROM jobs")
            #expect(try await queue.count("SELECT settled_seq FROM reconciliation") == last)
            #expect(try await queue.available() == [old])
            #expect(try await queue.ledger.queues().first { $0.name == "default" }?.available == 1)

            // Ended, it is forgotten; retried by hand, it is a straggler again.
            _ = try await queue.ledger.cancel(old)
            try await queue.ledger.advanceWatermark()
            #expect(try await queue.count("SELECT count(*) FROM job_stragglers") == 0)
            try await queue.ledger.retry(old)
            try await queue.ledger.advanceWatermark()
            #expect(try await queue.available() == [old])
        }
    }

    @Test("a job enqueued early and committed late, below the watermark, is looked after")
    func lateCommit() async throws {
        try await QueueFixture.with { queue in
            let id = JobID.mint()
            try await queue.platform.transaction { connection in
                try await queue.client.enqueue(Ping(text: "late"), options: .init(id: id), on: connection)
                for number in 0..<3 {
                    let other = try await queue.client.enqueue(Ping(text: "\(number)")).id
                    _ = try await queue.ledger.cancel(other)
                    try await queue.ledger.advanceWatermark()
                }
            }
            let seq = try #require(try await queue.ledger.job(id)?.seq)
            #expect(try await queue.count("SELECT settled_seq FROM reconciliation") > seq)
            let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            #expect(try await dispatcher.dispatchDue() == 1)
            #expect(try await queue.available() == [id])
        }
    }

    @Test("the mark passes no more open jobs at once than its bound")
    func longBacklog() async throws {
        try await QueueFixture.with { queue in
            try await queue.platform.query(
                "SELECT count(e.job_id) FROM generate_series(1, 2500) n, "
                    + "enqueue('test.ping', jsonb_build_object('text', n::text)) e")
            for _ in 0..<2 { try await queue.ledger.advanceWatermark() }
            #expect(try await queue.count("SELECT count(*) FROM job_stragglers") == 1000)
            #expect(try await queue.ledger.queues().first { $0.name == "default" }?.available == 2500)
        }
    }

    @Test("a straggler whose caller gave it the nil id is not passed over")
    func nilStraggler() async throws {
        try await QueueFixture.with { queue in
            let id = JobID(UUIDBytes(high: 0, low: 0))
            _ = try await queue.client.enqueue(Ping(text: "a"), options: EnqueueOptions(id: id))
            let due = try await queue.ledger.takeDue(limit: 10)
            try await queue.ledger.finish(tickets: due.map(\.ticket))
            for _ in 0..<2 { try await queue.ledger.advanceWatermark() }
            #expect(try await queue.available() == [id])
            #expect(try await queue.ledger.stragglers(after: id, limit: 10).isEmpty)
        }
    }

    @Test("Redis takes no older word of a queue's pause")
    func stalePause() async throws {
        try await QueueFixture.with { queue in
            let before = try #require(try await queue.ledger.queueSwitches().first { $0.queue == .default })
            try await queue.client.pause(.default)
            // A reconciliation that read the ledger before the pause, and writes after it.
            try await queue.index.set(before)
            let claim = try await queue.index.claim(upTo: 1, from: .default, session: .mint(), settled: [])
            #expect(claim.state == .paused)
            let unknown = await #expect(throws: JobQueueError.self) { try await queue.client.pause("defualt") }
            #expect(unknown?.code == .notFound)
            #expect(unknown?.message.contains("default") == true)
        }
    }

    @Test("a pause that Redis hears of after the resume that followed it changes nothing")
    func latePause() async throws {
        try await QueueFixture.with { queue in
            let pause = QueueSwitch(queue: .default, isPaused: true, version: 1)
            // Redis has it open already, and is told so again, by a newer word.
            try await queue.index.set(QueueSwitch(queue: .default, isPaused: false, version: 2))
            try await queue.index.set(pause)
            let claim = try await queue.index.claim(upTo: 1, from: .default, session: .mint(), settled: [])
            #expect(claim.state == .empty)
        }
    }

    @Test("a running job of a session that ended is found, and taken back by the rule of any crash")
    func orphans() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            for crashes in 1...JobLimits.crashesMax + 1 {
                let session = try await queue.session()
                _ = try await queue.ledger.begin(
                    [id], session: session, number: 1, quarantined: crashes > JobLimits.crashesMax)
                try await queue.platform.query("DELETE FROM job_claims")
                try await queue.platform.query(
                    "UPDATE worker_sessions SET ended_at = now() - interval '1 minute' WHERE id = $1::uuid",
                    [.text(session.description)])
                #expect(try await queue.ledger.repair() == 1)
                #expect(try await queue.ledger.repair() == 0)
                let record = try #require(try await queue.ledger.job(id))
                #expect(record.crashes == crashes)
                #expect(record.state == (crashes > JobLimits.crashesMax ? "dead" : "available"))
                #expect(record.attempts?.count == crashes)
            }
        }
    }

    @Test("jobs of a claim whose reply was lost go back at no cost, the session goes on")
    func strays() async throws {
        try await QueueFixture.with { queue in
            let session = SessionID.mint()
            let ids = [
                try await queue.client.enqueue(FastPing(text: "a")).id,
                try await queue.client.enqueue(FastPing(text: "b")).id,
            ]
            _ = try await queue.index.claim(upTo: 9, from: .default, session: session, settled: [])
            #expect(Set(try await queue.index.running(of: session, in: .default)) == Set(ids))
            #expect(try await queue.index.giveBack([ids[1], ids[1]], of: session, in: .default) == 1)
            #expect(try await queue.index.giveBack([ids[1]], of: session, in: .default) == 0)
            let again = try await queue.index.claim(upTo: 9, from: .default, session: session, settled: [])
            #expect(again.entries().fast.map(\.id) == [ids[1]])
            #expect(again.entries().fast.map(\.crashes) == [0])
            #expect(try await queue.index.audit(.default).faults == [])
        }
    }

    @Test("counters that are flushed twice count once")
    func countersCountOnce() async throws {
        try await QueueFixture.with { queue in
            let counter = SharedCounter(name: "things_total", value: 2)
            let process = WorkerID.mint()
            let first = CounterFlush(process: process, number: 1, counters: [counter])
            try await queue.index.add(first)
            try await queue.index.add(first)
            try await queue.index.add(CounterFlush(process: process, number: 2, counters: [counter]))
            #expect(try await queue.index.counters() == [SharedCounter(name: "things_total", value: 4)])
        }
    }

    @Test("a job that waits without a ticket is found and mended")
    func repair() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Ping(text: "a"), options: .init(delay: .seconds(60))).id
            try await queue.platform.query("DELETE FROM job_dispatches")
            #expect(try await queue.ledger.repair() == 1)
            #expect(try await queue.ledger.repair() == 0)
            #expect(
                try await queue.count(
                    "SELECT count(*) FROM job_dispatches WHERE job_id = $1::uuid", [.text(id.description)])
                    == 1)
        }
    }

    @Test("a death is told once to each session, with its next heartbeat; not to one that came later")
    func deaths() async throws {
        try await QueueFixture.with { queue in
            let (first, second) = (SessionID.mint(), SessionID.mint())
            func beat(_ session: SessionID, last: Int?) async throws -> Heartbeat {
                try await queue.index.beat(
                    session, lease: .seconds(60), caretakerLease: .seconds(60), registering: last == nil, last: last)
            }
            let registered = try await beat(first, last: nil)
            #expect(registered.deaths == [])
            let deaths = [
                NotedDeath(session: .mint(), jobs: 0, recovery: .zero),
                NotedDeath(session: .mint(), jobs: 1_000, recovery: .milliseconds(12_345)),
            ]
            for death in deaths { try await queue.index.note(death) }
            let told = try await beat(first, last: registered.time)
            #expect(told.deaths == deaths)
            #expect(try await beat(first, last: told.time).deaths == [])
            #expect(try await beat(second, last: nil).deaths == [])
            let times = try #require(try await queue.index.recoveryTimes())
            #expect(times.last == .milliseconds(12_345))
            #expect(times.longest == .milliseconds(12_345))
        }
    }

    @Test("one of two sessions is the caretaker, and the other when it ends")
    func caretaker() async throws {
        try await QueueFixture.with { queue in
            let (first, second) = (SessionID.mint(), SessionID.mint())
            func beat(_ session: SessionID, registering: Bool = false) async throws -> Heartbeat {
                try await queue.index.beat(
                    session, lease: .seconds(60), caretakerLease: .seconds(60), registering: registering)
            }
            #expect(try await beat(first, registering: true).isCaretaker)
            #expect(try await !beat(second, registering: true).isCaretaker)
            try await queue.index.end(first)
            #expect(try await beat(second).isCaretaker)
            #expect(try await !beat(first).isKnown)
        }
    }
}
