// The models themselves, the dice and the shrinker: what can be said of them without servers.

import JobModel
import Testing

@testable import chorewheel_proof

@Suite("Models")
struct ModelTests {
    private static func job(_ number: UInt64, family: FamilyID? = nil, priority: JobPriority = .normal) -> FastJob {
        FastJob(
            id: JobID(UUIDBytes(high: number, low: number)), kind: "a", family: family, priority: priority,
            maxAttempts: 3, payload: Array(#"{"n":1}"#.utf8))
    }

    private static let session = SessionID(UUIDBytes(high: 1, low: 1))

    /// Claims everything, one job at a time.
    private static func order(_ queue: QueueModel) -> [UInt64] {
        var (queue, order) = (queue, [UInt64]())
        while case .claim(_, _, let fast, _, _) = queue.claim(1, by: self.session, settled: [], 0), !fast.isEmpty {
            order += fast.compactMap { FastJob(bytes: $0)?.id.uuid.high }
        }
        return order
    }

    @Test("families take turns within a priority, and a claim of many is as many claims of one")
    func turns() {
        let family = FamilyID(UUIDBytes(high: 9, low: 9))
        var queue = QueueModel()
        queue.tell(isPaused: false, version: 1)
        queue.enqueue([1, 2, 3].map { Self.job($0) }, delay: 0, 0)
        queue.enqueue([4].map { Self.job($0, family: family) }, delay: 0, 0)
        queue.enqueue([5].map { Self.job($0, priority: .high) }, delay: 0, 0)
        #expect(Self.order(queue) == [5, 1, 4, 2, 3])
        guard case .claim(let state, _, let fast, _, _) = queue.claim(4, by: Self.session, settled: [], 0) else {
            Issue.record("no claim")
            return
        }
        #expect(state == "more")
        #expect(fast.compactMap { FastJob(bytes: $0)?.id.uuid.high } == [5, 1, 4, 2])
    }

    @Test("the third crash quarantines a fast job, the fourth makes it dead")
    func crashes() {
        var queue = QueueModel()
        queue.tell(isPaused: false, version: 1)
        queue.enqueue([Self.job(1)], delay: 0, 0)
        for crash in 1...UInt64(JobLimits.crashesMax) + 1 {
            let session = SessionID(UUIDBytes(high: crash, low: 0))
            _ = queue.claim(9, by: session, settled: [], 0)
            _ = queue.claimAlone(by: session, settled: [])
            #expect(queue.running[session]?.count == 1)
            _ = queue.takeBack(nil, of: session, crashed: true, 0)
            #expect(queue.quarantine.count == (crash == JobLimits.crashesMax ? 1 : 0))
        }
        #expect(queue.dead.map(\.job.id) == [Self.job(1).id])
    }

    @Test("a session that was reaped claims nothing, and its settlements are fenced")
    func fences() {
        var queue = QueueModel()
        queue.tell(isPaused: false, version: 1)
        queue.enqueue([Self.job(1), Self.job(2)], delay: 0, 0)
        _ = queue.claim(2, by: Self.session, settled: [], 0)
        _ = queue.takeBack(nil, of: Self.session, crashed: false, 0)
        #expect(queue.claim(2, by: Self.session, settled: [], 0) == .claim(state: "gone"))
        let settled = [
            SettledFastJob(job: Self.job(1), outcome: .acknowledged),
            SettledFastJob(job: Self.job(2), outcome: .again(5)),
        ]
        #expect(queue.settle(settled, by: Self.session, 0) == settled.map(\.job.id))
        #expect(queue.fast.values.map(\.count) == [2])
    }

    @Test("on random walks each fast job is in one place, and each ring has exactly the lanes that hold jobs")
    func indexWalk() {
        for sequence in 0..<12 {
            var model = PoolModel(queues: 2, now: 1_700_000_000_000_000)
            var draw = IndexDraw(seed: 11, sequence: sequence)
            for step in 0..<400 {
                let call = draw.call(at: step, model)
                draw.learn(call, model.answer(call))
            }
            for queue in model.queues {
                let waiting = queue.fast.values.joined().map(\.id)
                let suspects = queue.quarantine.compactMap { entry -> JobID? in
                    guard case .fast(let job) = entry.suspect else { return nil }
                    return job.id
                }
                let held = queue.running.values.joined().compactMap { held -> JobID? in
                    guard case .fast(let job) = held else { return nil }
                    return job.id
                }
                let all = waiting + suspects + held + queue.delayed.map(\.job.id) + queue.dead.map(\.job.id)
                #expect(Set(all).count == all.count)
                for priority in JobPriority.allCases {
                    let fast = queue.fast.filter { $0.key.priority == priority && !$0.value.isEmpty }.map {
                        QueueModel.Turn(isFast: true, family: $0.key.family)
                    }
                    let durable = queue.hints.filter { $0.key.priority == priority && !$0.value.isEmpty }.map {
                        QueueModel.Turn(isFast: false, family: $0.key.family)
                    }
                    let ring = queue.rings[priority] ?? []
                    #expect(Set(ring) == Set(fast + durable))
                    #expect(Set(ring).count == ring.count)
                }
            }
        }
    }

    @Test("on random walks a durable job has a session exactly while it runs, and a ticket unless it was taken away")
    func ledgerWalk() {
        for sequence in 0..<12 {
            var model = LedgerModel()
            var draw = LedgerDraw(seed: 11, sequence: sequence)
            for step in 0..<250 {
                model.now.step = step
                let call = draw.call(at: step, model)
                draw.learn(call, model.answer(call))
            }
            for job in model.jobs.values {
                #expect((job.life.state == .running) == (job.session != nil))
                #expect(job.life.attempt >= 0)
                #expect(job.life.epoch >= job.life.attempt)
                #expect((job.life.state == .dead) ? job.reason != nil : true)
                #expect(job.due == nil || job.life.state == .scheduled)
            }
        }
    }

    @Test("the same seed gives the same calls, another one others")
    func dice() {
        func calls(_ seed: UInt64) -> [IndexCall] {
            var model = PoolModel(queues: 2, now: 1_700_000_000_000_000)
            var draw = IndexDraw(seed: seed, sequence: 3)
            return (0..<200).map { step in
                let call = draw.call(at: step, model)
                draw.learn(call, model.answer(call))
                return call
            }
        }
        #expect(calls(5) == calls(5))
        #expect(calls(5) != calls(6))
    }

    @Test("an entry's bytes are read as they were written")
    func entries() {
        var job = Self.job(7, family: FamilyID(UUIDBytes(high: 2, low: 3)), priority: .low)
        job.failures = 4
        job.crashes = 2
        #expect(FastJob(bytes: job.bytes) == job)
        #expect(FastJob(bytes: Array(job.bytes.prefix(20))) == nil)
    }

    @Test("a difference names the key and both sides")
    func differences() throws {
        var (model, redis) = (Keyspace(), Keyspace())
        #expect(Keyspace.difference(model: model, redis: redis) == nil)
        model.keys[Array("{m:q}:wake".utf8)] = KeyContents(.list([[0x31]]))
        redis.keys[Array("{m:q}:wake".utf8)] = KeyContents(.list([[0x31]]), expires: 5)
        let text = try #require(Keyspace.difference(model: model, redis: redis))
        #expect(text.contains("{m:q}:wake"))
        #expect(text.contains("until 5"))
    }
}

@Suite("Shrinker")
struct ShrinkerTests {
    @Test("what is needed is left, in its order")
    func pair() async {
        let shrunk = await Shrinker.shrink(Array(0..<500)) { $0.contains(17) && $0.contains(423) }
        #expect(shrunk == [17, 423])
    }

    @Test("a list of one is as short as it gets")
    func one() async {
        let shrunk = await Shrinker.shrink(Array(0..<64)) { $0.contains(63) }
        #expect(shrunk == [63])
    }

    @Test("where the order counts, the list still fails in the end, and no element can be left out")
    func threshold() async {
        // Fails with at least five even numbers.
        func fails(_ list: [Int]) -> Bool { list.count { $0.isMultiple(of: 2) } >= 5 }
        let shrunk = await Shrinker.shrink(Array(0..<100)) { fails($0) }
        #expect(shrunk.count == 5)
        #expect(fails(shrunk))
    }

    @Test("it gives up after so many attempts, with a list that fails")
    func bound() async {
        var attempts = 0
        let shrunk = await Shrinker.shrink(Array(0..<1000), attempts: 10) { list in
            attempts += 1
            return list.contains(999)
        }
        #expect(attempts <= 10)
        #expect(shrunk.contains(999))
    }
}
