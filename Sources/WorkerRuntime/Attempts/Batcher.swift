// Gathers items while a write is under way, so that batches grow with the load and a lone item does not wait.

internal import JobQueue
internal import Synchronization

/// Many writers, one loop that takes what they handed in.
final class Batcher<Item: Sendable>: Sendable {
    private struct State {
        var waiting: [Item] = []
        var isFinished = false
    }

    private let most: Int
    private let state = Mutex(State())
    private let signal = WakeSignal()

    /// - Parameter most: How many items a batch has at most.
    init(most: Int) {
        self.most = most
    }

    /// Hands an item in; returns at once.
    func add(_ item: Item) {
        let isFirst = self.state.withLock { state in
            state.waiting.append(item)
            return state.waiting.count == 1
        }
        if isFirst { self.signal.wake() }
    }

    /// Tells the loop to end once all is written.
    func finish() {
        self.state.withLock { $0.isFinished = true }
        self.signal.wake()
    }

    /// Writes until finished and empty, or cancelled.
    func run(_ write: ([Item]) async -> Void) async {
        while !Task.isCancelled {
            let (batch, isFinished) = self.state.withLock { state in
                guard state.waiting.count > self.most else {
                    defer { state.waiting = [] }
                    return (state.waiting, state.isFinished)
                }
                let batch = Array(state.waiting.prefix(self.most))
                state.waiting.removeFirst(batch.count)
                return (batch, state.isFinished)
            }
            if !batch.isEmpty {
                await write(batch)
            } else if isFinished {
                return
            } else {
                await self.signal.wait(atMost: .seconds(60))
            }
        }
    }
}
