// Makes a failing list short: delta debugging (Zeller and Hildebrandt, 2002). Parts of the list are left out, smaller
// and smaller ones, as long as what is left still fails.

/// Shrinks lists.
enum Shrinker {
    /// The shortest list found that still fails; none of its elements can be left out alone, if `attempts` sufficed.
    ///
    /// - Parameter fails: whether a list fails; true of `list`.
    static func shrink<Element>(
        _ list: [Element], attempts: Int = 2000, fails: ([Element]) async throws -> Bool
    ) async rethrows -> [Element] {
        var (list, left, parts) = (list, attempts, 2)
        while list.count > 1, left > 0 {
            let size = max(1, (list.count + parts - 1) / parts)
            var isShorter = false
            var start = 0
            while start < list.count, left > 0 {
                let shorter = Array(list[..<start] + list[min(start + size, list.count)...])
                left -= 1
                if !shorter.isEmpty, try await fails(shorter) {
                    list = shorter
                    isShorter = true
                } else {
                    start += size
                }
            }
            if size == 1, !isShorter { return list }
            parts = isShorter ? max(2, parts - 1) : min(list.count, parts * 2)
        }
        return list
    }
}
