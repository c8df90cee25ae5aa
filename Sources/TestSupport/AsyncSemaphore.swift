// A bound on how many tasks do something at once: a counting semaphore whose waiters are suspended, not blocked.
//
// Invariants:
// 1. Places taken are never more than there are.
// 2. Places are given in the order of asking; nobody overtakes a waiter.
// 3. A waiter whose task is cancelled leaves the line at once and takes no place.

internal import Synchronization

/// A fixed number of places, taken and given back.
///
/// A task that holds a place and asks for another may wait for itself: what can nest has to know that it does.
public final class AsyncSemaphore: Sendable {
    private struct Line {
        var free: Int
        var nextTicket = 0
        /// Oldest first; empty while a place is free.
        var waiters: [(ticket: Int, continuation: CheckedContinuation<Void, any Error>)] = []

        mutating func removeWaiter(_ ticket: Int) -> CheckedContinuation<Void, any Error>? {
            guard let index = self.waiters.firstIndex(where: { $0.ticket == ticket }) else { return nil }
            return self.waiters.remove(at: index).continuation
        }
    }

    private let line: Mutex<Line>

    /// - Parameter places: at least one.
    public init(places: Int) {
        precondition(places > 0, "a semaphore without places would never let anybody pass")
        self.line = Mutex(Line(free: places))
    }

    /// Tasks that are waiting now.
    public var waiting: Int { self.line.withLock { $0.waiters.count } }

    /// Takes a place, which the caller gives back by `release()`. Waits as long as there is none.
    ///
    /// - Throws: `CancellationError`, with no place taken, if the task is cancelled before it has one.
    public func acquire() async throws {
        let ticket = self.line.withLock { line in
            line.nextTicket += 1
            return line.nextTicket
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Void, any Error>? = self.line.withLock { line in
                    // Asked under the lock: a cancellation that comes later finds the waiter in the line.
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if line.free > 0 {
                        line.free -= 1
                        return .success(())
                    }
                    line.waiters.append((ticket, continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            self.line.withLock { $0.removeWaiter(ticket) }?.resume(throwing: CancellationError())
        }
    }

    /// Gives a place back: to the one who has waited longest, if anybody waits.
    public func release() {
        let next = self.line.withLock { line -> CheckedContinuation<Void, any Error>? in
            guard !line.waiters.isEmpty else {
                line.free += 1
                return nil
            }
            return line.waiters.removeFirst().continuation
        }
        next?.resume()
    }
}
