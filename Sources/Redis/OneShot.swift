// A result that arrives once and is awaited once: the bridge from the event loop to an async caller.
//
// Not a future with many readers. Invariants: (1) the first completion wins, later ones are ignored (so a cancelled
// caller leaves at once and its reply, when it comes, is discarded in order); (2) the continuation is resumed exactly
// once, outside the lock.

import Synchronization

final class OneShot<Value: Sendable>: Sendable {
    private enum State {
        /// → awaited, completed
        case empty
        /// → taken
        case awaited(CheckedContinuation<Value, any Error>)
        /// → taken
        case completed(Result<Value, any Error>)
        case taken
    }

    private let state = Mutex<State>(.empty)

    init() {}

    /// Completes it, unless it is complete already. Returns whether this was the first completion.
    @discardableResult
    func complete(_ result: Result<Value, any Error>) -> Bool {
        let (isFirst, continuation): (Bool, CheckedContinuation<Value, any Error>?) = self.state.withLock { state in
            switch state {
            case .empty:
                state = .completed(result)
                return (true, nil)
            case .awaited(let continuation):
                state = .taken
                return (true, continuation)
            case .completed, .taken:
                return (false, nil)
            }
        }
        continuation?.resume(with: result)
        return isFirst
    }

    /// Waits for the result. To be called once. A cancelled task gets `CancellationError` at once.
    func value() async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Value, any Error>? = self.state.withLock { state in
                    switch state {
                    case .empty:
                        state = .awaited(continuation)
                        return nil
                    case .completed(let result):
                        state = .taken
                        return result
                    case .awaited, .taken:
                        preconditionFailure("a OneShot is awaited once")
                    }
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            self.complete(.failure(CancellationError()))
        }
    }

    /// The result if it is there and nobody took it; for tests.
    var outcome: Result<Value, any Error>? {
        self.state.withLock { state in
            if case .completed(let result) = state { result } else { nil }
        }
    }
}
