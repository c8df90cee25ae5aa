// One connection to one database. Everything that touches libpq runs on the connection's loop, never waits there, and
// is spread over the extensions: opening (+Open), statements (+Statements), transactions (+Transaction),
// notifications (+Notifications). It is not a pool and does not reconnect. Invariants:
//  1. One statement at a time: callers queue up in the order in which they came (`enter`, `leave`).
//  2. When a call returns or throws, nothing of it is under way: no result unread, no cancel request on its way.
//  3. A lost connection stays lost; `handle` is nil from then on.

import CLibPQ
import Logging
import Synchronization

/// A connection to a PostgreSQL database.
///
/// It is an actor on a thread of its own kind: calls never block the cooperative pool. Concurrent callers are served
/// one statement at a time, first come, first served; so lend a connection to one user at a time (`PostgresPool`) if
/// a transaction matters.
public final actor PostgresConnection {
    nonisolated let loop: PostgresLoop
    nonisolated let condition = ConnectionCondition()
    nonisolated let configuration: PostgresConfiguration
    let logger: Logger

    /// Nil before it is open and after it is lost.
    var handle: ConnectionHandle?
    var cache: StatementCache
    /// A statement is on; the next ones wait in `line`.
    private(set) var isOccupied = false
    private var line: [WaitKey] = []
    /// The waiting call to which the connection was handed, until that call notices.
    private var successor: WaitKey?
    /// The call that is on, so that `close` can end it.
    private var current: StatementCall?
    var isClosing = false

    // Notifications; see +Notifications.
    var subscribers: [UInt64: AsyncStream<PostgresNotification>.Continuation] = [:]
    var subscribersMade: UInt64 = 0
    let watchKey = WaitKey()
    var watcher: Task<Void, Never>?

    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(_ configuration: PostgresConfiguration, loop: PostgresLoop, logger: Logger) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        self.cache = StatementCache(capacity: configuration.statementCacheSize)
    }

    // MARK: State

    /// Whether it is open as far as is known; a lost one never becomes usable again.
    public nonisolated var isUsable: Bool { condition.isUsable }

    /// The process that serves it, as in `pg_stat_activity`; 0 if it is not open.
    public var backendPID: Int32 { handle.map { PQbackendPID($0.pointer) } ?? 0 }

    /// Whether a transaction is open, also an aborted one.
    public var isInTransaction: Bool { handle.map { Self.isInTransaction($0) } ?? false }

    /// Keeps the pool from lending it to another user: for whoever changed the session (`SET`, a session's advisory
    /// lock) and does not change it back.
    public nonisolated func doNotReuse() { condition.forbidReuse() }

    /// Closes the connection. A statement that runs ends with `connectionLost`. Does nothing the second time.
    public func close() async {
        isClosing = true
        if let current {
            current.wake()
        } else {
            lose()
        }
    }

    static func isInTransaction(_ handle: ConnectionHandle) -> Bool {
        switch handle.transactionStatus {
        case PQTRANS_INTRANS, PQTRANS_INERROR: true
        default: false
        }
    }

    /// Tells the others what the loop knows.
    func publish(_ phase: ConnectionCondition.Phase) {
        guard let handle else { return condition.enter(.lost, descriptor: -1, isInTransaction: false) }
        condition.enter(phase, descriptor: handle.descriptor, isInTransaction: Self.isInTransaction(handle))
    }

    /// Ends the connection: closes its socket, its notification streams and its watch.
    func lose() {
        handle = nil
        publish(.lost)
        finishNotifications()
    }

    // MARK: One at a time

    /// Waits for its turn. Throws without one if the call is cancelled, its time is up, or the connection is lost.
    func enter(_ call: StatementCall) async throws(PostgresError) {
        if isOccupied {
            line.append(call.key)
            while successor != call.key {
                let outcome = await wait(call.key, descriptor: -1, events: 0, until: call.deadline)
                if successor == call.key { break }
                let isLate = outcome == .timedOut
                guard isLate || call.isCancelled else { continue }
                line.removeAll { $0 == call.key }
                throw isLate ? Self.lateError : Self.cancelledError
            }
            successor = nil
        }
        isOccupied = true
        current = call
        do throws(PostgresError) {
            if call.isCancelled { throw Self.cancelledError }
            guard handle != nil, !isClosing else {
                throw PostgresError(.connectionLost, "the connection is closed")
            }
        } catch {
            leave()
            throw error
        }
        publish(.busy)
        if watcher != nil { loop.interrupt(watchKey) }
    }

    /// Hands the connection to the next caller in line.
    func leave() {
        current = nil
        if isClosing || handle?.isLost == true { lose() } else { publish(line.isEmpty ? .idle : .busy) }
        if line.isEmpty {
            isOccupied = false
            if watcher != nil { loop.interrupt(watchKey) }
        } else {
            let next = line.removeFirst()
            successor = next
            loop.interrupt(next)
        }
    }

    /// Suspends until the descriptor is ready, the instant has come, or the key is interrupted.
    func wait(
        _ key: WaitKey, descriptor: Int32, events: Int16, until deadline: PostgresLoop.Instant?
    ) async -> WaitOutcome {
        await withUnsafeContinuation { continuation in
            loop.register(key, descriptor: descriptor, events: events, until: deadline, continuation)
        }
    }

    static var cancelledError: PostgresError { PostgresError(.cancelled, "the task was cancelled") }
    static var lateError: PostgresError { PostgresError(.timeout, "the statement's timeout has passed") }
}

/// One call of a connection's method, from its place in the line to its last result: what other threads may tell it.
final class StatementCall: Sendable {
    let key = WaitKey()
    let deadline: PostgresLoop.Instant?
    private let loop: PostgresLoop
    private let cancelled = Atomic<Bool>(false)
    private let pendingRequests = Atomic<Int>(0)

    init(loop: PostgresLoop, timeout: Duration?) {
        self.loop = loop
        self.deadline = timeout.map { .now + $0 }
    }

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }
    /// Whether a cancel request is on its way to the server.
    var isRequestPending: Bool { pendingRequests.load(ordering: .acquiring) > 0 }

    /// The task was cancelled.
    func cancel() {
        cancelled.store(true, ordering: .releasing)
        wake()
    }

    func requestStarted() { pendingRequests.wrappingAdd(1, ordering: .acquiringAndReleasing) }

    func requestEnded() {
        pendingRequests.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        wake()
    }

    /// Makes the call look at its condition again.
    func wake() { loop.interrupt(key) }
}
