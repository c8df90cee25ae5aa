// When each job's handler started, and how often it ran: one file that the measuring process and its workers map. The
// peers' programs use the same layout (Benchmarks/peers/contract.py): a double a job, then a byte a job.

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// A mapped board.
///
/// `@unchecked Sendable`: each job writes places of its own, in memory that processes share. Whoever waits for a job
/// polls its one byte; times are read, and counts checked, when it has run.
final class Board: @unchecked Sendable {
    static let numberDigits = 10
    let jobs: Int
    private let memory: UnsafeMutableRawPointer

    /// - Throws: `BenchFailure` when the file cannot be mapped.
    init(path: String, jobs: Int, create: Bool) throws {
        let size = jobs * 9
        let file = open(path, create ? O_RDWR | O_CREAT : O_RDWR, 0o600)
        guard file >= 0 else { throw BenchFailure("cannot open \(path): errno \(errno)") }
        defer { close(file) }
        if create, ftruncate(file, off_t(size)) != 0 { throw BenchFailure("cannot size \(path): errno \(errno)") }
        let memory = mmap(nil, max(size, 1), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        guard let memory, memory != MAP_FAILED else { throw BenchFailure("cannot map \(path): errno \(errno)") }
        self.jobs = jobs
        self.memory = memory
    }

    deinit { munmap(self.memory, max(self.jobs * 9, 1)) }

    /// Seconds of the clock that all processes share.
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// What a no-op handler does.
    func started(_ text: String) {
        var number = 0
        for digit in text.utf8.prefix(Self.numberDigits) { number = number * 10 + Int(digit &- 48) }
        guard number < self.jobs else { return }
        self.memory.storeBytes(of: Self.now(), toByteOffset: number * 8, as: Double.self)
        let runs = self.memory.load(fromByteOffset: self.jobs * 8 + number, as: UInt8.self)
        self.memory.storeBytes(of: runs &+ 1, toByteOffset: self.jobs * 8 + number, as: UInt8.self)
    }

    func start(of number: Int) -> Double { self.memory.load(fromByteOffset: number * 8, as: Double.self) }
    func runs(of number: Int) -> UInt8 { self.memory.load(fromByteOffset: self.jobs * 8 + number, as: UInt8.self) }

    /// The last number first: it is usually the last to run.
    var allRan: Bool { self.runs(of: self.jobs - 1) > 0 && (0..<self.jobs).allSatisfy { self.runs(of: $0) > 0 } }

    var firstStart: Double { (0..<self.jobs).map { self.start(of: $0) }.filter { $0 > 0 }.min() ?? 0 }

    /// - Throws: `BenchFailure` unless every job ran exactly once.
    func check() throws {
        let once = (0..<self.jobs).count { self.runs(of: $0) == 1 }
        guard once == self.jobs else { throw BenchFailure("\(once) of \(self.jobs) jobs ran exactly once") }
    }
}
