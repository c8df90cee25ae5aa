// The waiters of one line of the pool. It only keeps their order; who still waits is `PoolState`'s to know.

/// First in, first out, without moving everything at each removal.
struct WaiterQueue {
    private var items: [PoolState.WaiterID] = []
    private var start = 0

    var first: PoolState.WaiterID? { start < items.count ? items[start] : nil }

    mutating func append(_ waiter: PoolState.WaiterID) { items.append(waiter) }

    mutating func removeFirst() {
        start += 1
        guard start > 64, start * 2 > items.count else { return }
        items.removeFirst(start)
        start = 0
    }
}
