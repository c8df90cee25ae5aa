// How many jobs a session claims beyond its free slots: what it will have done in a moment, so that its slots need not
// wait for the next round trip. A session of long jobs claims none ahead: others may be free for them.

/// A measure of how fast a session ends attempts. Pure.
struct Prefetch {
    /// As far ahead as that.
    static let horizon: Duration = .milliseconds(50)
    /// Never more than so many.
    static let most = 4000
    /// Shorter spans tell nothing.
    private static let shortest: Duration = .milliseconds(5)

    private var perSecond = 0.0
    private var last: (ended: Int, at: ContinuousClock.Instant)?

    /// How many jobs may be claimed ahead.
    var allowance: Int { min(Self.most, Int(self.perSecond * Self.horizon.seconds)) }

    /// Takes in how many attempts have ended so far.
    mutating func measure(ended: Int, now: ContinuousClock.Instant) {
        guard let last = self.last else {
            self.last = (ended, now)
            return
        }
        let span = now - last.at
        guard span >= Self.shortest else { return }
        let current = Double(ended - last.ended) / span.seconds
        self.perSecond = (self.perSecond + current) / 2
        self.last = (ended, now)
    }
}

extension Duration {
    fileprivate var seconds: Double {
        let (seconds, attoseconds) = self.components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
