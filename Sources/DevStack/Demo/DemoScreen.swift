// How the reader is told: lines, and on a terminal one line that is written again and again.

internal import Synchronization

/// Shows how far the demonstration is.
public final class DemoScreen: Sendable {
    private let write: @Sendable (String) -> Void
    private let isTerminal: Bool
    private let state = Mutex(State())

    private struct State {
        /// What the live line says.
        var live: String?
        /// Whether it is to be seen: where nothing can be rewritten, not each step of it is.
        var isShown = true
        var shownAt: ContinuousClock.Instant?
    }

    /// How often the live line is written where it cannot be rewritten.
    private static let pause: Duration = .seconds(1)

    /// - Parameters:
    ///   - isTerminal: Whether a carriage return goes back to the line's beginning.
    ///   - write: Writes a text as it is; called by one task at a time.
    public init(isTerminal: Bool, write: @escaping @Sendable (String) -> Void) {
        self.isTerminal = isTerminal
        self.write = write
    }

    /// A line that stays.
    func line(_ text: String) {
        self.state.withLock { state in
            if self.isTerminal, state.live != nil { self.write("\r\u{1B}[K") }
            state = State()
            self.write(text + "\n")
        }
    }

    func title(_ text: String) { self.line("\n\(text)") }

    /// A line that the next one replaces; where that is not possible, a line now and then.
    func live(_ text: String) {
        self.state.withLock { state in
            guard state.live != text else { return }
            state.live = text
            if self.isTerminal { return self.write("\r\u{1B}[K  \(text)") }
            let now = ContinuousClock.now
            state.isShown = state.shownAt.map { now - $0 >= Self.pause } ?? true
            guard state.isShown else { return }
            state.shownAt = now
            self.write("  \(text)\n")
        }
    }

    /// Keeps what the live line says.
    func keepLive() {
        self.state.withLock { state in
            if let live = state.live {
                if self.isTerminal { self.write("\n") } else if !state.isShown { self.write("  \(live)\n") }
            }
            state = State()
        }
    }

    func show(_ check: DemoReport.Check) { self.line(check.text) }
}

/// `[######    ]  6 of 10`
func progressBar(_ done: Int, of total: Int, width: Int = 30) -> String {
    let filled = total == 0 ? width : width * min(done, total) / total
    let bar = String(repeating: "#", count: filled) + String(repeating: " ", count: width - filled)
    return "[\(bar)]  \(done) of \(total)"
}
