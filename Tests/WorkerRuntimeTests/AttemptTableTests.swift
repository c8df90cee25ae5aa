// The table of attempts and slots, moved by hand: no task, no clock.

import JobModel
import Testing

@testable import JobQueue
@testable import WorkerRuntime

private typealias Instant = ContinuousClock.Instant

private func assignment(_ job: JobID = .mint(), epoch: Int64 = 1, timeout: Duration = .seconds(10)) -> Assignment {
    Assignment(
        id: AttemptID(job: job, epoch: epoch),
        work: .durable(
            BegunJob(
                id: job, kind: "test.a", queue: .default, target: .platform, payload: [], payloadVersion: 1, attempt: 1,
                failures: 0, crashes: 0, epoch: epoch, maxAttempts: 1, idempotencyKey: nil)),
        handler: nil, timeout: timeout)
}

@Suite("The table of attempts")
struct AttemptTableTests {
    private let now = ContinuousClock.now

    @Test("slots are started up to the capacity; what is more waits, first in first out")
    func capacity() {
        var table = AttemptTable(capacity: 2)
        let all = (0..<4).map { _ in assignment() }
        let starts = table.assign(all, now: self.now)
        #expect(starts.map(\.turn.assignment.id) == all[..<2].map(\.id))
        #expect(starts.map(\.isNew) == [true, true])
        #expect(table.waiting == 2)
        let freed = table.finish(starts[0].turn, now: self.now)
        #expect(freed?.isEmpty == true)
        guard case .run(let turn) = table.next(for: starts[0].slot, isWaiting: true, now: self.now) else {
            Issue.record("the slot has nothing to do")
            return
        }
        #expect(turn.assignment.id == all[2].id)
        #expect(table.count == 4)
        let forgot = [table.forget(all[0].id), table.forget(all[0].id)]
        #expect(forgot == [true, false])
        #expect(table.count == 3)
    }

    @Test("an idle slot is used before a new one is started")
    func idleSlots() {
        var table = AttemptTable(capacity: 4)
        let first = assignment()
        let start = table.assign([first], now: self.now)[0]
        let slot = start.slot
        _ = table.finish(start.turn, now: self.now)
        guard case .wait = table.next(for: slot, isWaiting: true, now: self.now) else {
            Issue.record("there is something to do")
            return
        }
        let starts = table.assign([assignment(), assignment()], now: self.now)
        #expect(starts.map(\.isNew) == [false, true])
        #expect(starts[0].slot == slot)
    }

    @Test("a second hint of an attempt that is here is left out; another epoch of its job is not")
    func hints() {
        var table = AttemptTable(capacity: 4)
        let first = assignment()
        let found1 = table.assign([first], now: self.now).count
        #expect(found1 == 1)
        let found2 = table.assign([first], now: self.now).isEmpty
        #expect(found2)
        let found3 = table.assign([assignment(first.id.job, epoch: 2)], now: self.now).count
        #expect(found3 == 1)
        #expect(table.count == 2)
        let found4 = table.interrupt(first.id.job, because: .cancelledByHand, now: self.now).count
        #expect(found4 == 2)
    }

    @Test("an attempt over its deadline is cut short, and abandoned when it does not heed that")
    func deadlines() {
        var table = AttemptTable(capacity: 1)
        let (slow, next) = (assignment(timeout: .seconds(1)), assignment())
        let start = table.assign([slow, next], now: self.now)[0]
        let slot = start.slot
        let found5 = table.sweep(now: self.now + .milliseconds(999), grace: .seconds(5)).cancel.isEmpty
        #expect(found5)
        let late = table.sweep(now: self.now + .seconds(1), grace: .seconds(5))
        #expect(late.cancel == [slot])
        #expect(late.abandoned.isEmpty)
        #expect(table.interruption(of: slow.id) == .timeout)
        #expect(table.isRetired(slot))
        let found6 = table.sweep(now: self.now + .seconds(5), grace: .seconds(5)).abandoned.isEmpty
        #expect(found6)
        // Its place is another's then.
        let gone = table.sweep(now: self.now + .seconds(6), grace: .seconds(5))
        #expect(gone.abandoned.map(\.id) == [slow.id])
        #expect(gone.starts.map(\.turn.assignment.id) == [next.id])
        #expect(gone.starts.first?.isNew == true)
        // What it returns in the end does not count, and its slot ends.
        let found7 = table.finish(start.turn, now: self.now)
        #expect(found7 == nil)
        // Not even when its outcome is written and its place is another's.
        _ = table.forget(slow.id)
        _ = table.assign([assignment()], now: self.now)
        let stale = table.finish(start.turn, now: self.now)
        #expect(stale == nil)
        guard case .end = table.next(for: slot, isWaiting: true, now: self.now) else {
            Issue.record("a retired slot goes on")
            return
        }
    }

    @Test("an attempt that heeds its interruption counts, and its retired slot is replaced")
    func heeded() {
        var table = AttemptTable(capacity: 1)
        let (first, second) = (assignment(), assignment())
        let start = table.assign([first, second], now: self.now)[0]
        let slot = start.slot
        let found8 = table.interrupt(first.id.job, because: .cancelledByHand, now: self.now)
        #expect(found8 == [slot])
        let found9 = table.interrupt(first.id.job, because: .timeout, now: self.now).isEmpty
        #expect(found9)
        let starts = table.finish(start.turn, now: self.now)
        #expect(starts?.map(\.turn.assignment.id) == [second.id])
        #expect(table.interruption(of: first.id) == .cancelledByHand)
    }

    @Test("what waits can be taken back, and what comes while all is cut short does not run")
    func draining() {
        var table = AttemptTable(capacity: 1)
        let all = (0..<3).map { _ in assignment() }
        let start = table.assign(all, now: self.now)[0]
        let slot = start.slot
        let found10 = table.takeWaiting().map(\.id)
        #expect(found10 == all[1...].map(\.id))
        #expect(table.waiting == 0)
        let found11 = table.interruptAll(because: .workerStopping, now: self.now)
        #expect(found11 == [slot])
        _ = table.finish(start.turn, now: self.now)
        let late = table.assign([assignment()], now: self.now)
        #expect(late.first?.turn.interruption == .workerStopping)
        let found12 = table.close().isEmpty
        #expect(found12)
        let found13 = table.assign([assignment()], now: self.now).isEmpty
        #expect(found13)
    }

    @Test("a random walk keeps the invariants", arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func randomWalk(seed: UInt64) {
        var random = SplitMix(state: seed)
        var table = AttemptTable(capacity: 3)
        var now = self.now
        var running: [Int: AttemptTable.Turn] = [:]
        var idle: Set<Int> = []
        var settling: [AttemptID] = []
        var finished = 0
        func perform(_ starts: [AttemptTable.Start]) {
            for start in starts {
                #expect(running[start.slot] == nil)
                #expect(start.isNew != idle.contains(start.slot))
                idle.remove(start.slot)
                running[start.slot] = start.turn
            }
        }
        var abandoned: Set<AttemptID> = []
        for _ in 0..<2000 {
            now += .milliseconds(Int(random.next() % 700))
            switch random.next() % 10 {
            case 0...3: perform(table.assign([assignment(timeout: .seconds(3))], now: now))
            case 4...6:
                guard let (slot, turn) = running.randomElement(using: &random) else { continue }
                running[slot] = nil
                let starts = table.finish(turn, now: now)
                #expect((starts == nil) == abandoned.contains(turn.assignment.id))
                if let starts {
                    settling.append(turn.assignment.id)
                    finished += 1
                    perform(starts)
                }
                switch table.next(for: slot, isWaiting: true, now: now) {
                case .run(let turn): running[slot] = turn
                case .wait: idle.insert(slot)
                case .end: break
                }
            case 7:
                if let id = settling.popLast() {
                    let wasHere = table.forget(id)
                    #expect(wasHere)
                }
            case 8:
                if let turn = running.values.randomElement(using: &random) {
                    _ = table.interrupt(turn.assignment.id.job, because: .cancelledByHand, now: now)
                }
            default:
                let swept = table.sweep(now: now, grace: .seconds(1))
                for assignment in swept.abandoned {
                    abandoned.insert(assignment.id)
                    settling.append(assignment.id)
                }
                perform(swept.starts)
            }
            let counting = running.values.count { !abandoned.contains($0.assignment.id) }
            #expect(counting <= 3)
            #expect(table.waiting == 0 || idle.isEmpty, "seed \(seed)")
        }
        #expect(finished > 100)
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

@Suite("Prefetch")
struct PrefetchTests {
    @Test("is what is done in its horizon, bounded, and falls when little is done")
    func allowance() {
        var prefetch = Prefetch()
        var now = ContinuousClock.now
        #expect(prefetch.allowance == 0)
        for round in 1...20 {
            prefetch.measure(ended: round * 100, now: now)
            now += .milliseconds(10)
        }
        // 10,000 a second.
        #expect((490...500).contains(prefetch.allowance))
        for round in 1...40 {
            prefetch.measure(ended: 2000 + round * 10_000, now: now)
            now += .milliseconds(10)
        }
        #expect(prefetch.allowance == Prefetch.most)
        for _ in 0..<20 {
            prefetch.measure(ended: 402_000, now: now)
            now += .milliseconds(100)
        }
        #expect(prefetch.allowance < 10)
    }
}
