// The pool: takes the lock, asks `PoolState`, leaves the lock, performs. Connections are opened and closed by the
// tasks that want them; the one task of its own is a timer that ends when nothing idles or waits. `Shared` is only
// touched under the mutex; no continuation is resumed and no connection called under it.

public import Logging
import Synchronization

/// What a pool holds at a moment.
public struct PostgresPoolStatistics: Sendable, Hashable {
    /// All connections, those being opened included.
    public let open: Int
    public let idle: Int
    /// Lent, or being opened for someone.
    public let inUse: Int
    /// Callers that wait.
    public let waiting: Int
}

/// The process's connections to any number of databases, bounded per database, per server and in all.
///
/// At a limit the longest-unused connection of another database (or user) makes room; else callers wait, first come,
/// first served. It opens on demand and keeps nothing open that was unused for `idleTimeout`. A server that cannot be
/// reached is tried again after 50 ms to 1 s; until then, whoever needs a new connection to it gets the last attempt's
/// error at once.
public final class PostgresPool: Sendable {
    private typealias Decision = Result<PoolState.Start, PostgresError>

    private enum Waiting {
        case registered  // → suspended, or decided
        case suspended(CheckedContinuation<Decision, Never>)  // → gone
        case decided(Decision)  // → gone
    }

    private struct Shared {
        var state: PoolState
        var connections: [PoolState.ConnectionID: PostgresConnection] = [:]
        var waiters: [PoolState.WaiterID: Waiting] = [:]
        var timer: Task<Void, Never>?
        var timerDeadline: ContinuousClock.Instant?
    }

    private let shared: Mutex<Shared>
    private let limits: PostgresPoolLimits
    private let logger: Logger

    public init(limits: PostgresPoolLimits = .init(), logger: Logger) {
        self.limits = limits
        self.logger = logger
        self.shared = Mutex(
            Shared(state: PoolState(limits: limits, seed: UInt64.random(in: .min ... .max))))
    }

    deinit { shared.withLock { $0.timer?.cancel() } }

    /// Lowers the limit for each server, and for each database where that is higher. Connections that are open stay
    /// open: to be called before there are many.
    public func limit(perServer: Int) { shared.withLock { $0.state.limit(perServer: perServer) } }

    /// Lends a connection to the body.
    ///
    /// It is outside a transaction and was alive a moment ago; keep it no longer than the body. One that comes back
    /// inside a transaction, busy, lost or marked (`doNotReuse`, `notifications`) is closed.
    ///
    /// - Throws: `.poolClosed`; `.poolExhausted` after `acquireTimeout` or with too many waiters; `.cancelled`; what
    ///   `connect` throws, now or a moment ago; the body's error.
    @discardableResult
    public func withConnection<R: Sendable>(
        to configuration: PostgresConfiguration,
        _ body: @Sendable (PostgresConnection) async throws -> R
    ) async throws -> R {
        let (id, connection) = try await acquire(PoolState.Line(configuration: configuration))
        do {
            let value = try await body(connection)
            await release(id, connection)
            return value
        } catch {
            await release(id, connection)
            throw error
        }
    }

    /// Closes the database's idle connections now and its lent ones when they come back: before DDL that nobody may
    /// be connected for.
    public func closeConnections(toDatabase database: String, host: String, port: Int) async {
        let server = PoolState.Server(host: host, port: port)
        await perform { $0.state.retire(PoolState.Database(server: server, name: database), now: .now) }
    }

    /// Turns all waiters away, closes the idle connections, and the lent ones when they come back.
    public func close() async {
        let refusal = PostgresError(.poolClosed, "the pool was closed")
        shared.withLock { $0.timer?.cancel() }
        await perform(refusal: refusal) { $0.state.close() }
    }

    /// The figures of this moment, for metrics.
    public func statistics() -> PostgresPoolStatistics {
        shared.withLock { shared in
            let (open, idle) = (shared.state.openCount, shared.state.idleCount)
            return PostgresPoolStatistics(open: open, idle: idle, inUse: open - idle, waiting: shared.state.waiterCount)
        }
    }

    // MARK: Acquire and release

    private func acquire(
        _ line: PoolState.Line
    ) async throws(PostgresError) -> (PoolState.ConnectionID, PostgresConnection) {
        guard !Task.isCancelled else { throw PostgresError(.cancelled, "the task was cancelled") }
        let (action, failure) = shared.withLock { shared in
            let action = shared.state.acquire(line, now: .now)
            if case .wait(let waiter) = action { shared.waiters[waiter] = .registered }
            return (action, shared.state.failure(at: line.endpoint))
        }
        switch action {
        case .start(let start):
            return try await begin(start, line)
        case .wait(let waiter):
            armTimer(within: min(PoolState.patience, limits.acquireTimeout))
            return try await begin(try await decision(for: waiter).get(), line)
        case .refuse(let code):
            let closed = code == .poolClosed
            throw PostgresError(code, closed ? "the pool is closed" : "\(limits.waiters) callers wait already")
        case .unreachable:
            throw Self.notTriedAgain(failure)
        }
    }

    private func decision(for waiter: PoolState.WaiterID) async -> Decision {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let decided: Decision? = shared.withLock { shared in
                    if case .decided(let decision) = shared.waiters[waiter] {
                        shared.waiters[waiter] = nil
                        return decision
                    }
                    shared.waiters[waiter] = .suspended(continuation)
                    return nil
                }
                if let decided { continuation.resume(returning: decided) }
            }
        } onCancel: {
            let isWithdrawn = shared.withLock { $0.state.withdraw(waiter) }
            if isWithdrawn { decide(waiter, .failure(PostgresError(.cancelled, "the task was cancelled"))) }
        }
    }

    private func decide(_ waiter: PoolState.WaiterID, _ decision: Decision) {
        let continuation: CheckedContinuation<Decision, Never>? = shared.withLock { shared in
            guard case .suspended(let continuation) = shared.waiters[waiter] else {
                shared.waiters[waiter] = .decided(decision)
                return nil
            }
            shared.waiters[waiter] = nil
            return continuation
        }
        continuation?.resume(returning: decision)
    }

    private func begin(
        _ start: PoolState.Start, _ line: PoolState.Line
    ) async throws(PostgresError) -> (PoolState.ConnectionID, PostgresConnection) {
        switch start {
        case .lend(let id):
            let connection = shared.withLock { $0.connections[id] }
            guard let connection else { preconditionFailure("the pool lent a connection it does not have") }
            if await isFit(connection) { return (id, connection) }
            logger.debug("a connection ended while idle", metadata: ["database": "\(line.configuration)"])
            return try await replace(id, connection, line)
        case .open(let id, let victim):
            if let victim { await shared.withLock { $0.connections.removeValue(forKey: victim) }?.close() }
            return (id, try await open(id, line))
        }
    }

    private func replace(
        _ id: PoolState.ConnectionID, _ dead: PostgresConnection, _ line: PoolState.Line
    ) async throws(PostgresError) -> (PoolState.ConnectionID, PostgresConnection) {
        let (replacement, failure) = shared.withLock { shared in
            shared.connections[id] = nil
            return (shared.state.replace(id, now: .now), shared.state.failure(at: line.endpoint))
        }
        await dead.close()
        switch replacement {
        case .open(let successor):
            return (successor, try await open(successor, line))
        case .unreachable(let consequences):
            await perform { _ in consequences }
            throw Self.notTriedAgain(failure)
        }
    }

    private func open(_ id: PoolState.ConnectionID, _ line: PoolState.Line) async throws(PostgresError)
        -> PostgresConnection
    {
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(line.configuration, logger: logger)
            shared.withLock { shared in
                shared.state.opened(id)
                shared.connections[id] = connection
            }
            return connection
        } catch {
            await perform { $0.state.remove(id, because: error, now: .now) }
            throw error
        }
    }

    /// Costs one system call, unless something lies in the socket.
    private func isFit(_ connection: PostgresConnection) async -> Bool {
        guard connection.condition.isReusable else { return false }
        guard connection.condition.hasUnreadInput else { return true }
        return await connection.isAliveWhileIdle()
    }

    private func release(_ id: PoolState.ConnectionID, _ connection: PostgresConnection) async {
        let isReusable = connection.condition.isReusable
        await perform { $0.state.release(id, isReusable: isReusable, now: .now) }
        armTimer(within: limits.idleTimeout)
    }

    /// The error of a caller for whom no attempt was made: the last attempt's, and saying so.
    private static func notTriedAgain(_ failure: PostgresError?) -> PostgresError {
        guard let failure else { return PostgresError(.connectionFailed, "the server was away a moment ago") }
        return PostgresError(
            failure.code, "\(failure.message) (a moment ago; not tried again yet)", sqlState: failure.sqlState)
    }

    /// Applies an event and performs what follows from it.
    private func perform(
        refusal: PostgresError? = nil, _ event: (inout Shared) -> PoolState.Consequences
    ) async {
        let (consequences, closing, unreachable) = shared.withLock { shared in
            let consequences = event(&shared)
            return (
                consequences, consequences.close.compactMap { shared.connections.removeValue(forKey: $0) },
                consequences.unreachable.map { ($0.waiter, shared.state.failure(at: $0.endpoint)) }
            )
        }
        for grant in consequences.grants { decide(grant.waiter, .success(grant.start)) }
        let refusal =
            refusal ?? PostgresError(.poolExhausted, "no connection became free within \(limits.acquireTimeout)")
        for waiter in consequences.expired { decide(waiter, .failure(refusal)) }
        for (waiter, failure) in unreachable { decide(waiter, .failure(Self.notTriedAgain(failure))) }
        for connection in closing { await connection.close() }
    }

    // MARK: Timer

    /// Sees to it that `tick` comes in time. The task is the pool's; it ends with the pool, or when nothing idles or
    /// waits.
    ///
    /// - Parameter within: when the event that just happened needs it; a timer that is on and fires before is early
    ///   enough.
    private func armTimer(within: Duration) {
        let needed = ContinuousClock.Instant.now + within
        shared.withLock { shared in
            if let armed = shared.timerDeadline, armed <= needed { return }
            guard !shared.state.isClosed, let deadline = shared.state.nextDeadline() else { return }
            if let armed = shared.timerDeadline, armed <= deadline { return }
            shared.timer?.cancel()
            shared.timerDeadline = deadline
            shared.timer = Task { [weak self] in
                do {
                    try await Task.sleep(until: deadline, clock: .continuous)
                } catch {
                    return  // cancelled: another timer has taken over, or the pool is gone
                }
                await self?.timerFired(deadline)
            }
        }
    }

    private func timerFired(_ deadline: ContinuousClock.Instant) async {
        await perform { shared in
            if shared.timerDeadline == deadline { (shared.timer, shared.timerDeadline) = (nil, nil) }
            return shared.state.tick(now: .now)
        }
        armTimer(within: .zero)
    }
}
