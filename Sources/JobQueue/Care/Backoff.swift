// Waits between attempts to reach a server that is away: doubling, with jitter, bounded so that work resumes within
// seconds of the server's return.

/// The pauses of a loop that tries again for ever.
package struct Backoff: Sendable {
    private let first: Duration
    private let longest: Duration
    private var next: Duration

    package init(first: Duration = .milliseconds(50), longest: Duration = .seconds(1)) {
        self.first = first
        self.longest = longest
        self.next = first
    }

    /// The loop succeeded: the next pause is the first again.
    package mutating func reset() { self.next = self.first }

    /// The next pause: half of it fixed, half random.
    package mutating func nextPause() -> Duration {
        let pause = self.next / 2 + self.next / 2 * Double.random(in: 0..<1)
        self.next = min(self.next * 2, self.longest)
        return pause
    }

    /// Sleeps; returns early when the task is cancelled.
    package mutating func pause() async {
        try? await Task.sleep(for: self.nextPause())
    }
}
