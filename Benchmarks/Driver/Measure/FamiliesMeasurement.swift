// W9: one transaction each in a random family database, by some worker processes. The databases are those that the
// floor `postgres-family` made and kept; it has to have run on this server before.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres
internal import Processes

/// Measures effects in many databases.
struct FamiliesMeasurement {
    let queue: OurQueue
    /// URL of the server that the databases are on.
    let server: String
    let jobs: Int
    let processes: Int
    let databases: Int

    func figures() async throws -> [String: Figure] {
        let before = try await self.effects()
        try await self.queue.client.open([OurQueue.queue])
        try await self.queue.client.pause(OurQueue.queue)
        try await self.enqueue()
        let board = try self.queue.makeBoard(jobs: self.jobs)
        let seconds = try await self.drain(board)
        try board.check()
        let after = try await self.effects()
        guard after - before == self.jobs else {
            throw BenchFailure("\(after - before) of \(self.jobs) jobs left a row")
        }
        return MeasureCommand.rate(jobs: self.jobs, settled: self.jobs, seconds).adding([
            "processes": .number(Double(self.processes)), "databases": .number(Double(self.databases)),
            "connections_each": .number(Double(BenchFamilies.connections)),
        ])
    }

    /// Random families, the same in every run.
    private func enqueue() async throws {
        var random = LinearGenerator(state: 1)
        var byFamily: [Int: [FamilyEffect]] = [:]
        for number in 0..<self.jobs {
            let family = Int.random(in: 0..<self.databases, using: &random)
            byFamily[family, default: []].append(FamilyEffect(text: makeText(number, size: 80)))
        }
        for (family, jobs) in byFamily.sorted(by: { $0.key < $1.key }) {
            for start in stride(from: 0, to: jobs.count, by: JobLimits.batchJobsMax) {
                let batch = Array(jobs[start..<min(start + JobLimits.batchJobsMax, jobs.count)])
                _ = try await self.queue.client.enqueue(batch, for: BenchFamilies.family(family))
            }
        }
        try await self.queue.dispatchAll()
    }

    /// The clock runs when all processes are there.
    private func drain(_ board: Board) async throws -> Double {
        var workers: [ChildProcess] = []
        do {
            for _ in 0..<self.processes {
                workers.append(
                    try self.queue.spawnWorker(
                        jobs: self.jobs, concurrency: BenchFamilies.connections, familyServer: self.server))
            }
            let settled = try await self.settled(board, workers)
            await Self.stop(workers, grace: .seconds(30))
            return settled - board.firstStart
        } catch {
            await Self.stop(workers, grace: .seconds(1))
            throw error
        }
    }

    private func settled(_ board: Board, _ workers: [ChildProcess]) async throws -> Double {
        try await self.queue.wait(workers, every: .milliseconds(10)) {
            try await self.queue.workerCount() == self.processes
        }
        try await self.queue.client.resume(OurQueue.queue)
        try await self.queue.wait(workers, every: .milliseconds(20)) { board.allRan }
        try await self.queue.wait(workers, every: .milliseconds(2)) {
            try await self.queue.succeededAtOnce() == self.jobs
        }
        return Board.now()
    }

    private static func stop(_ workers: [ChildProcess], grace: Duration) async {
        for worker in workers { worker.requestStop(grace: grace) }
        for worker in workers { _ = await worker.wait() }
    }

    /// - Returns: Rows in all family databases.
    /// - Throws: `BenchFailure` when effects and inbox differ, and when there are no databases yet.
    private func effects() async throws -> Int {
        var (effects, inbox) = (0, 0)
        for number in 0..<self.databases {
            var configuration = try PostgresConfiguration(url: self.server)
            configuration.database = BenchFamilies.databaseName(number)
            let connection: PostgresConnection
            do {
                connection = try await PostgresConnection.connect(configuration, logger: Logger(label: "bench"))
            } catch {
                throw BenchFailure("no \(configuration.database) (the floor postgres-family makes it): \(error)")
            }
            let rows = try await connection.query(
                "SELECT (SELECT count(*) FROM bench_effects), (SELECT count(*) FROM job_inbox)")
            await connection.close()
            effects += try rows.first?.int(at: 0) ?? 0
            inbox += try rows.first?.int(at: 1) ?? 0
        }
        guard effects == inbox else { throw BenchFailure("\(effects) effects have \(inbox) inbox rows") }
        return effects
    }
}

/// Knuth's linear congruential generator (MMIX): the same families in every run.
struct LinearGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        // The low bits repeat soon.
        return self.state.byteSwapped ^ self.state
    }
}
