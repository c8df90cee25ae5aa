// When a server that could not be reached may be tried again: a value that `PoolState` keeps per server. It holds no
// clock, and its randomness is handed in. Invariants:
//  1. One attempt a delay, whoever asks; that it is under way is not waited for, so a lost one stops nothing.
//  2. The delay doubles with each attempt and never passes `delayMax`: that soon after its return, a server is found.

struct ServerOutage {
    typealias Instant = ContinuousClock.Instant

    /// Twice the shortest delay: short enough for the blink of a restart.
    static let delayBase: Duration = .milliseconds(100)
    static let delayMax: Duration = .seconds(1)

    /// Why the last attempt failed.
    private(set) var failure: PostgresError
    private var attempts = 1
    private var nextAttemptAt: Instant

    /// - Parameter jitter: random, from 0 up to 1.
    init(_ failure: PostgresError, now: Instant, jitter: Double) {
        self.failure = failure
        self.nextAttemptAt = now + Self.delay(attempts: 1, jitter: jitter)
    }

    /// Another attempt failed, perhaps one that began before the outage was known.
    mutating func failed(_ failure: PostgresError) { self.failure = failure }

    /// Whether an attempt may begin now. If so, this counts as its beginning.
    mutating func beginAttempt(now: Instant, jitter: Double) -> Bool {
        guard nextAttemptAt <= now else { return false }
        attempts += 1
        nextAttemptAt = now + Self.delay(attempts: attempts, jitter: jitter)
        return true
    }

    /// The upper half is random, so that processes do not come back in step.
    static func delay(attempts: Int, jitter: Double) -> Duration {
        let doublings = min(max(attempts - 1, 0), 16)
        let full = min(delayMax, delayBase * (1 << doublings))
        return full / 2 + (full / 2) * jitter
    }
}

/// Random fractions from a seed: a pool's own, so that processes differ, or a test's, so that a walk can be repeated.
struct Jitter {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// From 0 up to 1 (SplitMix64, its upper 53 bits).
    mutating func next() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
    }
}
