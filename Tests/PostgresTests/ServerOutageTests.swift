// What the pool does about a server that is away: whom it lets try, and what it tells the others. No server, no clock.

import Testing

@testable import Postgres

@Suite("A server that is away")
struct ServerOutageTests {
    private let start = ContinuousClock().now
    private let refused = PostgresError(.connectionFailed, "connection refused")

    private func line(_ database: String, tls: PostgresConfiguration.TLS = .prefer) -> PoolState.Line {
        PoolState.Line(configuration: PostgresConfiguration(host: "h", database: database, user: "u", tls: tls))
    }

    private func state(perDatabase: Int = 4) -> PoolState {
        PoolState(limits: PostgresPoolLimits(perDatabase: perDatabase), seed: 1)
    }

    /// Begins to open a connection, if that is allowed.
    private func begin(_ state: inout PoolState, _ line: PoolState.Line, at offset: Duration = .zero)
        -> PoolState.ConnectionID?
    {
        guard case .start(.open(let id, _)) = state.acquire(line, now: start + offset) else { return nil }
        return id
    }

    private func open(_ state: inout PoolState, _ line: PoolState.Line) throws -> PoolState.ConnectionID {
        let id = try #require(begin(&state, line))
        state.opened(id)
        return id
    }

    /// One attempt that is refused.
    private func fail(_ state: inout PoolState, _ line: PoolState.Line, at offset: Duration = .zero) throws {
        let id = try #require(begin(&state, line, at: offset))
        expectEqual(state.remove(id, because: refused, now: start + offset), .init())
    }

    @Test("is tried once a delay: everybody else is told at once")
    func once() throws {
        var state = state()
        try fail(&state, line("a"))
        expectEqual(state.acquire(line("a"), now: start), .unreachable)
        expectEqual(state.acquire(line("b"), now: start), .unreachable)
        #expect(state.failure(at: line("a").endpoint)?.message == refused.message)
        #expect(state.openCount == 0)
        let attempt = begin(&state, line("b"), at: .seconds(1))
        #expect(attempt != nil)
        // It is under way: the next one waits for its own time, not for that one's end.
        expectEqual(state.acquire(line("a"), now: start + .seconds(1)), .unreachable)
        #expect(begin(&state, line("a"), at: .seconds(2)) != nil)
    }

    @Test("is tried ever more seldom, and at least once a second")
    func delays() {
        #expect(ServerOutage.delay(attempts: 1, jitter: 0) == .milliseconds(50))
        #expect(ServerOutage.delay(attempts: 1, jitter: 1) == .milliseconds(100))
        #expect(ServerOutage.delay(attempts: 2, jitter: 1) == .milliseconds(200))
        for attempts in [5, 100, Int.max] {
            #expect(ServerOutage.delay(attempts: attempts, jitter: 0) == .milliseconds(500))
            #expect(ServerOutage.delay(attempts: attempts, jitter: 1) == .seconds(1))
        }
        var outage = ServerOutage(refused, now: start, jitter: 0.5)
        var made = 0
        for tick in 0..<60_000 where outage.beginAttempt(now: start + .milliseconds(tick), jitter: 0.5) { made += 1 }
        #expect((75...90).contains(made), "a minute of 750 ms each, and a few quick ones before")
    }

    @Test("counts failures that come in together as one")
    func together() throws {
        var state = state()
        let ids = try (0..<4).map { _ in try #require(begin(&state, line("a"))) }
        for id in ids { _ = state.remove(id, because: refused, now: start) }
        #expect(begin(&state, line("a"), at: .milliseconds(100)) != nil)
    }

    @Test("is back with the first connection")
    func back() throws {
        var state = state()
        try fail(&state, line("a"))
        let id = try #require(begin(&state, line("a"), at: .seconds(1)))
        state.opened(id)
        #expect(state.failure(at: line("a").endpoint) == nil)
        #expect(begin(&state, line("b"), at: .seconds(1)) != nil)
    }

    @Test("is told to those in line who would need a new connection; the others wait on")
    func waiters() throws {
        var state = state(perDatabase: 1)
        let held = try open(&state, line("a"))
        let attempt = try #require(begin(&state, line("b")))
        guard case .wait(let forHeld) = state.acquire(line("a"), now: start),
            case .wait(let first) = state.acquire(line("b"), now: start),
            case .wait(let second) = state.acquire(line("b"), now: start)
        else {
            Issue.record("expected three to wait")
            return
        }
        let endpoint = line("b").endpoint
        expectEqual(
            state.remove(attempt, because: refused, now: start).unreachable,
            [.init(waiter: first, endpoint: endpoint), .init(waiter: second, endpoint: endpoint)])
        #expect(state.waiterCount == 1)
        expectEqual(
            state.release(held, isReusable: true, now: start).grants, [.init(waiter: forHeld, start: .lend(held))])
        // Now the held one breaks as well: its place is of no use.
        guard case .wait(let last) = state.acquire(line("a"), now: start) else {
            Issue.record("expected to wait")
            return
        }
        expectEqual(
            state.release(held, isReusable: false, now: start),
            .init(close: [held], unreachable: [.init(waiter: last, endpoint: line("a").endpoint)]))
    }

    @Test("keeps no open connection from being lent, and lets no dead one be replaced")
    func idle() throws {
        var state = state()
        let id = try open(&state, line("a"))
        _ = state.release(id, isReusable: true, now: start)
        try fail(&state, line("b"))
        expectEqual(state.acquire(line("a"), now: start), .start(.lend(id)))
        expectEqual(state.replace(id, now: start), .unreachable(.init()))
        #expect(state.openCount == 0)
    }

    @Test("is another one with other TLS settings")
    func endpoints() throws {
        var state = state()
        try fail(&state, line("a", tls: .require))
        expectEqual(state.acquire(line("a", tls: .require), now: start), .unreachable)
        #expect(begin(&state, line("a")) != nil)
    }

    @Test(
        "is one that nobody answers for, or that is starting or ending; not one that refuses somebody",
        arguments: [
            (PostgresError(.connectionFailed, ""), true), (PostgresError(.timeout, ""), true),
            (PostgresError(.connectionFailed, "", sqlState: .cannotConnectNow), true),
            (PostgresError(.connectionFailed, "", sqlState: .adminShutdown), true),
            (PostgresError(.connectionFailed, "", sqlState: .invalidPassword), false),
            (PostgresError(.connectionFailed, "", sqlState: .invalidCatalogName), false),
            (PostgresError(.connectionFailed, "", sqlState: .tooManyConnections), false),
            (PostgresError(.cancelled, ""), false), (PostgresError(.invalidConfiguration, ""), false),
        ])
    func reasons(error: PostgresError, isServerAway: Bool) throws {
        #expect(error.isServerAway == isServerAway)
        var state = state()
        let id = try #require(begin(&state, line("a")))
        _ = state.remove(id, because: error, now: start)
        #expect((begin(&state, line("a")) == nil) == isServerAway)
    }
}
