// Jobs that were aboard too many crashes: where they wait, who may begin them, and what becomes of them.

import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import Redis
import TestSupport
import Testing

@Suite("Quarantine")
struct QuarantineTests {
    /// Claims, and lets the session die, as often as is forgiven. - Returns: The entry of a fast job afterwards.
    private static func crash(
        _ queue: QueueFixture, times: Int = JobLimits.crashesMax
    ) async throws {
        for _ in 0..<times {
            let session = SessionID.mint()
            _ = try await queue.index.claim(upTo: 9, from: .default, session: session, settled: [])
            _ = try await queue.index.reap(session, from: .default, crashed: true)
        }
    }

    private static func waiting(_ seq: Int64) -> WaitingJob {
        WaitingJob(
            id: .mint(), queue: .default, family: nil, priority: .normal, seq: seq, isQuarantined: true)
    }

    @Test("a quarantined hint waits apart: ordinary claims are told of it and do not get it, others get it alone")
    func hintsWaitApart() async throws {
        try await QueueFixture.with { queue in
            let ordinary = DispatchTests.waiting(2)
            let (first, second) = (Self.waiting(1), Self.waiting(2))
            #expect(try await queue.index.push(ordinary + [first], to: .default) == 3)
            #expect(try await queue.index.push([first, second], to: .default) == 1)
            let session = SessionID.mint()
            let claim = try await queue.index.claim(upTo: 9, from: .default, session: session, settled: [])
            #expect(claim.durable == ordinary.map(\.id))
            #expect(claim.state == .empty)
            #expect(claim.quarantined == 2)
            let audit = try await queue.index.audit(.default)
            #expect(audit.durableQuarantined == 2)
            #expect(audit.durableWaiting == 0)
            #expect(audit.faults == [])
            let alone = try await queue.index.claimQuarantined(
                from: .default, session: session, settled: ordinary.map(\.id))
            let claimed = try #require(alone.durable.first)
            #expect([first.id, second.id].contains(claimed))
            #expect(alone.durable.count == 1)
            #expect(alone.quarantined == 1)
            #expect(try await queue.index.running(of: session, in: .default) == [claimed])
        }
    }

    @Test("a quarantined hint that a dead session held is back in quarantine, at its place")
    func hintsGoBack() async throws {
        try await QueueFixture.with { queue in
            try await queue.index.push([Self.waiting(1), Self.waiting(2)], to: .default)
            let (dead, stray, heir) = (SessionID.mint(), SessionID.mint(), SessionID.mint())
            // Both came at once; the one that is first now is first again.
            let claim = try await queue.index.claimQuarantined(from: .default, session: dead, settled: [])
            let first = try #require(claim.durable.first)
            #expect(try await queue.index.reap(dead, from: .default, crashed: true).hints == 1)
            let gone = try await queue.index.claimQuarantined(from: .default, session: dead, settled: [])
            #expect(gone.state == .gone)
            _ = try await queue.index.claimQuarantined(from: .default, session: stray, settled: [])
            #expect(try await queue.index.giveBack([first], of: stray, in: .default) == 1)
            let again = try await queue.index.claimQuarantined(from: .default, session: heir, settled: [])
            #expect(again.durable == [first])
            // What is dead in the ledger is not looked for again.
            try await queue.index.drop(hints: [first], of: heir, in: .default)
            #expect(try await queue.index.reap(heir, from: .default, crashed: true).hints == 0)
        }
    }

    @Test("a fast job goes to quarantine by the last crash that is forgiven, and stays there until it is done")
    func fastJobs() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(FastPing(text: "a")).id
            try await Self.crash(queue)
            var claim = try await queue.index.claim(upTo: 9, from: .default, session: .mint(), settled: [])
            #expect(claim.entries().fast == [])
            #expect(claim.quarantined == 1)
            #expect(try await queue.index.audit(.default).fastQuarantined == 1)
            #expect(try await queue.index.audit(.default).fastWaiting == 0)

            let session = SessionID.mint()
            func alone() async throws -> FastEntry {
                let claim = try await queue.index.claimQuarantined(from: .default, session: session, settled: [])
                return try #require(claim.entries().fast.first)
            }
            // Given back at no cost, it is in quarantine again.
            let entry = try await alone()
            #expect(entry.id == id)
            #expect(entry.crashes == JobLimits.crashesMax)
            #expect(try await queue.index.settle([.givenBack(entry)], of: .default, session: session) == [])
            // To be tried again, likewise: an ordinary claim moves what is due.
            let again = try await alone()
            _ = try await queue.index.settle([.again(again, after: .zero)], of: .default, session: session)
            try await eventually("it is due") {
                claim = try await queue.index.claim(upTo: 9, from: .default, session: session, settled: [])
                return claim.quarantined == 1
            }
            #expect(claim.entries().fast == [])
            #expect(try await queue.index.audit(.default).faults == [])
            // Done, nothing of it is left.
            _ = try await queue.index.settle([.acknowledged(try await alone().id)], of: .default, session: session)
            #expect(try await queue.index.reap(session, from: .default, crashed: true).fast == 0)
            #expect(try await queue.index.audit(.default).fastQuarantined == 0)
        }
    }

    @Test("a fast job that kills its quarantine, too, is dead as poison; retried by hand it begins anew")
    func fastPoison() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(FastPing(text: "a")).id
            try await Self.crash(queue)
            let session = SessionID.mint()
            _ = try await queue.index.claimQuarantined(from: .default, session: session, settled: [])
            let counts = try await queue.index.reap(session, from: .default, crashed: true)
            #expect(counts.fast == 0)
            #expect(counts.poison == [id])
            let dead = try #require(try await queue.index.deadFastJobs(of: .default, limit: 1).first)
            #expect(dead.crashes == JobLimits.crashesMax + 1)
            #expect(dead.reason == DeathReason.poison.rawValue)
            _ = try await queue.index.decide(.retry, [id], of: .default)
            let claim = try await queue.index.claim(upTo: 1, from: .default, session: .mint(), settled: [])
            #expect(claim.entries().fast.map(\.crashes) == [0])
        }
    }

    @Test("the quarantine of a paused queue gives nothing, and is not looked for")
    func paused() async throws {
        try await QueueFixture.with { queue in
            try await queue.client.open(["elsewhere"])
            let queues: [QueueName] = [.default, "elsewhere"]
            #expect(try await !queue.index.hasQuarantined(in: queues))
            try await queue.index.push([Self.waiting(1)], to: .default)
            #expect(try await queue.index.hasQuarantined(in: queues))
            #expect(try await !queue.index.hasQuarantined(in: ["elsewhere"]))
            try await queue.client.pause(.default)
            #expect(try await !queue.index.hasQuarantined(in: queues))
            let held = try await queue.index.claimQuarantined(from: .default, session: .mint(), settled: [])
            #expect(held.state == .paused)
            #expect(held.durable == [])
            #expect(try await queue.index.audit(.default).durableQuarantined == 1)
        }
    }

    @Test("one worker at a time withdraws from ordinary jobs, and only while there is something to do it for")
    func turns() async throws {
        try await QueueFixture.with { queue in
            let (first, second) = (SessionID.mint(), SessionID.mint())
            func hasTurn(_ session: SessionID, for lease: Duration = .seconds(60)) async throws -> Bool {
                try await queue.index.takeTurn(session, in: .default, for: lease)
            }
            #expect(try await !hasTurn(first))
            try await queue.index.push([Self.waiting(1)], to: .default)
            #expect(try await hasTurn(first))
            #expect(try await !hasTurn(second))
            #expect(try await hasTurn(first, for: .milliseconds(1)))
            try await eventually("the turn is over") { try await hasTurn(second) }
            _ = try await queue.index.claimQuarantined(from: .default, session: second, settled: [])
            #expect(try await !hasTurn(second))
        }
    }

    @Test("a ledger job aboard too many crashes is begun by a quarantine alone, and is dead by one more")
    func ledger() async throws {
        try await QueueFixture.with { queue in
            let (suspect, neighbour) = (
                try await queue.client.enqueue(Ping(text: "a")).id, try await queue.client.enqueue(Ping(text: "b")).id
            )
            for _ in 1...JobLimits.crashesMax {
                #expect(try await !queue.life(suspect).isQuarantined)
                let session = try await queue.session()
                #expect(
                    try await queue.ledger.begin([suspect], session: session, number: 1, quarantined: true).isEmpty)
                #expect(try await queue.ledger.begin([suspect], session: session, number: 2).count == 1)
                _ = try await queue.ledger.reap(session, because: .died)
            }
            #expect(try await queue.life(suspect).isQuarantined)
            let records = try await queue.ledger.queues()
            #expect(records.first { $0.name == "default" }?.quarantined == 1)
            // A stale hint, in an ordinary lane.
            let ordinary = try await queue.session()
            let begun = try await queue.ledger.begin([suspect, neighbour], session: ordinary, number: 1)
            #expect(begun.map(\.id) == [neighbour])
            let alone = try await queue.session()
            let tried = try await queue.ledger.begin(
                [suspect, neighbour], session: alone, number: 1, quarantined: true)
            #expect(tried.map(\.id) == [suspect])
            #expect(tried.map(\.crashes) == [JobLimits.crashesMax])
            #expect(try await queue.ledger.reap(alone, because: .died)?.map(\.isPoison) == [true])
        }
    }

    @Test("dispatcher and reconciler put a suspect into quarantine, and one that a person retried into its lane")
    func dispatch() async throws {
        try await QueueFixture.with { queue in
            let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            for _ in 1...JobLimits.crashesMax {
                let session = try await queue.session()
                _ = try await queue.ledger.begin([id], session: session, number: 1)
                _ = try await queue.ledger.reap(session, because: .died)
            }
            try await dispatcher.dispatchDue()
            let audit = try await queue.index.audit(.default)
            #expect(audit.durableQuarantined == 1)
            #expect(audit.durableWaiting == 0)
            let known = try await queue.ledger.availableJobs(after: 0, limit: 10)
            #expect(known.map(\.isQuarantined) == [true])
            let emptied = DispatchIndex(redis: queue.redis, namespace: "test-\(JobID.mint())")
            _ = try await Reconciler(ledger: queue.ledger, index: emptied, logger: queue.logger).rebuild()
            #expect(try await emptied.audit(.default).durableQuarantined == 1)
            // Below the watermark it is a straggler.
            for _ in 1...2 { try await queue.ledger.advanceWatermark() }
            #expect(try await queue.ledger.stragglers(after: nil, limit: 10).map(\.job.isQuarantined) == [true])

            let session = try await queue.session()
            _ = try await queue.ledger.begin([id], session: session, number: 1, quarantined: true)
            _ = try await queue.ledger.reap(session, because: .died)
            #expect(try await queue.life(id).state == .dead)
            try await queue.ledger.retry(id)
            try await dispatcher.dispatchDue()
            #expect(try await queue.index.audit(.default).durableWaiting == 1)
        }
    }

    @Test("a suspect that is snoozed, parked, tried again or given back comes to quarantine again")
    func returns() async throws {
        let settlements: [Settlement] = [
            .snooze(for: .zero), .park(.databaseDown, probeAfter: .zero), .retry(after: .zero), .giveBack,
        ]
        try await QueueFixture.with { queue in
            let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            let id = try await queue.client.enqueue(Ping(text: "a")).id
            try await queue.platform.query(
                "UPDATE jobs SET crashes = $1::integer", [.int(JobLimits.crashesMax)])
            let session = try await queue.session()
            for (number, settlement) in settlements.enumerated() {
                let begun = try await queue.ledger.begin(
                    [id], session: session, number: Int64(number), quarantined: true)
                let epoch = try #require(begun.first?.epoch)
                _ = try await queue.ledger.settle(
                    [SettledAttempt(id: id, epoch: epoch, settlement: settlement)], session: session)
                try await eventually("it is back after \(settlement)") {
                    try await dispatcher.dispatchDue()
                    return try await queue.life(id).state == .available
                }
                let audit = try await queue.index.audit(.default)
                #expect(audit.durableQuarantined == 1)
                #expect(audit.durableWaiting == 0)
                #expect(try await queue.life(id).isQuarantined)
            }
        }
    }
}
