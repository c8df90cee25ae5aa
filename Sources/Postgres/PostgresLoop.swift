// A thread that runs connections: a serial executor and a `poll(2)` reactor in one. It is not a general event loop:
// it knows jobs, one-shot waits for a descriptor or an instant, and interrupts. Invariants:
//  1. `waits` and `pollSet` are touched by the loop's own thread alone; everything that other threads may touch is in
//     `inbox`.
//  2. The thread sleeps only in `poll`, and whoever fills the inbox meanwhile wakes it.
//  3. A wait ends exactly once: ready, timed out or interrupted. A caller checks its condition again, so a needless
//     interrupt is harmless.

import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Names a wait, so that another thread can interrupt it.
struct WaitKey: Hashable, Sendable {
    private static let next = Atomic<UInt64>(0)
    private let number = WaitKey.next.wrappingAdd(1, ordering: .relaxed).newValue
}

/// Why a wait ended.
enum WaitOutcome: Sendable { case ready, timedOut, interrupted }

// `@unchecked Sendable`: `inbox` is a mutex, the descriptors are constant, the rest belongs to the loop's thread
// (invariant 1).
final class PostgresLoop: SerialExecutor, @unchecked Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct Inbox {
        var jobs: [UnownedJob] = []
        var interrupts: [WaitKey] = []
        /// The thread is in `poll`, or about to be: whoever adds something writes to the pipe.
        var isAsleep = false
    }

    private struct Wait {
        /// Negative when only an instant or an interrupt is awaited.
        let descriptor: Int32
        let events: Int16
        let deadline: Instant?
        let continuation: UnsafeContinuation<WaitOutcome, Never>
    }

    /// Rounds of jobs that run between two looks at the sockets.
    private static let roundsMax = 16

    private let inbox = Mutex(Inbox())
    private let wakeReader: Int32
    private let wakeWriter: Int32
    private let threadID = Atomic<UInt>(0)
    private var waits: [WaitKey: Wait] = [:]
    private var pollSet: [pollfd] = []
    private var pollKeys: [WaitKey] = []

    /// Starts the thread, which lives as long as the process.
    init() {
        var ends: [Int32] = [-1, -1]
        // Without descriptors or threads at start the process can do nothing useful, and nothing is lost yet.
        precondition(pipe(&ends) == 0, "cannot create a pipe: errno \(errno)")
        (wakeReader, wakeWriter) = (ends[0], ends[1])
        for end in ends {
            precondition(fcntl(end, F_SETFL, O_NONBLOCK) == 0, "cannot make a pipe non-blocking: errno \(errno)")
            precondition(fcntl(end, F_SETFD, FD_CLOEXEC) == 0, "cannot keep a pipe from children: errno \(errno)")
        }
        let context = Unmanaged.passRetained(self).toOpaque()
        #if canImport(Darwin)
        var thread: pthread_t?
        let failure = pthread_create(&thread, nil, { PostgresLoop.enter($0) }, context)
        if let thread { pthread_detach(thread) }
        #else
        var thread = pthread_t()
        let failure = pthread_create(&thread, nil, { PostgresLoop.enter($0) }, context)
        if failure == 0 { pthread_detach(thread) }
        #endif
        precondition(failure == 0, "cannot start a thread: errno \(failure)")
    }

    // MARK: From any thread

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        wake(afterAdding: { $0.jobs.append(job) })
    }

    /// Ends the wait with this key, if it is still on by the time the loop looks.
    func interrupt(_ key: WaitKey) {
        wake(afterAdding: { $0.interrupts.append(key) })
    }

    private func wake(afterAdding add: (inout Inbox) -> Void) {
        let mustWake = inbox.withLock { inbox in
            add(&inbox)
            defer { inbox.isAsleep = false }
            return inbox.isAsleep
        }
        guard mustWake else { return }
        var byte: UInt8 = 1
        // A full pipe wakes the loop as well, and nothing else can go wrong with a pipe that is never closed.
        while write(wakeWriter, &byte, 1) < 0 && errno == EINTR {}
    }

    func checkIsolated() {
        precondition(isOnThread, "this belongs to a Postgres loop's own thread")
    }

    func isIsolatingCurrentContext() -> Bool? { isOnThread }

    private var isOnThread: Bool { threadID.load(ordering: .relaxed) == Self.currentThreadID }

    // MARK: On the loop's thread

    /// Registers a wait; the continuation is resumed once.
    func register(
        _ key: WaitKey, descriptor: Int32, events: Int16, until deadline: Instant?,
        _ continuation: UnsafeContinuation<WaitOutcome, Never>
    ) {
        precondition(isOnThread, "a wait is registered on the loop's own thread")
        let wait = Wait(descriptor: descriptor, events: events, deadline: deadline, continuation: continuation)
        let old = waits.updateValue(wait, forKey: key)
        precondition(old == nil, "two waits under one key")
    }

    private static func enter(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let context else { return nil }
        Unmanaged<PostgresLoop>.fromOpaque(context).takeRetainedValue().run()
    }

    private func run() -> Never {
        threadID.store(Self.currentThreadID, ordering: .relaxed)
        var jobs: [UnownedJob] = []
        var interrupts: [WaitKey] = []
        while true {
            var rounds = 0
            while takeInbox(&jobs, &interrupts) {
                for key in interrupts { end(key, .interrupted) }
                for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
                rounds += 1
                if rounds > Self.roundsMax { break }
            }
            pollOnce(mayWait: rounds <= Self.roundsMax)
        }
    }

    /// Moves what has come in. False if there was nothing: from then on, whoever adds something writes to the pipe.
    private func takeInbox(
        _ jobs: inout [UnownedJob], _ interrupts: inout [WaitKey]
    ) -> Bool {
        jobs.removeAll(keepingCapacity: true)
        interrupts.removeAll(keepingCapacity: true)
        return inbox.withLock { inbox in
            guard !inbox.jobs.isEmpty || !inbox.interrupts.isEmpty else {
                inbox.isAsleep = true
                return false
            }
            swap(&jobs, &inbox.jobs)
            swap(&interrupts, &inbox.interrupts)
            return true
        }
    }

    private func pollOnce(mayWait: Bool) {
        pollSet.removeAll(keepingCapacity: true)
        pollKeys.removeAll(keepingCapacity: true)
        pollSet.append(pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0))
        var earliest: Instant?
        for (key, wait) in waits {
            if wait.descriptor >= 0 {
                pollSet.append(pollfd(fd: wait.descriptor, events: wait.events, revents: 0))
                pollKeys.append(key)
            }
            if let deadline = wait.deadline { earliest = min(earliest ?? deadline, deadline) }
        }
        let ready = poll(&pollSet, nfds_t(pollSet.count), mayWait ? Self.timeout(until: earliest) : 0)
        inbox.withLock { $0.isAsleep = false }
        if ready > 0 {
            if pollSet[0].revents != 0 { emptyPipe() }
            for (index, key) in pollKeys.enumerated() where pollSet[index + 1].revents != 0 { end(key, .ready) }
        } else if ready < 0 {
            // EINTR: a signal, look again. ENOMEM: the kernel is short for a moment, look again. Others are our own
            // mistakes.
            let reason = errno
            precondition(reason == EINTR || reason == ENOMEM || reason == EAGAIN, "poll failed: errno \(reason)")
        }
        guard let earliest else { return }
        let now = Instant.now
        guard earliest <= now else { return }
        let expired = waits.filter { $0.value.deadline.map { $0 <= now } ?? false }
        for key in expired.keys { end(key, .timedOut) }
    }

    private func end(_ key: WaitKey, _ outcome: WaitOutcome) {
        waits.removeValue(forKey: key)?.continuation.resume(returning: outcome)
    }

    private func emptyPipe() {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { bytes in
            while read(wakeReader, bytes.baseAddress, bytes.count) > 0 {}
        }
    }

    /// `poll`'s timeout: -1 for ever, else rounded up, so that the loop does not spin in the last millisecond.
    private static func timeout(until deadline: Instant?) -> Int32 {
        guard let deadline else { return -1 }
        return Int32(clamping: max(0, Instant.now.duration(to: deadline).wholeMilliseconds))
    }

    private static var currentThreadID: UInt {
        #if canImport(Darwin)
        UInt(bitPattern: pthread_self())
        #else
        UInt(pthread_self())
        #endif
    }
}

extension ContinuousClock.Instant {
    static var now: Self { ContinuousClock().now }
}

/// The process's loops, given to connections in turn.
final class PostgresLoopGroup: Sendable {
    /// Two threads: libpq's work is a few microseconds a statement, so one would do; the second keeps a SCRAM
    /// handshake (some milliseconds of hashing) from standing in everyone's way.
    static let shared = PostgresLoopGroup(count: 2)

    private let loops: [PostgresLoop]
    private let turn = Atomic<Int>(0)

    init(count: Int) {
        precondition(count > 0, "a group needs a loop")
        loops = (0..<count).map { _ in PostgresLoop() }
    }

    func next() -> PostgresLoop {
        let turn = turn.wrappingAdd(1, ordering: .relaxed).newValue
        return loops[Int(UInt(bitPattern: turn) % UInt(loops.count))]
    }
}
