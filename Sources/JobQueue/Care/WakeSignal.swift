// Lets one task sleep until somebody wakes it, or a time is over. Wakes that come while nobody sleeps are kept, as one.

internal import Synchronization

/// A wake-up call for one waiter.
package final class WakeSignal: Sendable {
    private enum State {
        case idle
        case woken
        case waiting(CheckedContinuation<Void, Never>, ticket: UInt64)
    }

    private let state = Mutex<(state: State, ticket: UInt64)>((.idle, 0))

    package init() {}

    /// Wakes the waiter, or the next one to come.
    package func wake() {
        let continuation = self.state.withLock { current -> CheckedContinuation<Void, Never>? in
            switch current.state {
            case .idle, .woken:
                current.state = .woken
                return nil
            case .waiting(let continuation, _):
                current.state = .idle
                return continuation
            }
        }
        continuation?.resume()
    }

    /// Waits for a wake, the time, or the task's cancellation, whichever is first. One waiter at a time.
    package func wait(atMost timeout: Duration) async {
        let ticket = self.state.withLock { current in
            current.ticket += 1
            return current.ticket
        }
        let timer = Mutex<Task<Void, Never>?>(nil)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resume = self.state.withLock { current -> Bool in
                    switch current.state {
                    case .woken:
                        current.state = .idle
                        return true
                    case .idle:
                        if Task.isCancelled { return true }
                        current.state = .waiting(continuation, ticket: ticket)
                        return false
                    case .waiting:
                        preconditionFailure("a WakeSignal has two waiters")
                    }
                }
                if resume { return continuation.resume() }
                // Only now: a time that is over before anybody waits would be lost.
                // Owner: this call. It ends with the sleep, which the call cancels.
                timer.withLock {
                    $0 = Task {
                        try? await Task.sleep(for: timeout)
                        self.give(up: ticket)
                    }
                }
            }
        } onCancel: {
            self.give(up: ticket)
        }
        timer.withLock { $0 }?.cancel()
    }

    private func give(up ticket: UInt64) {
        let continuation = self.state.withLock { current -> CheckedContinuation<Void, Never>? in
            guard case .waiting(let continuation, ticket) = current.state else { return nil }
            current.state = .idle
            return continuation
        }
        continuation?.resume()
    }
}
