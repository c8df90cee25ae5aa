// Ids are minted from the wall clock and the system's random numbers, here and nowhere else.

public import JobModel

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
        var generator = SystemRandomNumberGenerator()
        let milliseconds = UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
        return Self(.version7(milliseconds: milliseconds, using: &generator))
    }
}
