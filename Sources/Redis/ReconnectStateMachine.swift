// When to connect, and when to try again: a value, driven by `RedisNode`, which owns the socket and the timer.
//
// Invariants: (1) at most one attempt is under way; (2) an event that belongs to an older connection changes nothing;
// (3) after the first demand it keeps trying without end, until `close`; (4) nothing leaves `closed`.

struct ReconnectStateMachine: Equatable {
    enum State: Equatable {
        /// Nobody asked yet. → connecting, closed
        case idle
        /// An attempt is under way. → connected, backingOff, closed
        case connecting(failures: Int)
        /// There is a connection, the `generation`th. → backingOff, closed
        case connected
        /// A timer runs. → connecting, closed
        case backingOff(failures: Int)
        /// The end.
        case closed
    }

    enum Action: Equatable {
        case connect
        /// Start a timer, then say `backoffElapsed`.
        case wait(Duration)
        /// Publish the new connection under this number.
        case publish(generation: Int)
        /// Close the connection just made; nobody wants it.
        case discard
        case none
    }

    private(set) var state: State = .idle
    /// The number of connections made so far.
    private(set) var generation = 0

    /// A caller needs a connection.
    mutating func demand() -> Action {
        switch self.state {
        case .idle:
            self.state = .connecting(failures: 0)
            return .connect
        case .connecting, .connected, .backingOff, .closed:
            return .none
        }
    }

    /// The attempt ended with a usable connection.
    mutating func connectSucceeded() -> Action {
        switch self.state {
        case .connecting:
            self.state = .connected
            self.generation += 1
            return .publish(generation: self.generation)
        case .idle, .connected, .backingOff, .closed:
            return .discard
        }
    }

    /// The attempt failed. `jitter` is random, from 0 up to 1.
    mutating func connectFailed(jitter: Double) -> Action {
        switch self.state {
        case .connecting(let failures):
            self.state = .backingOff(failures: failures + 1)
            return .wait(ReconnectBackoff.delay(failures: failures + 1, jitter: jitter))
        case .idle, .connected, .backingOff, .closed:
            return .none
        }
    }

    /// The connection with this number ended.
    mutating func connectionLost(generation: Int, jitter: Double) -> Action {
        switch self.state {
        case .connected where generation == self.generation:
            // Not at once: a server that accepts and hangs up must not be called in a tight loop.
            self.state = .backingOff(failures: 0)
            return .wait(ReconnectBackoff.delay(failures: 0, jitter: jitter))
        case .idle, .connecting, .connected, .backingOff, .closed:
            return .none
        }
    }

    /// The timer rang.
    mutating func backoffElapsed() -> Action {
        switch self.state {
        case .backingOff(let failures):
            self.state = .connecting(failures: failures)
            return .connect
        case .idle, .connecting, .connected, .closed:
            return .none
        }
    }

    /// The owner is done.
    mutating func close() { self.state = .closed }
}

/// How long to wait before the next attempt.
enum ReconnectBackoff {
    /// Twice the shortest wait (50 ms), which is short enough that a restarted server is found within the second.
    static let base: Duration = .milliseconds(100)
    /// The longest: "workers resume within 5 s" leaves room for two attempts.
    static let max: Duration = .seconds(2)

    /// Doubles with each failure up to `max`; the upper half is random, so that clients do not come back in step.
    static func delay(failures: Int, jitter: Double) -> Duration {
        let doublings = min(Swift.max(failures - 1, 0), 16)
        let full = min(self.max, self.base * (1 << doublings))
        return full / 2 + (full / 2) * jitter
    }
}
