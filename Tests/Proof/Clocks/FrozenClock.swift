// The clock of a private Redis, in our hand: so that what the scripts do with time is an input of the model like any
// other, to the microsecond. preloaded_clock.c says how Redis gets to read it.

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// A time of day that stands still until it is moved. One owner at a time.
final class FrozenClock: @unchecked Sendable {
    /// For the environment of the server that is to read it.
    let environment: [String: String]
    /// Shared with the server; an aligned word, so it is read whole. Only `set` writes it, between two commands.
    private let page: UnsafeMutablePointer<Int64>

    /// - Throws: `ProofFailure` where there is no such thing as LD_PRELOAD, or the file cannot be made.
    init(file: String, library: String) throws {
        #if os(Linux)
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, off_t(MemoryLayout<Int64>.size)) == 0 else {
            throw ProofFailure("cannot make \(file): errno \(errno)")
        }
        defer { close(descriptor) }
        let size = MemoryLayout<Int64>.size
        let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let mapped, mapped != UnsafeMutableRawPointer(bitPattern: -1) else {
            throw ProofFailure("cannot map \(file): errno \(errno)")
        }
        self.page = mapped.bindMemory(to: Int64.self, capacity: 1)
        self.environment = ["LD_PRELOAD": library, "CLOCK_STANDS_AT": file]
        #else
        throw ProofFailure("the model holds Redis' clock by LD_PRELOAD: it needs Linux")
        #endif
    }

    deinit { munmap(self.page, MemoryLayout<Int64>.size) }

    /// Moves the clock to so many microseconds since 1970.
    func set(microseconds: Int) { self.page.pointee = Int64(microseconds) }
}
