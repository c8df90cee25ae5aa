// The statement cache and the watch over a running statement: pure values. No server.

import Testing

@testable import Postgres

/// `#expect` cannot call mutating methods.
func expectEqual<Value: Equatable>(_ value: Value, _ expected: Value, sourceLocation: SourceLocation = #_sourceLocation)
{
    #expect(value == expected, sourceLocation: sourceLocation)
}

@Suite("The statement cache")
struct StatementCacheTests {
    @Test("knows a statement by its text until it is forgotten")
    func remembers() throws {
        var cache = StatementCache(capacity: 2)
        let minted = cache.mintName(for: "SELECT 1")
        let name = try #require(minted)
        expectEqual(cache.name(for: "SELECT 1"), nil)
        cache.insert("SELECT 1", name: name)
        expectEqual(cache.name(for: "SELECT 1"), name)
        cache.forget("SELECT 1")
        expectEqual(cache.name(for: "SELECT 1"), nil)
        #expect(cache.retired == [name])
    }

    @Test("retires the least recently used when it is full")
    func evicts() {
        var cache = StatementCache(capacity: 2)
        cache.insert("a", name: "1")
        cache.insert("b", name: "2")
        _ = cache.name(for: "a")
        cache.insert("c", name: "3")
        #expect(cache.count == 2)
        #expect(cache.retired == ["2"])
        expectEqual(cache.name(for: "a"), "1")
    }

    @Test("gives the retired away many at a time, and forgets them all when the server has")
    func retires() {
        var cache = StatementCache(capacity: 1)
        for number in 0...StatementCache.retiredBatch {
            expectEqual(cache.takeRetired(), nil)
            cache.insert("s\(number)", name: "n\(number)")
        }
        expectEqual(cache.takeRetired()?.count, StatementCache.retiredBatch)
        #expect(cache.retired.isEmpty)
        cache.forgetAll()
        #expect(cache.count == 0)
    }

    @Test("is off at capacity 0")
    func off() {
        var cache = StatementCache(capacity: 0)
        expectEqual(cache.mintName(for: "SELECT 1"), nil)
    }

    @Test(
        "prepares what is planned, and nothing else",
        arguments: [
            ("select 1", true), ("  -- header\n/* a /* nested */ one */ (WITH x AS (SELECT 1) TABLE x)", true),
            ("INSERT INTO t VALUES (1)", true), ("BEGIN", false), ("CREATE DATABASE x", false), ("LISTEN a", false),
            ("", false), ("-- only a comment", false), ("/* open", false), ("selection", false),
        ])
    func preparable(sql: String, isPreparable: Bool) {
        #expect(StatementCache.isPreparable(sql) == isPreparable)
    }
}

@Suite("The watch over a statement")
struct StatementWatchTests {
    private let start = ContinuousClock().now

    private func step(
        _ watch: inout StatementWatch, at offset: Duration = .zero, cancelled: Bool = false, pending: Bool = false,
        drained: Bool = false
    ) -> StatementWatch.Action {
        watch.next(now: start + offset, isCancelled: cancelled, isRequestPending: pending, isDrained: drained)
    }

    @Test("waits until the deadline, and finishes when all is read")
    func plain() {
        var watch = StatementWatch(deadline: start + .seconds(1))
        expectEqual(step(&watch), .wait(until: start + .seconds(1)))
        expectEqual(step(&watch, drained: true), .finish(nil))
        var endless = StatementWatch(deadline: nil)
        expectEqual(step(&endless), .wait(until: nil))
    }

    @Test("asks for a cancel when the task is cancelled or the time is up")
    func cancels() {
        var cancelled = StatementWatch(deadline: nil)
        expectEqual(step(&cancelled, cancelled: true), .requestCancel)
        expectEqual(step(&cancelled, cancelled: true, drained: true), .finish(.cancelled))
        var late = StatementWatch(deadline: start)
        expectEqual(step(&late), .requestCancel)
        expectEqual(step(&late, drained: true), .finish(.timeout))
    }

    @Test("finishes a statement that was complete before the cancel")
    func tooLate() {
        var watch = StatementWatch(deadline: start)
        expectEqual(step(&watch, cancelled: true, drained: true), .finish(nil))
    }

    @Test("does not finish while a cancel request is on its way, for it would hit the next statement")
    func pending() {
        var watch = StatementWatch(deadline: nil)
        _ = step(&watch, cancelled: true)
        let deliveredBy = start + StatementWatch.deliveryBound
        expectEqual(step(&watch, cancelled: true, pending: true, drained: true), .wait(until: deliveredBy))
        expectEqual(step(&watch, cancelled: true, drained: true), .finish(.cancelled))
    }

    @Test("repeats a request that was not heard, and gives up in the end")
    func repeats() {
        var watch = StatementWatch(deadline: nil)
        _ = step(&watch, cancelled: true)
        expectEqual(step(&watch, cancelled: true), .wait(until: start + StatementWatch.repeatAfter))
        expectEqual(step(&watch, at: StatementWatch.repeatAfter, cancelled: true), .requestCancel)
        expectEqual(
            step(&watch, at: StatementWatch.answerBound, cancelled: true),
            .abandon(.cancelled, after: StatementWatch.answerBound))
    }

    @Test("gives up soon when not even the request gets through")
    func undelivered() {
        let (bound, pause) = (StatementWatch.deliveryBound, StatementWatch.repeatAfter)
        var first = StatementWatch(deadline: nil)
        _ = step(&first, cancelled: true)
        expectEqual(
            step(&first, at: bound, cancelled: true, pending: true), .abandon(.cancelled, after: bound))
        // Each request has that long, within the bound of all.
        var second = StatementWatch(deadline: start)
        _ = step(&second)
        expectEqual(step(&second, at: pause), .requestCancel)
        expectEqual(step(&second, at: bound, pending: true), .wait(until: start + pause + bound))
        expectEqual(step(&second, at: pause + bound, pending: true), .abandon(.timeout, after: bound))
    }
}
