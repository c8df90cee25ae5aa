// The harness' own record of every enqueue: what was asked, by which way, and what was answered. It is written to a
// file as it happens, and nothing in it is ever changed by what the queue says later: the verdict compares the two.

import Glibc
import JobModel
import Processes
import Synchronization

/// One request to enqueue.
struct SoakEntry: Sendable {
    enum Route: String, Sendable, CaseIterable {
        /// The Swift client.
        case client
        /// The SQL function, in a transaction with a row of the caller's own.
        case sql
        /// The same, rolled back.
        case rollback
        /// The ledger's rows written as `enqueue` does, with nobody told: only the dispatcher's look finds the job.
        case silent
    }

    enum Fate: Sendable, Hashable {
        case pending
        case acknowledged
        /// The reply was lost, also when asked again: it may run or not.
        case unknown
        /// It was said that nothing was done.
        case refused
        /// Another job's key: it is that job.
        case replay(of: JobID)
    }

    let number: Int
    let id: JobID
    let plan: SoakPlan
    let family: FamilyID?
    let route: Route
    var key: String?
    var delay: Duration?
    /// When it was first sent, and when the answer came.
    let sent: Duration
    var answered: Duration?
    var fate = Fate.pending
    /// A person asked for its cancellation.
    var mayBeCancelled = false
}

/// What Redis lost, and whose loss that excuses.
struct SoakLoss: Sendable {
    enum Extent: Sendable {
        /// Fast jobs answered no earlier than this, and sent no later than that.
        case window(answeredFrom: Duration, sentUntil: Duration)
        /// All that Redis held in that moment, as bytes: the fast jobs whose ids are in them.
        case held([[UInt8]])
    }

    let why: String
    let extent: Extent

    func excuses(_ entry: SoakEntry) -> Bool {
        switch self.extent {
        case .window(let from, let until): (entry.answered ?? entry.sent) >= from && entry.sent <= until
        case .held(let values): values.contains { Self.holds($0, entry.id.uuid.bytes) }
        }
    }

    private static func holds(_ bytes: [UInt8], _ id: [UInt8]) -> Bool {
        guard bytes.count >= id.count else { return false }
        return (0...bytes.count - id.count).contains { start in
            bytes[start] == id[0] && bytes[start..<start + id.count].elementsEqual(id)
        }
    }
}

/// A second of the day, UTC: what log lines tell.
struct DayTime: Sendable {
    let second: Int

    static var now: DayTime { DayTime(second: time(nil) % 86_400) }

    init(second: Int) { self.second = second }

    /// Of `2026-11-21T18:29:50.180Z …`.
    init?(logLine: Substring) {
        let parts = logLine.dropFirst(11).prefix(8).split(separator: ":").compactMap { Int($0) }
        guard parts.count == 3 else { return nil }
        self.second = parts[0] * 3600 + parts[1] * 60 + parts[2]
    }

    /// Whether this is later than the other, by no more than so many seconds; also over midnight.
    func isWithin(_ seconds: Int, after other: DayTime) -> Bool {
        (self.second - other.second + 86_400) % 86_400 <= seconds
    }
}

/// Everything the harness did and was told.
final class SoakRecord: Sendable {
    private struct State {
        var entries: [SoakEntry] = []
        var losses: [SoakLoss] = []
        var violations: [String] = []
        var postgresKills: [DayTime] = []
    }

    private let state = Mutex(State())
    private let began = ContinuousClock.now
    private let file: Int32

    /// - Parameter path: of the file to append to.
    init(path: String) throws {
        self.file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard self.file >= 0 else { throw ProofFailure("cannot write \(path): errno \(errno)") }
    }

    deinit { close(self.file) }

    /// Since the record began.
    var now: Duration { .now - self.began }

    var entries: [SoakEntry] { self.state.withLock { $0.entries } }
    var losses: [SoakLoss] { self.state.withLock { $0.losses } }
    var violations: [String] { self.state.withLock { $0.violations } }
    var postgresKills: [DayTime] { self.state.withLock { $0.postgresKills } }

    func entry(_ number: Int) -> SoakEntry { self.state.withLock { $0.entries[number] } }

    /// Notes a request before it is sent.
    func ask(
        _ plan: SoakPlan, family: FamilyID?, route: SoakEntry.Route, key: String? = nil, delay: Duration? = nil,
        id: JobID
    ) -> SoakEntry {
        let now = self.now
        let entry = self.state.withLock { state in
            let entry = SoakEntry(
                number: state.entries.count, id: id, plan: plan, family: family, route: route, key: key,
                delay: delay, sent: now)
            state.entries.append(entry)
            return entry
        }
        self.append("ask \(entry.number) \(id) \(plan.kind) \(route.rawValue)")
        return entry
    }

    /// Notes what was answered.
    func answer(_ number: Int, _ fate: SoakEntry.Fate) {
        let now = self.now
        self.state.withLock { state in
            state.entries[number].fate = fate
            state.entries[number].answered = now
        }
        self.append("answer \(number) \(fate)")
    }

    func askedToCancel(_ number: Int) {
        self.state.withLock { $0.entries[number].mayBeCancelled = true }
        self.append("cancel \(number)")
    }

    func lost(_ loss: SoakLoss) {
        self.state.withLock { $0.losses.append(loss) }
        switch loss.extent {
        case .window(let from, let until):
            self.append("loss: \(loss.why); answered from \(from.inSeconds), sent until \(until.inSeconds)")
        case .held(let values): self.append("loss: \(loss.why); \(values.count) values")
        }
    }

    /// Something that must not happen, seen while it happened.
    func violation(_ what: String) {
        let line = "after \(self.now.inSeconds) s: \(what)"
        self.state.withLock { $0.violations.append(line) }
        self.append("VIOLATION \(what)")
    }

    func postgresWasKilled() {
        self.state.withLock { $0.postgresKills.append(.now) }
        self.append("PostgreSQL was killed")
    }

    func note(_ what: String) { self.append(what) }

    private func append(_ line: String) {
        let bytes = Array("\(self.now.inSeconds) \(line)\n".utf8)
        // One write, so that lines stay whole. A full disk shows in the run itself.
        _ = bytes.withUnsafeBytes { write(self.file, $0.baseAddress, $0.count) }
    }
}

extension Duration {
    /// For people: seconds with one decimal.
    var inSeconds: String {
        let tenths = Int(self / .milliseconds(100))
        return "\(tenths / 10).\(tenths % 10)"
    }
}
