// Every (state, event) pair of a job's life, and a seeded walk that checks the invariants of JobLife.swift.

import JobModel
import Testing

@Suite("A job's life")
struct JobLifeTests {
    /// The transitions of docs/job-life.md, as (state, event's name) to state.
    static let exits: [JobState: [String: JobState]] = [
        .scheduled: ["promote": .available, "cancel": .cancelled],
        .available: ["begin": .running, "cancel": .cancelled],
        .running: [
            "succeeded": .succeeded, "retry": .scheduled, "snooze": .scheduled, "park": .parked, "dead": .dead,
            "cancelled": .cancelled, "giveBack": .available, "crash": .available, "lastCrash": .dead,
        ],
        .parked: ["unpark": .available, "cancel": .cancelled],
        .succeeded: [:],
        .dead: ["retryByHand": .available],
        .cancelled: ["retryByHand": .available],
    ]

    static func events(epoch: Int64) -> [(String, JobLife.Event)] {
        [
            ("promote", .promote), ("begin", .begin), ("unpark", .unpark), ("cancel", .cancel), ("retryByHand", .retry),
            ("succeeded", .settle(epoch: epoch, .succeeded)),
            ("retry", .settle(epoch: epoch, .retry(after: .seconds(1)))),
            ("snooze", .settle(epoch: epoch, .snooze(for: .seconds(1)))),
            ("park", .settle(epoch: epoch, .park(.unknownKind, probeAfter: .seconds(1)))),
            ("dead", .settle(epoch: epoch, .dead(spent: true, .discarded))),
            ("cancelled", .settle(epoch: epoch, .cancelled)), ("giveBack", .settle(epoch: epoch, .giveBack)),
            ("crash", .crash(epoch: epoch)),
        ]
    }

    @Test("each state has the exits of the diagram and no others", arguments: JobState.allCases)
    func exitsOfEachState(state: JobState) throws {
        for (name, event) in Self.events(epoch: 7) {
            let life = JobLife(state: state, attempt: 3, failures: 1, crashes: 0, epoch: 7)
            let expected = Self.exits[state]?[name]
            let next = try? life.after(event)
            #expect(next?.state == expected, "\(state) --\(name)--> \(String(describing: next?.state))")
        }
    }

    @Test("an attempt of an old epoch settles nothing")
    func oldEpochIsFenced() {
        let life = JobLife(state: .running, attempt: 2, epoch: 2)
        for (name, event) in Self.events(epoch: 1) {
            guard ["succeeded", "retry", "snooze", "park", "dead", "cancelled", "giveBack", "crash"].contains(name)
            else {
                continue
            }
            #expect(throws: JobLife.Refusal.fenced) { try life.after(event) }
        }
    }

    @Test("a crash, a park and a giving back take the attempt back, a failure does not")
    func attemptsCountRunsThatEnded() throws {
        let running = JobLife(state: .running, attempt: 3, failures: 1, crashes: 1, epoch: 5)
        let crashed = try running.after(.crash(epoch: 5))
        #expect(crashed.attempt == 2)
        #expect(crashed.crashes == 2)
        #expect(crashed.failures == 1)
        let parked = try running.after(.settle(epoch: 5, .park(.databaseDown, probeAfter: .seconds(1))))
        #expect(parked.attempt == 2)
        #expect(parked.failures == 1)
        let returned = try running.after(.settle(epoch: 5, .giveBack))
        #expect(returned.attempt == 2)
        let failed = try running.after(.settle(epoch: 5, .retry(after: .seconds(1))))
        #expect(failed.attempt == 3)
        #expect(failed.failures == 2)
    }

    @Test("a job that was aboard one crash too many is dead")
    func poison() throws {
        let life = JobLife(state: .running, attempt: 1, crashes: JobLimits.crashesMax, epoch: 4)
        #expect(try life.after(.crash(epoch: 4)).state == .dead)
    }

    @Test("a job that was aboard all crashes that are forgiven is quarantined, until a person retries it")
    func quarantine() throws {
        var life = JobLife()
        for crashes in 0..<JobLimits.crashesMax {
            #expect(life.crashes == crashes)
            #expect(!life.isQuarantined)
            life = try life.after(.begin)
            life = try life.after(.crash(epoch: life.epoch))
        }
        #expect(life.state == .available)
        #expect(life.isQuarantined)
        let suspect = life
        for settlement in [Settlement.retry(after: .zero), .snooze(for: .zero), .giveBack] {
            life = try suspect.after(.begin)
            life = try life.after(.settle(epoch: life.epoch, settlement))
            #expect(life.isQuarantined)
        }
        life = try suspect.after(.begin)
        life = try life.after(.crash(epoch: life.epoch))
        #expect(life.state == .dead)
        life = try life.after(.retry)
        #expect(!life.isQuarantined)
    }

    @Test("a seeded walk keeps the invariants", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func walk(seed: UInt64) {
        var generator = SplitMix64(state: seed)
        var life = JobLife()
        var begins: Int64 = 0
        for _ in 0..<20_000 {
            let epoch = Bool.random(using: &generator) ? life.epoch : life.epoch - 1
            let events = Self.events(epoch: epoch)
            let event = events[Int.random(in: 0..<events.count, using: &generator)].1
            guard let next = try? life.after(event) else { continue }
            if event == .begin { begins += 1 }
            #expect(next.epoch == begins)
            #expect(next.epoch >= life.epoch)
            #expect(next.attempt >= 0)
            #expect(next.failures >= 0)
            #expect(next.failures <= next.attempt)
            #expect(next.crashes <= JobLimits.crashesMax + 1)
            // Nobody dies of a crash that was not quarantined before it.
            if case .crash = event { #expect((next.state == .dead) == life.isQuarantined) }
            life = next.state == .succeeded ? JobLife(epoch: begins) : next
        }
        #expect(begins > 100)
    }
}

/// A small seeded generator (Steele, Lea, Flood 2014), so that a walk can be walked again.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
