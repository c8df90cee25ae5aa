// What a soak's jobs are, and what must have become of each at the end.

import JobModel

/// One job's kind and payload, with what it must lead to.
enum SoakPlan: Sendable, Hashable {
    /// One row in the target's database, after the seconds.
    case effect(seconds: Double?)
    /// The same, of a fast kind.
    case fastEffect(seconds: Double?)
    case noop
    case sleep(seconds: Double)
    /// Fails so often; more than four times is too often for its kind.
    case fail(times: Int)
    case failForGood
    case undecodable
    /// Kills its process so often, then succeeds.
    case crash(times: Int)
    case fastCrash(times: Int)
    /// Kills every process it is aboard.
    case poison
    case fastPoison

    /// As `diagnostic.fail` declares it.
    static let failuresMax = 5

    var kind: JobKind {
        switch self {
        case .effect: "diagnostic.effect"
        case .fastEffect: "diagnostic.fast_effect"
        case .noop: "diagnostic.noop"
        case .sleep, .undecodable: "diagnostic.sleep"
        case .fail, .failForGood: "diagnostic.fail"
        case .crash, .poison: "diagnostic.crash"
        case .fastCrash, .fastPoison: "diagnostic.fast_crash"
        }
    }

    func payload(number: Int) -> String {
        switch self {
        case .effect(let seconds), .fastEffect(let seconds):
            let note = "\"note\": \"soak \(number)\""
            return seconds.map { "{\(note), \"seconds\": \($0)}" } ?? "{\(note)}"
        case .noop: return "{}"
        case .sleep(let seconds): return "{\"seconds\": \(seconds)}"
        case .fail(let times): return "{\"times\": \(times)}"
        case .failForGood: return "{\"permanent\": true}"
        case .undecodable: return "{\"seconds\": \"a while\"}"
        case .crash(let times), .fastCrash(let times): return "{\"times\": \(times)}"
        case .poison, .fastPoison: return "{\"times\": 1000}"
        }
    }

    var durability: Durability {
        switch self {
        case .fastEffect, .fastCrash, .fastPoison: .fast
        case .effect, .noop, .sleep, .fail, .failForGood, .undecodable, .crash, .poison: .durable
        }
    }

    /// Whether it kills who runs it. Such jobs have a queue of their own, which not every worker has.
    var kills: Bool {
        switch self {
        case .crash, .poison, .fastCrash, .fastPoison: true
        case .effect, .fastEffect, .noop, .sleep, .fail, .failForGood, .undecodable: false
        }
    }

    /// Whether it leaves rows that the queue does not own.
    var hasEffect: Bool {
        switch self {
        case .effect, .fastEffect: true
        case .noop, .sleep, .fail, .failForGood, .undecodable, .crash, .poison, .fastCrash, .fastPoison: false
        }
    }

    /// How a durable job may be dead, and with how many failures; nil: only as poison.
    var death: (reason: DeathReason, failures: Int)? {
        switch self {
        case .fail(let times) where times >= Self.failuresMax: (.attemptsExhausted, Self.failuresMax)
        case .failForGood: (.discarded, 1)
        case .undecodable: (.undecodable, 0)
        case .effect, .fastEffect, .noop, .sleep, .fail, .crash, .poison, .fastCrash, .fastPoison: nil
        }
    }

    /// How many times its handler has failed when it succeeds.
    var failuresOfSuccess: Int {
        if case .fail(let times) = self { times } else { 0 }
    }

    /// An everyday job.
    static func random(using random: inout SeededRandom) -> SoakPlan {
        let pause: Double? =
            switch Int.random(in: 0..<100, using: &random) {
            case ..<60: nil
            case ..<96: Double(Int.random(in: 1...600, using: &random)) / 1000
            default: Double(Int.random(in: 2000...8000, using: &random)) / 1000
            }
        switch Int.random(in: 0..<1000, using: &random) {
        case ..<380: return .effect(seconds: pause)
        case ..<680: return .fastEffect(seconds: pause)
        case ..<810: return .noop
        case ..<890: return .sleep(seconds: Double(Int.random(in: 20...3000, using: &random)) / 1000)
        case ..<970: return .fail(times: Int.random(in: 1...6, using: &random))
        case ..<985: return .failForGood
        default: return .undecodable
        }
    }
}
