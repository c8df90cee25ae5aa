// The pool's mind: who may have which connection, who waits, what is closed to make room. A pure value: events in,
// actions out; no clock, no lock, no socket (`PostgresPool` performs). Invariants:
//  1. Open connections never pass `perDatabase`, `perServer` or `total`; waiters never pass `waiters`.
//  2. A waiter ends exactly once: granted, withdrawn, expired, unreachable or turned away.
//  3. A line's waiters are served in the order in which they came, and nobody of that line overtakes them.
//  4. No waiter waits while it could be served: each event that frees something returns the grants it makes possible,
//     oldest first.
//  5. A line that has a connection takes no place of another's before its caller has waited for `patience`: under load
//     its own comes back in a moment, and opening one costs ten times that.
//  6. While a server is known to be away, one connection a delay is tried (`ServerOutage`); whoever could only have a
//     new one is told why at once instead of waiting. Open connections are lent as ever.

struct PoolState {
    typealias Instant = ContinuousClock.Instant

    private enum Possibility {
        case possible(Start)
        case unreachable
        /// At a limit, with nothing idle to make room.
        case full
    }

    private enum Phase: Equatable {
        case opening  // → leased, or gone
        case leased  // → idle, opening (found dead), or gone
        case idle(since: Instant)  // → leased, or gone
    }

    private struct Slot {
        let line: Line
        var phase: Phase
        /// To be closed at its return.
        var isRetiring = false
    }

    private struct Waiter {
        let line: Line
        let deadline: Instant
        /// Until when it waits for a connection of its own line; nil: no longer.
        var patientUntil: Instant?
    }

    static let patience: Duration = .milliseconds(100)

    private var limits: PostgresPoolLimits
    private var slots: [ConnectionID: Slot] = [:]
    /// Each line's idle connections, the longest unused first.
    private var idle: [Line: [ConnectionID]] = [:]
    private var openByDatabase: [Database: Int] = [:]
    private var openByServer: [Server: Int] = [:]
    private var waiting: [WaiterID: Waiter] = [:]
    /// Each line's waiters in order; those no longer in `waiting` are skipped.
    private var queues: [Line: WaiterQueue] = [:]
    /// One for each endpoint whose last attempt found nobody.
    private var outages: [Endpoint: ServerOutage] = [:]
    private var jitter: Jitter
    private var lastNumber: UInt64 = 0
    private(set) var isClosed = false

    /// - Parameter seed: of the delays' jitter.
    init(limits: PostgresPoolLimits, seed: UInt64) {
        self.limits = limits
        self.jitter = Jitter(seed: seed)
    }

    // MARK: Events

    /// There shall be fewer connections to each server, and so to each database. Those that are open stay.
    mutating func limit(perServer: Int) {
        precondition(perServer > 0, "a pool's limits must be positive")
        limits.perServer = min(limits.perServer, perServer)
        limits.perDatabase = min(limits.perDatabase, perServer)
    }

    /// Somebody wants a connection.
    mutating func acquire(_ line: Line, now: Instant) -> AcquireAction {
        guard !isClosed else { return .refuse(.poolClosed) }
        if head(of: line) == nil {
            switch start(line, isPatient: true, now: now) {
            case .possible(let start): return .start(start)
            case .unreachable: return .unreachable
            case .full: break
            }
        }
        guard waiting.count < limits.waiters else { return .refuse(.poolExhausted) }
        let waiter = WaiterID(number: mint())
        waiting[waiter] = Waiter(
            line: line, deadline: now + limits.acquireTimeout, patientUntil: now + Self.patience)
        queues[line, default: WaiterQueue()].append(waiter)
        return .wait(waiter)
    }

    /// The connection that was to be opened is open, and leased.
    mutating func opened(_ id: ConnectionID) {
        guard let slot = slots[id], slot.phase == .opening else {
            preconditionFailure("opened, but was not being opened")
        }
        slots[id]?.phase = .leased
        outages[slot.line.endpoint] = nil
    }

    /// The lent connection was found dead before its use: its holder opens another in its place, if the server is not
    /// known to be away.
    mutating func replace(_ id: ConnectionID, now: Instant) -> Replacement {
        guard let slot = slots[id] else { preconditionFailure("replaced what is not there") }
        precondition(slot.phase == .leased, "replaced what is not leased")
        guard mayOpen(slot.line.endpoint, now: now) else {
            forget(id)
            return .unreachable(granting(now))
        }
        slots[id] = nil
        let successor = ConnectionID(number: mint())
        slots[successor] = Slot(line: slot.line, phase: .opening, isRetiring: slot.isRetiring)
        return .open(successor)
    }

    /// Its user is done with the connection.
    mutating func release(_ id: ConnectionID, isReusable: Bool, now: Instant) -> Consequences {
        guard let slot = slots[id] else { preconditionFailure("released what is not there") }
        precondition(slot.phase == .leased, "released what is not leased")
        guard isReusable, !slot.isRetiring, !isClosed else {
            forget(id)
            return granting(now, Consequences(close: [id]))
        }
        slots[id]?.phase = .idle(since: now)
        idle[slot.line, default: []].append(id)
        return granting(now)
    }

    /// The connection could not be opened.
    ///
    /// - Parameter failure: why. A reason that is not the server's absence (a wrong password, a cancelled caller)
    ///   delays nobody else.
    mutating func remove(_ id: ConnectionID, because failure: PostgresError, now: Instant) -> Consequences {
        guard let slot = slots[id], slot.phase == .opening else {
            preconditionFailure("removed what was not being opened")
        }
        forget(id)
        if failure.isServerAway {
            let endpoint = slot.line.endpoint
            if outages[endpoint] == nil {
                outages[endpoint] = ServerOutage(failure, now: now, jitter: jitter.next())
            } else {
                outages[endpoint]?.failed(failure)
            }
        }
        return granting(now)
    }

    /// The waiter no longer wants one. False if it has been granted, or has ended, already.
    mutating func withdraw(_ waiter: WaiterID) -> Bool {
        waiting.removeValue(forKey: waiter) != nil
    }

    /// Time has passed: waiters whose time is up, connections unused for too long.
    mutating func tick(now: Instant) -> Consequences {
        var consequences = Consequences()
        consequences.expired = waiting.filter { $0.value.deadline <= now }.keys.sorted()
        for waiter in consequences.expired { waiting[waiter] = nil }
        for (id, waiter) in waiting where waiter.patientUntil.map({ $0 <= now }) ?? false {
            waiting[id]?.patientUntil = nil
        }
        consequences.close = slots.compactMap { id, slot in
            guard case .idle(let since) = slot.phase, since + limits.idleTimeout <= now else { return nil }
            return id
        }
        for id in consequences.close { forget(id) }
        return granting(now, consequences)
    }

    /// When `tick` has something to do next.
    func nextDeadline() -> Instant? {
        let expiries = waiting.values.lazy.map { $0.patientUntil ?? $0.deadline }.min()
        let ends = idle.values.lazy.compactMap(\.first).compactMap { id -> Instant? in
            guard case .idle(let since) = slots[id]?.phase else { return nil }
            return since + limits.idleTimeout
        }.min()
        return [expiries, ends].compactMap { $0 }.min()
    }

    /// The database's connections are to go: idle ones now, the others at their return.
    mutating func retire(_ database: Database, now: Instant) -> Consequences {
        var consequences = Consequences()
        for (id, slot) in slots where slot.line.database == database {
            if case .idle = slot.phase {
                consequences.close.append(id)
            } else {
                slots[id]?.isRetiring = true
            }
        }
        for id in consequences.close { forget(id) }
        return granting(now, consequences)
    }

    /// No more connections: idle ones are closed now, the others at their return; waiters are turned away (`expired`).
    mutating func close() -> Consequences {
        isClosed = true
        var consequences = Consequences()
        consequences.expired = waiting.keys.sorted()
        consequences.close = idle.values.flatMap { $0 }
        for id in consequences.close { forget(id) }
        waiting = [:]
        queues = [:]
        return consequences
    }

    /// Why the endpoint could not be reached the last time; nil if it could.
    func failure(at endpoint: Endpoint) -> PostgresError? { outages[endpoint]?.failure }

    // MARK: Figures

    var openCount: Int { slots.count }
    var idleCount: Int { idle.values.reduce(0) { $0 + $1.count } }
    var waiterCount: Int { waiting.count }

    func openCount(to database: Database) -> Int { openByDatabase[database] ?? 0 }
    func openCount(on server: Server) -> Int { openByServer[server] ?? 0 }

    // MARK: Rules

    private mutating func mint() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    /// A connection for the line: the idle one used last, a new one, or a new one in an idle one's place.
    ///
    /// - Parameter isPatient: Takes no other line's place while its own has a connection.
    private mutating func start(_ line: Line, isPatient: Bool, now: Instant) -> Possibility {
        if let id = idle[line]?.popLast() {
            if idle[line]?.isEmpty == true { idle[line] = nil }
            slots[id]?.phase = .leased
            return .possible(.lend(id))
        }
        let database = line.database
        let server = line.server
        let victim: ConnectionID?
        // The narrowest limit that is reached says where room has to be made; room there is room in the wider ones.
        if openCount(to: database) >= limits.perDatabase {
            guard let found = longestIdle(where: { $0.database == database }) else { return .full }
            victim = found
        } else if openCount(on: server) >= limits.perServer {
            guard let found = longestIdle(where: { $0.server == server }) else { return .full }
            victim = found
        } else if slots.count >= limits.total {
            guard let found = longestIdle(where: { _ in true }) else { return .full }
            victim = found
        } else {
            victim = nil
        }
        if isPatient, let victim, slots[victim]?.line != line, slots.values.contains(where: { $0.line == line }) {
            return .full
        }
        guard mayOpen(line.endpoint, now: now) else { return .unreachable }
        if let victim { forget(victim) }
        let id = ConnectionID(number: mint())
        slots[id] = Slot(line: line, phase: .opening)
        openByDatabase[database, default: 0] += 1
        openByServer[server, default: 0] += 1
        return .possible(.open(id, closing: victim))
    }

    /// Whether a connection may be tried now; during an outage this counts as an attempt.
    private mutating func mayOpen(_ endpoint: Endpoint, now: Instant) -> Bool {
        guard outages[endpoint] != nil else { return true }
        return outages[endpoint]?.beginAttempt(now: now, jitter: jitter.next()) ?? true
    }

    private func longestIdle(where isInScope: (Line) -> Bool) -> ConnectionID? {
        var longest: (id: ConnectionID, since: Instant)?
        for (line, ids) in idle where isInScope(line) {
            guard let id = ids.first, case .idle(let since) = slots[id]?.phase else { continue }
            if let known = longest, known.since <= since { continue }
            longest = (id, since)
        }
        return longest?.id
    }

    private mutating func forget(_ id: ConnectionID) {
        guard let slot = slots.removeValue(forKey: id) else { return }
        if case .idle = slot.phase {
            idle[slot.line]?.removeAll { $0 == id }
            if idle[slot.line]?.isEmpty == true { idle[slot.line] = nil }
        }
        let database = slot.line.database
        openByDatabase[database] = openByDatabase[database].flatMap { $0 > 1 ? $0 - 1 : nil }
        openByServer[database.server] = openByServer[database.server].flatMap { $0 > 1 ? $0 - 1 : nil }
    }

    /// Serves waiters until nobody else can be served: of the lines' first ones always the oldest that can. Those whose
    /// server is away are told so.
    private mutating func granting(_ now: Instant, _ others: Consequences = Consequences()) -> Consequences {
        var consequences = others
        guard !waiting.isEmpty else {
            queues = [:]
            return consequences
        }
        while settleOldest(now, &consequences) {}
        return consequences
    }

    /// False if every line's first waiter has to wait on.
    private mutating func settleOldest(_ now: Instant, _ consequences: inout Consequences) -> Bool {
        let heads = Array(queues.keys).compactMap { line in head(of: line).map { ($0, line) } }
        for (waiter, line) in heads.sorted(by: { $0.0 < $1.0 }) {
            switch start(line, isPatient: waiting[waiter]?.patientUntil != nil, now: now) {
            case .possible(let start):
                consequences.grants.append(Grant(waiter: waiter, start: start))
            case .unreachable:
                consequences.unreachable.append(Unreachable(waiter: waiter, endpoint: line.endpoint))
            case .full:
                continue
            }
            waiting[waiter] = nil
            return true
        }
        return false
    }

    /// The line's first waiter that still waits.
    private mutating func head(of line: Line) -> WaiterID? {
        while let first = queues[line]?.first {
            if waiting[first] != nil { return first }
            queues[line]?.removeFirst()
        }
        queues[line] = nil
        return nil
    }
}
