// The first of several possible endings: whoever sets it first wins, the others are ignored, one waiter gets it.

internal import Synchronization

/// A value that is set once.
final class FirstValue<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiter: CheckedContinuation<Value, Never>?
        var observers: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    /// Sets the value, if none is set.
    func set(_ value: Value) {
        let (waiter, observers) = self.state.withLock { state in
            guard state.value == nil else {
                return (nil as CheckedContinuation<Value, Never>?, [] as [@Sendable () -> Void])
            }
            state.value = value
            defer {
                state.waiter = nil
                state.observers = []
            }
            return (state.waiter, state.observers)
        }
        waiter?.resume(returning: value)
        for observer in observers { observer() }
    }

    /// Calls back once the value is set; at once, if it is.
    func onSet(_ observer: @escaping @Sendable () -> Void) {
        let now = self.state.withLock { state in
            if state.value == nil { state.observers.append(observer) }
            return state.value != nil
        }
        if now { observer() }
    }

    /// Waits for the value. One waiter. Not ended by cancellation: whoever sets it bounds the wait.
    func value() async -> Value {
        await withCheckedContinuation { continuation in
            let value = self.state.withLock { state -> Value? in
                if state.value == nil { state.waiter = continuation }
                return state.value
            }
            if let value { continuation.resume(returning: value) }
        }
    }
}
