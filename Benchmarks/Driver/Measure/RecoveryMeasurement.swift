// W10: from `kill -9` until the last of the dead worker's jobs runs again: one worker under its supervisor, or a whole
// machine's workers and supervisor at once. The end is the ledger's `started_at`, on the clock of this machine.

internal import JobModel
internal import JobQueue
internal import Postgres
internal import Processes

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Measures recoveries.
struct RecoveryMeasurement {
    let queue: OurQueue
    let program: ChorewheelProgram
    let kills: Int

    private static let workersEach = 2
    /// Long enough to be killed in the middle, short enough to wait for.
    private static let jobSeconds = 1.5
    private static let poll: Duration = .milliseconds(5)

    /// One worker of a supervisor's two.
    func afterKill() async throws -> [String: Figure] {
        // Free slots enough for a dead neighbour's jobs: the wait for a slot is not recovery.
        let supervisor = try self.program.startWorkers(processes: Self.workersEach, concurrency: 32)
        return try await self.stopping([supervisor]) {
            var times: [Double] = []
            for _ in 0..<self.kills {
                try await self.waitForWorkers(Self.workersEach, [supervisor])
                let ids = try await self.runJobs(12, [supervisor])
                let sessions = try await self.queue.client.ledger.sessions().filter { $0.endReason == nil }
                guard let victim = sessions.max(by: { $0.running < $1.running }), victim.pid > 1 else {
                    throw BenchFailure("no worker has jobs running")
                }
                let held = try await self.jobs(ids, of: [victim.id])
                let killed = Self.wallClock()
                guard kill(Int32(victim.pid), SIGKILL) == 0 else { throw BenchFailure("cannot kill \(victim.pid)") }
                times.append(try await self.recovered(held, all: ids, since: killed, [supervisor]))
            }
            return self.result(times, jobs: 12 * self.kills)
        }
    }

    /// One of two supervisors with all that it started; it is the elder, whose worker is the caretaker.
    func afterLoss() async throws -> [String: Figure] {
        let slots = 8
        var elder = try self.program.startWorkers(processes: Self.workersEach, concurrency: slots)
        var running = [elder]
        var times: [Double] = []
        // Every slot of both is taken, so the lost machine holds half of the jobs.
        let jobs = 2 * Self.workersEach * slots
        do {
            try await self.waitForWorkers(Self.workersEach, running)
            for _ in 0..<self.kills {
                let younger = try self.program.startWorkers(processes: Self.workersEach, concurrency: slots)
                running.append(younger)
                try await self.waitForWorkers(2 * Self.workersEach, running)
                let ids = try await self.runJobs(jobs, running)
                let processes = ProcessTree.descendants(of: try await elder.processID())
                let lost = try await self.queue.client.ledger.sessions().filter { session in
                    session.endReason == nil && processes.contains(Int32(session.pid))
                }
                let held = try await self.jobs(ids, of: lost.map(\.id))
                running.removeFirst()
                let killed = Self.wallClock()
                elder.kill(SIGKILL)
                times.append(try await self.recovered(held, all: ids, since: killed, running))
                elder = younger
            }
        } catch {
            await Self.stop(running)
            throw error
        }
        await Self.stop(running)
        return self.result(times, jobs: jobs * self.kills)
    }

    private func result(_ times: [Double], jobs: Int) -> [String: Figure] {
        MeasureCommand.rate(jobs: jobs, settled: jobs, times.reduce(0, +)).adding(MeasureCommand.latencies(times))
            .adding(["kills": .number(Double(self.kills))])
    }

    // MARK: Jobs

    /// Enqueues jobs that sleep, and returns when all of them run.
    private func runJobs(_ count: Int, _ supervisors: [ChildProcess]) async throws -> [JobID] {
        let requests = try (0..<count).map { _ in
            try JobRequest(
                kind: "diagnostic.sleep", target: .platform, payload: Array("{\"seconds\":\(Self.jobSeconds)}".utf8),
                options: EnqueueOptions(queue: "diagnostics"))
        }
        let ids = try await self.queue.client.enqueue(requests, durability: .durable).map(\.id)
        try await self.queue.wait(supervisors, every: Self.poll) {
            try await self.count(ids, "state = 'running'") == count
        }
        return ids
    }

    /// Those of the jobs that the sessions run.
    private func jobs(_ ids: [JobID], of sessions: [String]) async throws -> [JobID] {
        let rows = try await self.queue.platform.query(
            "SELECT id::text FROM jobs WHERE id = ANY ($1::uuid[]) AND session_id = ANY ($2::uuid[])",
            [.text(Self.array(ids.map(\.description))), .text(Self.array(sessions))])
        let held = try rows.compactMap { JobID(try $0.string(at: 0)) }
        guard !held.isEmpty else { throw BenchFailure("who is to be killed runs no job") }
        return held
    }

    /// Waits until the held jobs ran again and all have succeeded; checks that nobody else's ran twice.
    ///
    /// - Returns: Seconds from the kill until the last of the held jobs was begun again.
    private func recovered(
        _ held: [JobID], all: [JobID], since killed: Double, _ supervisors: [ChildProcess]
    ) async throws -> Double {
        try await self.queue.wait(supervisors, every: .milliseconds(20)) {
            try await self.count(all, "state = 'succeeded'") == all.count
        }
        let again = try await self.count(held, "crashes = 1 AND epoch = 2 AND failures = 0")
        guard again == held.count else { throw BenchFailure("\(again) of \(held.count) lost jobs ran again once") }
        let once = try await self.count(all, "crashes = 0 AND epoch = 1 AND failures = 0")
        guard once == all.count - held.count else {
            throw BenchFailure("\(once) of \(all.count - held.count) other jobs ran once")
        }
        let rows = try await self.queue.platform.query(
            "SELECT extract(epoch FROM max(started_at))::float8 FROM jobs WHERE id = ANY ($1::uuid[])",
            [.text(Self.array(held.map(\.description)))])
        guard let last = try rows.first?.double(at: 0) else { throw BenchFailure("the lost jobs have no times") }
        return last - killed
    }

    private func count(_ ids: [JobID], _ condition: String) async throws -> Int {
        try await self.queue.platform.query(
            "SELECT count(*) FROM jobs WHERE id = ANY ($1::uuid[]) AND \(condition)",
            [.text(Self.array(ids.map(\.description)))]
        ).first?.int(at: 0) ?? 0
    }

    private static func array(_ ids: [String]) -> String { "{\(ids.joined(separator: ","))}" }

    // MARK: Processes

    private func waitForWorkers(_ count: Int, _ supervisors: [ChildProcess]) async throws {
        try await self.queue.wait(supervisors, every: .milliseconds(20)) {
            try await self.queue.workerCount() == count
        }
    }

    private func stopping<Result>(
        _ supervisors: [ChildProcess], _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            let result = try await body()
            await Self.stop(supervisors)
            return result
        } catch {
            await Self.stop(supervisors)
            throw error
        }
    }

    private static func stop(_ supervisors: [ChildProcess]) async {
        for supervisor in supervisors { supervisor.requestStop(grace: .seconds(10)) }
        for supervisor in supervisors { _ = await supervisor.wait() }
    }

    /// Seconds since 1970: the clock that the ledger's times are of.
    private static func wallClock() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
