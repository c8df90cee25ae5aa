// Faults of worker processes.

import Glibc
import JobModel
import JobQueue
import Postgres
import Processes
import Redis

extension SoakNemesis {
    /// Long enough for a session to expire while a server is away, too.
    private static let patience: Duration = .seconds(60)

    func killWorker(_ random: inout SeededRandom) async throws {
        let pool = random.one(of: self.pools)
        let pid = try await self.worker(of: pool, &random)
        if pool.processes == nil { pool.expectEnd() }
        kill(pid, SIGKILL)
        try await self.seeEnd(of: [pid])
    }

    /// SIGSTOP until the ledger has ended its session, then SIGCONT. Every other time the worker is stopped where it
    /// hurts most: its effects written, its transactions open, and only the settlements left.
    func stopWorker(_ random: inout SeededRandom) async throws {
        let pool = random.one(of: self.pools)
        let pid = try await self.worker(of: pool, &random)
        defer { kill(pid, SIGCONT) }
        if random.chance(0.5) {
            let wait = random.seconds(0.5...1.5)
            try await self.stack.withConnection { connection in
                try await connection.transaction { connection in
                    try await connection.query("LOCK TABLE diagnostic_effects", timeout: .seconds(20))
                    try await Task.sleep(for: wait)
                    kill(pid, SIGSTOP)
                }
            }
        } else {
            kill(pid, SIGSTOP)
        }
        guard Self.state(of: pid) != nil else { throw NotSeen("the process was gone") }
        self.record.note("stopped worker \(pid) of \(pool.name)")
        try await self.see("the session of a stopped worker is ended", within: Self.patience) {
            try await self.openSessions(of: [pid]) == 0
        }
        // Its jobs have begun elsewhere, or are done there.
        try? await Task.sleep(for: random.seconds(0...4))
        guard Self.state(of: pid) == "T" else { throw NotSeen("the stopped process did not stay stopped") }
    }

    func killSupervisor(_ random: inout SeededRandom) async throws {
        let pool = random.one(of: self.pools.filter { $0.processes != nil })
        let workers = await pool.workers()
        guard let pid = await pool.killTop() else { throw NotSeen("no supervisor") }
        try await self.see("the supervisor's workers end", within: .seconds(30)) {
            ([pid] + workers).allSatisfy { Self.state(of: $0) == nil }
        }
        try await self.seeEnd(of: workers)
    }

    func loseMachine(_ random: inout SeededRandom) async throws {
        let pool = random.one(of: self.pools)
        let workers = await pool.killAll()
        guard !workers.isEmpty else { throw NotSeen("no workers") }
        try await self.seeEnd(of: workers)
    }

    func killCaretaker() async throws {
        let index = self.stack.client.index
        guard
            let bytes = try await index.redis.send(RedisCommand("GET", "{\(index.namespace)}:caretaker")).bytes,
            let session = SessionID(bytes: bytes),
            let record = try await self.stack.client.ledger.sessions().first(where: { $0.id == "\(session)" })
        else { throw NotSeen("no caretaker") }
        let pid = Int32(record.pid)
        for pool in self.pools where pool.processes == nil {
            if await pool.processID() == pid { pool.expectEnd() }
        }
        guard await self.isOurs(pid) else { throw NotSeen("the caretaker was gone") }
        kill(pid, SIGKILL)
        try await self.seeEnd(of: [pid])
    }

    func restart(_ random: inout SeededRandom, quietFirst: Bool) async throws {
        let pool = random.one(of: self.pools)
        if quietFirst {
            pool.signal(SIGTSTP)
            try? await Task.sleep(for: random.seconds(1...4))
        }
        let workers = await pool.workers()
        guard let status = await pool.restart() else { throw NotSeen("nothing ran") }
        // 3 s of grace and 31 s more are promised (docs/workers.md); 60 were given.
        if status == .signalled(SIGKILL) {
            self.record.violation("pool \(pool.name) did not end within 60 s of SIGTERM")
        }
        try await self.seeEnd(of: workers)
    }

    // MARK: Processes and their sessions

    private func worker(of pool: SoakPool, _ random: inout SeededRandom) async throws -> Int32 {
        guard let pid = await pool.workers().randomElement(using: &random) else { throw NotSeen("no worker") }
        // One that has begun to work, or nothing would be seen.
        try await self.see("a worker has a session", within: .seconds(30)) {
            try await self.openSessions(of: [pid]) > 0
        }
        return pid
    }

    private func isOurs(_ pid: Int32) async -> Bool {
        for pool in self.pools where await pool.workers().contains(pid) { return true }
        return false
    }

    /// The processes are gone, and so are their sessions.
    private func seeEnd(of pids: [Int32]) async throws {
        try await self.see("the processes are gone", within: .seconds(30)) {
            pids.allSatisfy { Self.state(of: $0) == nil }
        }
        try await self.see("the sessions of dead processes are ended", within: Self.patience) {
            try await self.openSessions(of: pids) == 0
        }
    }

    private func openSessions(of pids: [Int32]) async throws -> Int {
        try await self.stack.platform.query(
            "SELECT count(*) FROM worker_sessions WHERE ended_at IS NULL AND pid = ANY ($1::int[])",
            [.array(pids.map { Int($0) })], timeout: .seconds(5)
        ).first?.int(at: 0) ?? 0
    }

    /// The letter of `/proc/<pid>/stat`; nil when the process is gone.
    static func state(of pid: Int32) -> Character? {
        guard let text = FileSystem.text(ofFileThatMayVanish: "/proc/\(pid)/stat"),
            let bracket = text.lastIndex(of: ")"),
            let letter = text[text.index(after: bracket)...].first(where: { $0 != " " })
        else { return nil }
        return letter == "Z" || letter == "X" ? nil : letter
    }
}
