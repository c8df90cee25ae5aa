// The pool's rules: each event in each phase, and a seeded random walk over the invariants. No server, no clock.

import Testing

@testable import Postgres

@Suite("The pool's state")
struct PoolStateTests {
    private let start = ContinuousClock().now

    private func line(_ database: String, user: String = "u", host: String = "h") -> PoolState.Line {
        PoolState.Line(configuration: PostgresConfiguration(host: host, database: database, user: user))
    }

    private func state(
        perDatabase: Int = 2, perServer: Int = 3, total: Int = 4, waiters: Int = 3
    ) -> PoolState {
        PoolState(
            limits: PostgresPoolLimits(
                perDatabase: perDatabase, perServer: perServer, total: total, waiters: waiters,
                acquireTimeout: .seconds(10), idleTimeout: .seconds(60)),
            seed: 1)
    }

    /// Acquires and opens, expecting a new connection.
    private func open(_ state: inout PoolState, _ line: PoolState.Line) throws -> PoolState.ConnectionID {
        guard case .start(.open(let id, _)) = state.acquire(line, now: start) else {
            throw PostgresError(.poolExhausted, "expected a new connection")
        }
        state.opened(id)
        return id
    }

    private func wait(_ state: inout PoolState, _ line: PoolState.Line) throws -> PoolState.WaiterID {
        guard case .wait(let waiter) = state.acquire(line, now: start) else {
            throw PostgresError(.poolExhausted, "expected to wait")
        }
        return waiter
    }

    @Test("lends the connection that was used last")
    func reuse() throws {
        var state = state()
        let first = try open(&state, line("a"))
        let second = try open(&state, line("a"))
        _ = state.release(first, isReusable: true, now: start)
        _ = state.release(second, isReusable: true, now: start + .seconds(1))
        expectEqual(state.acquire(line("a"), now: start), .start(.lend(second)))
        #expect(state.idleCount == 1)
    }

    @Test("does not lend to another user or with other settings")
    func lines() throws {
        var state = state()
        let first = try open(&state, line("a", user: "ann"))
        _ = state.release(first, isReusable: true, now: start)
        let second = try open(&state, line("a", user: "bob"))
        #expect(second != first)
    }

    @Test("makes room at the database's limit from the same database")
    func databaseRoom() throws {
        var state = state()
        let first = try open(&state, line("a", user: "ann"))
        _ = try open(&state, line("a", user: "ann"))
        _ = state.release(first, isReusable: true, now: start)
        guard case .start(.open(_, let closing)) = state.acquire(line("a", user: "bob"), now: start) else {
            Issue.record("expected a connection in another's place")
            return
        }
        #expect(closing == first)
        #expect(state.openCount == 2)
    }

    @Test("makes room at the server's limit from the same server, and takes the longest unused")
    func serverRoom() throws {
        var state = state(total: 9)
        let elsewhere = try open(&state, line("z", host: "other"))
        let ids = try ["a", "b", "c"].map { try open(&state, line($0)) }
        _ = state.release(elsewhere, isReusable: true, now: start)
        _ = state.release(ids[1], isReusable: true, now: start + .seconds(1))
        _ = state.release(ids[0], isReusable: true, now: start + .seconds(2))
        guard case .start(.open(_, let closing)) = state.acquire(line("d"), now: start) else {
            Issue.record("expected a connection in another's place")
            return
        }
        #expect(closing == ids[1])
    }

    @Test("makes room at the total limit from anywhere")
    func totalRoom() throws {
        var state = state(perServer: 2, total: 2)
        let first = try open(&state, line("a"))
        _ = try open(&state, line("b", host: "other"))
        _ = state.release(first, isReusable: true, now: start)
        guard case .start(.open(_, let closing)) = state.acquire(line("c", host: "third"), now: start) else {
            Issue.record("expected a connection in another's place")
            return
        }
        #expect(closing == first)
    }

    @Test("a line that has a connection takes no other's place before its caller has waited")
    func patience() throws {
        var state = state(perServer: 2)
        let own = try open(&state, line("a"))
        let other = try open(&state, line("b"))
        _ = state.release(other, isReusable: true, now: start)
        let first = try wait(&state, line("a"))
        expectEqual(state.release(own, isReusable: true, now: start).grants, [.init(waiter: first, start: .lend(own))])
        let second = try wait(&state, line("a"))
        expectEqual(state.tick(now: start + PoolState.patience / 2).grants, [])
        let grant = try #require(state.tick(now: start + PoolState.patience).grants.first)
        #expect(grant.waiter == second)
        guard case .open(_, let closing) = grant.start else {
            Issue.record("expected a connection in another's place")
            return
        }
        #expect(closing == other)
    }

    @Test("serves a database's waiters in the order in which they came")
    func order() throws {
        var state = state(perDatabase: 1)
        let id = try open(&state, line("a"))
        let first = try wait(&state, line("a"))
        let second = try wait(&state, line("a"))
        expectEqual(
            state.release(id, isReusable: true, now: start).grants, [.init(waiter: first, start: .lend(id))])
        expectEqual(
            state.release(id, isReusable: true, now: start).grants, [.init(waiter: second, start: .lend(id))])
        expectEqual(state.release(id, isReusable: true, now: start).grants, [])
    }

    @Test("its limits for a server and a database can be lowered, and never raised, and what is open stays")
    func lowering() throws {
        var state = state()
        let first = try open(&state, line("a"))
        _ = try open(&state, line("a"))
        state.limit(perServer: 1)
        #expect(state.openCount == 2)
        let waiter = try wait(&state, line("b"))
        let closing = state.release(first, isReusable: false, now: start)
        #expect(closing.grants == [], "one is open still")
        _ = waiter
        state.limit(perServer: 100)
        _ = try wait(&state, line("c"))
    }

    @Test("gives a freed place to the oldest waiter, also of another database")
    func fairness() throws {
        var state = state(total: 1)
        let id = try open(&state, line("a"))
        let other = try wait(&state, line("b"))
        let same = try wait(&state, line("a"))
        let consequences = state.release(id, isReusable: true, now: start)
        guard case .open(let next, closing: id) = consequences.grants.first?.start else {
            Issue.record("expected a connection in the returned one's place")
            return
        }
        #expect(consequences.grants.map(\.waiter) == [other])
        let failed = state.remove(next, because: PostgresError(.cancelled, ""), now: start)
        #expect(failed.grants.map(\.waiter) == [same])
    }

    @Test("closes what cannot be used again, and lets the next waiter open one")
    func unusable() throws {
        var state = state(perDatabase: 1)
        let id = try open(&state, line("a"))
        let waiter = try wait(&state, line("a"))
        let consequences = state.release(id, isReusable: false, now: start)
        #expect(consequences.close == [id])
        #expect(consequences.grants.map(\.waiter) == [waiter])
        #expect(state.openCount == 1)
    }

    @Test("keeps a dead connection's place for its holder")
    func replacing() throws {
        var state = state(perDatabase: 1)
        let id = try open(&state, line("a"))
        _ = state.release(id, isReusable: true, now: start)
        expectEqual(state.acquire(line("a"), now: start), .start(.lend(id)))
        guard case .open(let successor) = state.replace(id, now: start) else {
            Issue.record("expected a connection in the dead one's place")
            return
        }
        #expect(state.openCount == 1)
        state.opened(successor)
        expectEqual(state.release(successor, isReusable: true, now: start), .init())
    }

    @Test("turns callers away beyond the limit of waiters")
    func tooMany() throws {
        var state = state(perDatabase: 1, waiters: 1)
        _ = try open(&state, line("a"))
        _ = try wait(&state, line("a"))
        expectEqual(state.acquire(line("a"), now: start), .refuse(.poolExhausted))
    }

    @Test("forgets a waiter that withdraws, once")
    func withdrawing() throws {
        var state = state(perDatabase: 1)
        let id = try open(&state, line("a"))
        let first = try wait(&state, line("a"))
        let second = try wait(&state, line("a"))
        expectEqual(state.withdraw(first), true)
        expectEqual(state.withdraw(first), false)
        expectEqual(state.release(id, isReusable: true, now: start).grants.map(\.waiter), [second])
        expectEqual(state.withdraw(second), false)
    }

    @Test("expires waiters and idle connections at their deadlines")
    func ticking() throws {
        var state = state(perDatabase: 1)
        let held = try open(&state, line("a"))
        let idle = try open(&state, line("b"))
        _ = state.release(idle, isReusable: true, now: start)
        let waiter = try wait(&state, line("a"))
        #expect(state.nextDeadline() == start + PoolState.patience)
        expectEqual(state.tick(now: start + .seconds(9)), .init())
        #expect(state.nextDeadline() == start + .seconds(10))
        expectEqual(state.tick(now: start + .seconds(10)).expired, [waiter])
        #expect(state.nextDeadline() == start + .seconds(60))
        expectEqual(state.tick(now: start + .seconds(60)).close, [idle])
        #expect(state.nextDeadline() == nil)
        #expect(state.openCount == 1)
        expectEqual(state.release(held, isReusable: true, now: start).close, [])
    }

    @Test("retires a database: idle connections now, lent ones at their return")
    func retiring() throws {
        var state = state()
        let lent = try open(&state, line("a"))
        let idle = try open(&state, line("a"))
        let other = try open(&state, line("b"))
        _ = state.release(idle, isReusable: true, now: start)
        _ = state.release(other, isReusable: true, now: start)
        expectEqual(state.retire(line("a").database, now: start).close, [idle])
        expectEqual(state.release(lent, isReusable: true, now: start).close, [lent])
        #expect(state.idleCount == 1)
    }

    @Test("after its end refuses, turns waiters away, and closes what comes back")
    func closing() throws {
        var state = state(perDatabase: 1)
        let lent = try open(&state, line("a"))
        let idle = try open(&state, line("b"))
        _ = state.release(idle, isReusable: true, now: start)
        let waiter = try wait(&state, line("a"))
        let consequences = state.close()
        #expect(consequences.close == [idle])
        #expect(consequences.expired == [waiter])
        expectEqual(state.acquire(line("a"), now: start), .refuse(.poolClosed))
        expectEqual(state.release(lent, isReusable: true, now: start).close, [lent])
        #expect(state.openCount == 0)
    }

    @Test("keeps its invariants on a random walk", arguments: 1...20)
    func walk(seed: Int) throws {
        var walk = PoolWalk(seed: UInt64(seed), start: start)
        for _ in 0..<2_000 { walk.step() }
        walk.finish()
    }
}

/// A model that plays the pool's callers at random and checks after each step.
private struct PoolWalk {
    private let limits = PostgresPoolLimits(perDatabase: 3, perServer: 5, total: 8, waiters: 20)
    private var random: SplitMix
    private var now: ContinuousClock.Instant
    private var state: PoolState
    private let lines: [PoolState.Line]
    private var opening: [PoolState.ConnectionID] = []
    private var leased: [PoolState.ConnectionID] = []
    private var closed: Set<PoolState.ConnectionID> = []
    private var waiting: [PoolState.WaiterID: PoolState.Line] = [:]

    init(seed: UInt64, start: ContinuousClock.Instant) {
        random = SplitMix(state: seed)
        now = start
        state = PoolState(limits: limits, seed: seed)
        lines = (0..<12).map { number in
            PoolState.Line(
                configuration: PostgresConfiguration(
                    host: "h\(number % 3)", database: "d\(number % 6)", user: "u\(number % 2)\(number / 6)"))
        }
    }

    mutating func step() {
        now += .milliseconds(Int.random(in: 0..<200, using: &random))
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4: acquire()
        case 4: openOrFail()
        case 5, 6: openOrFail()
        case 7, 8: release()
        default: rarely()
        }
        check()
    }

    private mutating func acquire() {
        guard let line = lines.randomElement(using: &random) else { return }
        switch state.acquire(line, now: now) {
        case .start(let start):
            #expect(!waiting.values.contains(line), "nobody overtakes the waiters of a line")
            begin(start)
        case .wait(let waiter): waiting[waiter] = line
        case .refuse(let code):
            #expect(code == .poolExhausted)
            #expect(waiting.count == limits.waiters)
        case .unreachable:
            #expect(state.failure(at: line.endpoint) != nil)
        }
    }

    private mutating func begin(_ start: PoolState.Start) {
        switch start {
        case .lend(let id):
            #expect(!closed.contains(id) && !leased.contains(id))
            if Int.random(in: 0..<8, using: &random) == 0 {
                closed.insert(id)
                switch state.replace(id, now: now) {
                case .open(let successor): opening.append(successor)
                case .unreachable(let consequences): perform(consequences)
                }
            } else {
                leased.append(id)
            }
        case .open(let id, let victim):
            if let victim { close(victim) }
            opening.append(id)
        }
    }

    private mutating func close(_ id: PoolState.ConnectionID) {
        expectEqual(leased.contains(id), false)
        expectEqual(closed.insert(id).inserted, true)
    }

    private mutating func take(_ list: WritableKeyPath<Self, [PoolState.ConnectionID]>) -> PoolState.ConnectionID? {
        guard let index = self[keyPath: list].indices.randomElement(using: &random) else { return nil }
        return self[keyPath: list].remove(at: index)
    }

    private mutating func openOrFail() {
        guard let id = take(\.opening) else { return }
        if Int.random(in: 0..<5, using: &random) == 0 {
            let isAway = Bool.random(using: &random)
            perform(state.remove(id, because: PostgresError(isAway ? .connectionFailed : .cancelled, ""), now: now))
        } else {
            state.opened(id)
            leased.append(id)
        }
    }

    private mutating func release() {
        guard let id = take(\.leased) else { return }
        perform(state.release(id, isReusable: Int.random(in: 0..<6, using: &random) > 0, now: now))
    }

    private mutating func rarely() {
        switch Int.random(in: 0..<3, using: &random) {
        case 0:
            guard let waiter = waiting.keys.sorted().randomElement(using: &random) else { return }
            expectEqual(state.withdraw(waiter), true)
            waiting[waiter] = nil
        case 1: perform(state.tick(now: now))
        default:
            guard let line = lines.randomElement(using: &random) else { return }
            perform(state.retire(line.database, now: now))
        }
    }

    private mutating func perform(_ consequences: PoolState.Consequences) {
        for waiter in consequences.expired { expectEqual(waiting.removeValue(forKey: waiter) != nil, true) }
        for id in consequences.close { close(id) }
        for refused in consequences.unreachable {
            expectEqual(waiting.removeValue(forKey: refused.waiter)?.endpoint, refused.endpoint)
            expectEqual(state.failure(at: refused.endpoint) != nil, true)
        }
        for grant in consequences.grants {
            guard let line = waiting.removeValue(forKey: grant.waiter) else {
                Issue.record("a waiter was served twice")
                continue
            }
            let older = waiting.filter { $0.value == line && $0.key < grant.waiter }
            #expect(older.isEmpty, "a line's waiters are served in order")
            begin(grant.start)
        }
    }

    /// Plain conditions: an `#expect` each, some hundred thousand times, would hold up every other test.
    private func check() {
        var areKept =
            state.openCount <= limits.total && state.waiterCount == waiting.count
            && state.openCount == opening.count + leased.count + state.idleCount
        for line in lines {
            areKept = areKept && state.openCount(to: line.database) <= limits.perDatabase
            areKept = areKept && state.openCount(on: line.server) <= limits.perServer
        }
        // No waiter waits while it could be served.
        for line in Set(waiting.values) {
            let isFull =
                state.openCount(to: line.database) == limits.perDatabase
                || state.openCount(on: line.server) == limits.perServer || state.openCount == limits.total
            areKept = areKept && isFull
        }
        if !areKept { Issue.record("an invariant is broken: \(state)") }
    }

    /// Everything is given back: then nobody may be left waiting.
    mutating func finish() {
        while !opening.isEmpty || !leased.isEmpty {
            if let id = take(\.opening) {
                state.opened(id)
                leased.append(id)
            }
            release()
            check()
        }
        #expect(waiting.isEmpty)
    }
}

/// A small seeded generator (SplitMix64), so that a failing walk can be walked again.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
