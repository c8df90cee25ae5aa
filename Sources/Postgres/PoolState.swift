// The pool's mind: who may have which connection, who waits, what is closed to make room. A pure value: events in,
// actions out; no clock, no lock, no socket (`PostgresPool` performs). Invariants:
//  1. Open connections never pass `perDatabase`, `perServer` or `total`; waiters never pass `waiters`.
//  2. A waiter ends exactly once: granted, withdrawn, expired or turned away.
//  3. A line's waiters are served in the order in which they came, and nobody of that line overtakes them.
//  4. No waiter waits while it could be served: each event that frees something returns the grants it makes possible,
//     oldest first.

struct PoolState {
    typealias Instant = ContinuousClock.Instant

    struct Server: Hashable {
        let host: String
        let port: Int
    }

    struct Database: Hashable {
        let server: Server
        let name: String
    }

    /// Connections that are interchangeable: same database, same user, same settings.
    struct Line: Hashable {
        let configuration: PostgresConfiguration
        var server: Server { Server(host: configuration.host, port: configuration.port) }
        var database: Database { Database(server: server, name: configuration.database) }
    }

    struct ConnectionID: Hashable { let number: UInt64 }
    struct WaiterID: Hashable, Comparable {
        let number: UInt64
        static func < (left: WaiterID, right: WaiterID) -> Bool { left.number < right.number }
    }

    /// How a caller gets its connection.
    enum Start: Equatable {
        /// Take this open one; look whether it is alive (`replace` if not).
        case lend(ConnectionID)
        /// Open one under this id, after closing the other; answer with `opened` or `remove`.
        case open(ConnectionID, closing: ConnectionID?)
    }

    enum AcquireAction: Equatable {
        case start(Start)
        case wait(WaiterID)
        case refuse(PostgresError.Code)
    }

    struct Grant: Equatable {
        let waiter: WaiterID
        let start: Start
    }

    /// What follows from an event; everything in it is independent of each other.
    struct Consequences: Equatable {
        var close: [ConnectionID] = []
        var grants: [Grant] = []
        var expired: [WaiterID] = []
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
    }

    private let limits: PostgresPoolLimits
    private var slots: [ConnectionID: Slot] = [:]
    /// Each line's idle connections, the longest unused first.
    private var idle: [Line: [ConnectionID]] = [:]
    private var openByDatabase: [Database: Int] = [:]
    private var openByServer: [Server: Int] = [:]
    private var waiting: [WaiterID: Waiter] = [:]
    /// Each line's waiters in order; those no longer in `waiting` are skipped.
    private var queues: [Line: WaiterQueue] = [:]
    private var lastNumber: UInt64 = 0
    private(set) var isClosed = false

    init(limits: PostgresPoolLimits) { self.limits = limits }

    // MARK: Events

    /// Somebody wants a connection.
    mutating func acquire(_ line: Line, now: Instant) -> AcquireAction {
        guard !isClosed else { return .refuse(.poolClosed) }
        if head(of: line) == nil, let start = start(line) { return .start(start) }
        guard waiting.count < limits.waiters else { return .refuse(.poolExhausted) }
        let waiter = WaiterID(number: mint())
        waiting[waiter] = Waiter(line: line, deadline: now + limits.acquireTimeout)
        queues[line, default: WaiterQueue()].append(waiter)
        return .wait(waiter)
    }

    /// The connection that was to be opened is open, and leased.
    mutating func opened(_ id: ConnectionID) {
        precondition(slots[id]?.phase == .opening, "opened, but was not being opened")
        slots[id]?.phase = .leased
    }

    /// The lent connection was found dead before its use: its holder opens another in its place, under the new id.
    mutating func replace(_ id: ConnectionID) -> ConnectionID {
        guard let slot = slots.removeValue(forKey: id) else { preconditionFailure("replaced what is not there") }
        precondition(slot.phase == .leased, "replaced what is not leased")
        let successor = ConnectionID(number: mint())
        slots[successor] = Slot(line: slot.line, phase: .opening, isRetiring: slot.isRetiring)
        return successor
    }

    /// Its user is done with the connection.
    mutating func release(_ id: ConnectionID, isReusable: Bool, now: Instant) -> Consequences {
        guard let slot = slots[id] else { preconditionFailure("released what is not there") }
        precondition(slot.phase == .leased, "released what is not leased")
        guard isReusable, !slot.isRetiring, !isClosed else {
            forget(id)
            return Consequences(close: [id], grants: grants())
        }
        slots[id]?.phase = .idle(since: now)
        idle[slot.line, default: []].append(id)
        return Consequences(grants: grants())
    }

    /// The connection could not be opened.
    mutating func remove(_ id: ConnectionID) -> Consequences {
        precondition(slots[id]?.phase == .opening, "removed what was not being opened")
        forget(id)
        return Consequences(grants: grants())
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
        consequences.close = slots.compactMap { id, slot in
            guard case .idle(let since) = slot.phase, since + limits.idleTimeout <= now else { return nil }
            return id
        }
        for id in consequences.close { forget(id) }
        consequences.grants = grants()
        return consequences
    }

    /// When `tick` has something to do next.
    func nextDeadline() -> Instant? {
        let expiries = waiting.values.lazy.map(\.deadline).min()
        let ends = idle.values.lazy.compactMap(\.first).compactMap { id -> Instant? in
            guard case .idle(let since) = slots[id]?.phase else { return nil }
            return since + limits.idleTimeout
        }.min()
        return [expiries, ends].compactMap { $0 }.min()
    }

    /// The database's connections are to go: idle ones now, the others at their return.
    mutating func retire(_ database: Database) -> Consequences {
        var consequences = Consequences()
        for (id, slot) in slots where slot.line.database == database {
            if case .idle = slot.phase {
                consequences.close.append(id)
            } else {
                slots[id]?.isRetiring = true
            }
        }
        for id in consequences.close { forget(id) }
        consequences.grants = grants()
        return consequences
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
    private mutating func start(_ line: Line) -> Start? {
        if let id = idle[line]?.popLast() {
            if idle[line]?.isEmpty == true { idle[line] = nil }
            slots[id]?.phase = .leased
            return .lend(id)
        }
        let database = line.database
        let server = line.server
        let victim: ConnectionID?
        // The narrowest limit that is reached says where room has to be made; room there is room in the wider ones.
        if openCount(to: database) >= limits.perDatabase {
            guard let found = longestIdle(where: { $0.database == database }) else { return nil }
            victim = found
        } else if openCount(on: server) >= limits.perServer {
            guard let found = longestIdle(where: { $0.server == server }) else { return nil }
            victim = found
        } else if slots.count >= limits.total {
            guard let found = longestIdle(where: { _ in true }) else { return nil }
            victim = found
        } else {
            victim = nil
        }
        if let victim { forget(victim) }
        let id = ConnectionID(number: mint())
        slots[id] = Slot(line: line, phase: .opening)
        openByDatabase[database, default: 0] += 1
        openByServer[server, default: 0] += 1
        return .open(id, closing: victim)
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

    /// Serves waiters until nobody else can be served: of the lines' first ones always the oldest that can.
    private mutating func grants() -> [Grant] {
        var made: [Grant] = []
        guard !waiting.isEmpty else {
            queues = [:]
            return made
        }
        var isProgress = true
        while isProgress {
            isProgress = false
            let heads = Array(queues.keys).compactMap { line in head(of: line).map { ($0, line) } }
            for (waiter, line) in heads.sorted(by: { $0.0 < $1.0 }) {
                guard let start = start(line) else { continue }
                waiting[waiter] = nil
                made.append(Grant(waiter: waiter, start: start))
                isProgress = true
                break
            }
        }
        return made
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
