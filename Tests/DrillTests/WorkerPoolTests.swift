// Drills with pools of real processes: one is killed, they are quieted, hurried, drained; then what is true.

import Glibc
import JobModel
import JobQueue
import Postgres
import Processes
import QueueTestSupport
import TestSupport
import Testing

@Suite("Pools of workers")
struct WorkerPoolTests {
    /// Enqueues jobs that take so long and then leave one row each.
    private static func enqueueEffects(_ count: Int, seconds: Double, on queue: QueueFixture) async throws {
        let request = try JobRequest(
            kind: "diagnostic.effect", target: .platform, payload: Array(#"{"seconds": \#(seconds)}"#.utf8),
            options: EnqueueOptions(queue: "diagnostics"))
        _ = try await queue.ledger.enqueue(Array(repeating: request, count: count))
    }

    private static func jobs(_ queue: QueueFixture, in state: JobState) async throws -> Int {
        try await queue.count("SELECT count(*) FROM jobs WHERE state = $1", [.text(state.rawValue)])
    }

    /// Each job succeeded, after one run that counts, and left its row once.
    private static func expectDoneOnce(_ count: Int, on queue: QueueFixture) async throws {
        try await eventually("all have succeeded", within: .seconds(120)) {
            try await Self.jobs(queue, in: .succeeded) == count
        }
        #expect(try await queue.count("SELECT count(*) FROM jobs WHERE attempt <> 1 OR failures > 0") == 0)
        #expect(try await queue.count("SELECT count(*) FROM diagnostic_effects") == count)
        #expect(try await queue.count("SELECT count(DISTINCT job_id) FROM diagnostic_effects") == count)
    }

    @Test("kill -9 of one of four: its supervisor and the other three say so, and each job is done once")
    func oneOfFour() async throws {
        try await QueueFixture.with { queue in
            let log = WorkerLog(on: queue.servers)
            try await WorkerPool.with(queue, processes: 4, log: log) { pool in
                try await Self.enqueueEffects(600, seconds: 0.1, on: queue)
                try await eventually("all four are at work") {
                    try await pool.sessions().allSatisfy { $0.running > 0 }
                }
                let before = try await pool.sessions()
                let victim = try #require(before.first)
                kill(Int32(victim.pid), SIGKILL)
                try await eventually("the supervisor says how soon its jobs were given back") {
                    try log.lines("worker process died", "signal 9", "recovered_ms=").count == 1
                }
                for other in before.dropFirst() {
                    try await eventually("the others say so, too") {
                        try log.lines(
                            "another worker died", "session=\(other.id)", "dead_session=\(victim.id)", "recovered_ms="
                        ).count == 1
                    }
                }
                try await Self.expectDoneOnce(600, on: queue)
                let crashes = try await queue.count("SELECT sum(crashes) FROM jobs")
                #expect((1...16).contains(crashes), "aboard: what ran, and what was claimed ahead")
                try await eventually("the deaths are counted") {
                    let crashed = try await queue.counter("jobs_crashed_total")
                    let reaped = try await queue.counter("sessions_reaped_total")
                    return crashed == crashes && reaped == 1
                }
                let times = try #require(try await queue.index.recoveryTimes())
                #expect(times.last == times.longest)
                #expect(times.last < .seconds(5), "at once, on a busy machine")
                try await pool.waitForSessions(4)
            }
        }
    }

    @Test("SIGTSTP: what runs goes on, nothing more is claimed, the process lives until SIGTERM")
    func quiet() async throws {
        try await QueueFixture.with { queue in
            let log = WorkerLog(on: queue.servers)
            // No grace: what is left at SIGTERM would be given back.
            try await WorkerPool.with(queue, processes: nil, concurrency: 2, grace: 0, log: log) { pool in
                let first = try await queue.diagnostic("diagnostic.effect", #"{"seconds": 5}"#)
                try await queue.wait(for: first, toBe: .running)
                let session = try #require(try await pool.sessions().first)
                pool.child.kill(SIGTSTP)
                try await eventually("it is listed as quiet") { try await pool.sessions().first?.isQuiet == true }
                let second = try await queue.diagnostic("diagnostic.effect")
                try await queue.wait(for: first, toBe: .succeeded)
                try await eventually("it says that it is idle") {
                    try log.lines("this session is quiet, and nothing runs any more").count == 1
                }
                // What suspends others, or wakes them, changes nothing any more.
                pool.child.kill(SIGTSTP)
                pool.child.kill(SIGCONT)
                try await eventually("the other job is put into Redis: a quiet worker is a caretaker") {
                    try await queue.count("SELECT count(*) FROM job_dispatches") == 0
                }
                #expect(try await queue.index.audit("diagnostics").durableWaiting >= 1)
                #expect(try await queue.ledger.job(second)?.state == JobState.available.rawValue)
                #expect(try await pool.sessions().map(\.id) == [session.id])
                #expect(try log.lines("quiet: nothing more is claimed").count == 1)
                #expect(pool.child.exitStatus == nil)
                #expect(await pool.child.stop(grace: .seconds(60)).isSuccess)
                #expect(try await pool.sessions().isEmpty)
                #expect(try await queue.ledger.job(first)?.attempt == 1)
                // The next deployment's worker takes what waits.
                try await WorkerPool.with(queue, processes: nil) { _ in
                    try await queue.wait(for: second, toBe: .succeeded)
                }
            }
        }
    }

    @Test("SIGTSTP to a supervisor quiets all, and a child that dies then is not replaced")
    func quietSupervisor() async throws {
        try await QueueFixture.with { queue in
            let log = WorkerLog(on: queue.servers)
            try await WorkerPool.with(queue, processes: 2, log: log) { pool in
                pool.child.kill(SIGTSTP)
                try await eventually("both are quiet") {
                    try await pool.sessions().count(where: \.isQuiet) == 2
                }
                let id = try await queue.diagnostic("diagnostic.effect")
                let victim = try #require(try await pool.sessions().first)
                kill(Int32(victim.pid), SIGKILL)
                try await eventually("the supervisor says that it lets it be") {
                    try log.lines("not replaced, since the workers are quiet").count == 1
                }
                #expect(try await pool.sessions().count == 1)
                #expect(await pool.child.stop(grace: .seconds(60)).isSuccess)
                #expect(try await pool.sessions().isEmpty)
                #expect(try log.lines("session started").count == 2)
                #expect(try await queue.ledger.job(id)?.attempt == 0)
            }
        }
    }

    @Test("SIGTSTP and then SIGTERM to every process of the service: none is suspended, all drain, none hurries")
    func everyProcess() async throws {
        try await QueueFixture.with { queue in
            let log = WorkerLog(on: queue.servers)
            try await WorkerPool.with(queue, processes: 2, grace: 30, log: log) { pool in
                try await Self.enqueueEffects(16, seconds: 2, on: queue)
                try await eventually("they run") { try await Self.jobs(queue, in: .running) == 16 }
                let all = try await Self.everyProcess(of: pool)
                for process in all { kill(process, SIGTSTP) }
                try await eventually("both are quiet") {
                    try await pool.sessions().count(where: \.isQuiet) == 2
                }
                for process in all { kill(process, SIGTERM) }
                try await eventually("it ends", within: .seconds(60)) { pool.child.exitStatus != nil }
                #expect(pool.child.exitStatus == .exited(0))
                #expect(try log.lines("hurrying").isEmpty)
                #expect(try await Self.jobs(queue, in: .succeeded) == 16)
            }
        }
    }

    @Test("kill -9 of a worker's leash: the worker it held claims nothing more, and ends")
    func killedLeash() async throws {
        try await QueueFixture.with { queue in
            let log = WorkerLog(on: queue.servers)
            try await WorkerPool.with(queue, processes: 1, grace: 30, log: log) { pool in
                let worker = Int32(try #require(try await pool.sessions().first).pid)
                let leash = try #require(Self.parent(of: worker))
                kill(leash, SIGKILL)
                try await eventually("the worker ends by itself") { Self.hasEnded(worker) }
                #expect(try log.lines("is gone; ending").count == 1)
                let id = try await queue.diagnostic("diagnostic.effect")
                try await queue.wait(for: id, toBe: .succeeded)
            }
        }
    }

    @Test("kill -9 of a supervisor: what runs is given back at no cost, and no process stays")
    func killedSupervisor() async throws {
        try await QueueFixture.with { queue in
            let log = WorkerLog(on: queue.servers)
            try await WorkerPool.with(queue, processes: 2, grace: 30, log: log) { pool in
                try await Self.enqueueEffects(16, seconds: 600, on: queue)
                try await eventually("they run") { try await Self.jobs(queue, in: .running) == 16 }
                let workers = try await pool.sessions().map { Int32($0.pid) }
                kill(try await pool.child.processID(), SIGKILL)
                try await eventually("the workers end") { workers.allSatisfy { Self.hasEnded($0) } }
                #expect(try await Self.jobs(queue, in: .available) == 16)
                #expect(
                    try await queue.count("SELECT count(*) FROM jobs WHERE attempt + failures + crashes <> 0") == 0)
            }
        }
    }

    /// The supervisor, its leashes and its workers.
    private static func everyProcess(of pool: WorkerPool) async throws -> [pid_t] {
        let workers = try await pool.sessions().map { pid_t($0.pid) }
        return [try await pool.child.processID()] + workers.compactMap { parent(of: $0) } + workers
    }

    private static func parent(of process: pid_t) -> pid_t? { status(of: process)?.parent }

    /// A process that nobody has waited for yet has ended, too.
    private static func hasEnded(_ process: pid_t) -> Bool { status(of: process).map { $0.state == "Z" } ?? true }

    /// By /proc: `pid (name) state parent …`; nil when it is gone.
    private static func status(of process: pid_t) -> (state: Substring, parent: pid_t)? {
        guard let text = FileSystem.text(ofFileThatMayVanish: "/proc/\(process)/stat"),
            let bracket = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > 1, let parent = pid_t(fields[1]) else { return nil }
        return (fields[0], parent)
    }

    @Test("a second SIGTERM hurries: what runs is cancelled and given back at no cost", arguments: [nil, 2])
    func hurry(processes: Int?) async throws {
        try await QueueFixture.with { queue in
            let log = WorkerLog(on: queue.servers)
            try await WorkerPool.with(queue, processes: processes, grace: 3600, log: log) { pool in
                // As many as there are slots: a process without a job would end with the first signal.
                let jobs = 8 * (processes ?? 1)
                try await Self.enqueueEffects(jobs, seconds: 600, on: queue)
                try await eventually("they run") { try await Self.jobs(queue, in: .running) == jobs }
                pool.child.kill(SIGTERM)
                let all = (processes ?? 0) + 1
                try await eventually("all drain") {
                    try log.lines("draining; a second signal hurries").count == all
                }
                #expect(try await Self.jobs(queue, in: .running) == jobs)
                #expect(pool.child.exitStatus == nil)
                // Again and again: too soon after the first it is taken for the same one.
                try await eventually("it ends", within: .seconds(60)) {
                    pool.child.kill(SIGTERM)
                    return pool.child.exitStatus != nil
                }
                #expect(pool.child.exitStatus == .exited(0))
                #expect(try log.lines("hurrying: handlers are cancelled").count == all)
                #expect(try await Self.jobs(queue, in: .available) == jobs)
                #expect(
                    try await queue.count("SELECT count(*) FROM jobs WHERE attempt + failures + crashes <> 0") == 0)
            }
        }
    }

    @Test("a drain with a hundred jobs in flight: all finish within the grace")
    func drainInGrace() async throws {
        try await QueueFixture.with { queue in
            try await WorkerPool.with(queue, processes: nil, concurrency: 100, grace: 25) { pool in
                try await Self.enqueueEffects(100, seconds: 5, on: queue)
                try await eventually("all run") { try await Self.jobs(queue, in: .running) == 100 }
                #expect(await pool.child.stop(grace: .seconds(120)).isSuccess)
                // By now, not later: nobody else is there to run them.
                #expect(try await Self.jobs(queue, in: .succeeded) == 100)
            }
            try await Self.expectDoneOnce(100, on: queue)
            #expect(try await queue.count("SELECT sum(crashes) FROM jobs") == 0)
            #expect(try await queue.count("SELECT count(*) FROM job_attempts") == 0)
        }
    }

    @Test("a drain that is over before a hundred jobs are: all are given back, and run elsewhere, once")
    func drainBeyondGrace() async throws {
        try await QueueFixture.with { queue in
            try await WorkerPool.with(queue, processes: nil, concurrency: 100, grace: 1) { pool in
                try await Self.enqueueEffects(100, seconds: 5, on: queue)
                try await eventually("all run") { try await Self.jobs(queue, in: .running) == 100 }
                #expect(await pool.child.stop(grace: .seconds(120)).isSuccess)
                #expect(try await Self.jobs(queue, in: .available) == 100)
                #expect(try await queue.count("SELECT count(*) FROM diagnostic_effects") == 0)
                let given = "SELECT count(*) FROM job_attempts WHERE outcome = 'given_back'"
                #expect(try await queue.count(given) == 100)
            }
            try await WorkerPool.with(queue, processes: nil, concurrency: 100) { _ in
                try await Self.expectDoneOnce(100, on: queue)
            }
            #expect(try await queue.count("SELECT sum(crashes) FROM jobs") == 0)
        }
    }
}
