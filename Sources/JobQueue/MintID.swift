// Ids are minted from the wall clock and the system's random numbers, here and nowhere else.

public import JobModel
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

extension UUIDIdentifier {
    /// A new version 7 id.
    public static func mint() -> Self {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let milliseconds = UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
        return Self(RandomStore.shared.withLock { .version7(milliseconds: milliseconds, using: &$0) })
    }

    /// New version 7 ids of one millisecond: the first one's random bits, counted up. Whoever knows one may guess the
    /// others, and nobody else's.
    ///
    /// Source: RFC 9562, section 6.2, method 2.
    public static func mint(_ count: Int) -> [Self] {
        let first = Self.mint().uuid
        return (0..<UInt64(count)).map { Self(first.counting(up: $0)) }
    }
}

/// The system's random numbers, fetched by the page: a system call for each id costs more than all the rest of a fast
/// job's way to Redis.
private struct RandomStore: RandomNumberGenerator {
    static let shared = Mutex(RandomStore())

    private var words: [UInt64] = []

    mutating func next() -> UInt64 {
        if let word = self.words.popLast() { return word }
        // 256 bytes: what every system gives in one piece.
        self.words = [UInt64](repeating: 0, count: 32)
        let isFilled = self.words.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) == 0 }
        precondition(isFilled, "the system gives no random numbers: errno \(errno)")
        return self.words.popLast() ?? 0
    }
}
