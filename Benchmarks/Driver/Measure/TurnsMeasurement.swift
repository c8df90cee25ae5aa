// W6: many families, one of which holds nine tenths of all jobs. How long the others wait, with it and without it; and
// what a claim costs with few and with many families waiting.

internal import JobModel
internal import JobQueue

/// Measures fairness and its price.
struct TurnsMeasurement {
    let queue: OurQueue
    /// Of all families together.
    let jobs: Int

    private static let quietFamilies = 999
    private static let noisyFamily = 0xFFFF

    func figures() async throws -> [String: Figure] {
        let each = max(1, self.jobs / 10 / Self.quietFamilies)
        let noisy = self.jobs - each * Self.quietFamilies
        let begun = Board.now()
        let alone = try await self.drain(noisy: 0, each: each)
        let beside = try await self.drain(noisy: noisy, each: each)
        let seconds = Board.now() - begun
        let few = try await self.claimMicroseconds(families: 10)
        let many = try await self.claimMicroseconds(families: 10_000)
        return MeasureCommand.rate(jobs: self.jobs, settled: self.jobs, seconds).adding([
            "p99_alone_ms": .number(alone * 1000), "p99_noisy_ms": .number(beside * 1000),
            "noisy_ratio": .number(beside / alone), "claim_us_few": .number(few), "claim_us_many": .number(many),
            "claim_ratio": .number(many / few),
        ])
    }

    /// - Returns: The 99th percentile of the quiet families' waits, from the first handler's start, in seconds.
    private func drain(noisy: Int, each: Int) async throws -> Double {
        let quiet = each * Self.quietFamilies
        try await self.enqueue(0..<noisy, family: Self.noisyFamily)
        for family in 0..<Self.quietFamilies {
            try await self.enqueue(noisy + family * each..<noisy + (family + 1) * each, family: family)
        }
        let board = try self.queue.makeBoard(jobs: noisy + quiet)
        try await self.queue.withWorker(jobs: noisy + quiet, concurrency: nil) { worker in
            try await self.queue.wait(worker, every: .milliseconds(20)) { board.allRan }
            try await self.queue.wait(worker, every: .milliseconds(2)) { try await self.queue.isRedisSettled() }
        }
        try board.check()
        let first = board.firstStart
        return percentile((noisy..<noisy + quiet).map { board.start(of: $0) - first }.sorted(), 0.99)
    }

    private func enqueue(_ numbers: Range<Int>, family: Int) async throws {
        for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: JobLimits.batchJobsMax) {
            let batch = (start..<min(start + JobLimits.batchJobsMax, numbers.upperBound)).map { number in
                FamilyTick(text: makeText(number, size: 80))
            }
            _ = try await self.queue.client.enqueue(batch, for: BenchFamilies.family(family))
        }
    }

    // MARK: The price of a claim

    private static let claims = 200
    private static let claimed = 100
    private static let enqueuesAtOnce = 50

    /// - Returns: The median of single claims.
    private func claimMicroseconds(families: Int) async throws -> Double {
        let name = try QueueName(validating: "bench_of_\(families)")
        try await self.queue.client.open([name])
        // Twice what is claimed, so that no lane is empty before the end.
        let each = max(2 * Self.claims * Self.claimed / families, 2)
        for start in stride(from: 0, to: families, by: Self.enqueuesAtOnce) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for family in start..<min(start + Self.enqueuesAtOnce, families) {
                    group.addTask {
                        let batch = (0..<each).map { FamilyTick(text: makeText($0, size: 80)) }
                        for first in stride(from: 0, to: each, by: JobLimits.batchJobsMax) {
                            _ = try await self.queue.client.enqueue(
                                Array(batch[first..<min(first + JobLimits.batchJobsMax, each)]),
                                for: BenchFamilies.family(family), options: EnqueueOptions(queue: name))
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        let session = SessionID.mint()
        var settled: [JobID] = []
        var seen: Set<JobID> = []
        var times: [Double] = []
        for _ in 0..<Self.claims {
            let start = Board.now()
            let claim = try await self.queue.client.index.claim(
                upTo: Self.claimed, from: name, session: session, settled: settled)
            times.append(Board.now() - start)
            settled = claim.entries().fast.map(\.id)
            seen.formUnion(settled)
        }
        guard seen.count == Self.claims * Self.claimed else {
            throw BenchFailure("\(seen.count) jobs were claimed, not \(Self.claims * Self.claimed)")
        }
        return percentile(times.sorted(), 0.5) * 1e6
    }
}
