// W8: what an idempotency key costs at the enqueue of a fast job, when Redis holds none and when it holds many.

internal import JobModel
internal import JobQueue

/// Measures enqueues with keys.
struct KeysMeasurement {
    let queue: OurQueue
    /// How many are present for the second figure.
    let keys: Int

    private static let samples = 5000
    private static let warmUp = 1000
    private static let enqueuesAtOnce = 200

    func figures() async throws -> [String: Figure] {
        try await self.queue.client.open([OurQueue.queue])
        let begun = Board.now()
        let none = try await self.medianMicroseconds("before")
        for start in stride(from: 0, to: self.keys, by: Self.enqueuesAtOnce) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in start..<min(start + Self.enqueuesAtOnce, self.keys) {
                    group.addTask { try await self.enqueue("present", number) }
                }
                try await group.waitForAll()
            }
        }
        let many = try await self.medianMicroseconds("after")
        let all = self.keys + 2 * (Self.samples + Self.warmUp)
        let waiting = try await self.queue.client.index.audit(OurQueue.queue).fastWaiting
        guard waiting == all else { throw BenchFailure("\(waiting) jobs wait, not \(all)") }
        return MeasureCommand.rate(jobs: all, settled: 0, Board.now() - begun).adding([
            "none_us": .number(none), "many_us": .number(many), "keys_ratio": .number(many / none),
        ])
    }

    private func enqueue(_ series: String, _ number: Int) async throws {
        _ = try await self.queue.client.enqueue(
            FastTick(text: makeText(number, size: 80)),
            options: EnqueueOptions(idempotencyKey: "\(series)-\(number)"))
    }

    private func medianMicroseconds(_ series: String) async throws -> Double {
        var times: [Double] = []
        for number in 0..<Self.samples + Self.warmUp {
            let start = Board.now()
            try await self.enqueue(series, number)
            times.append(Board.now() - start)
        }
        return percentile(times.dropFirst(Self.warmUp).sorted(), 0.5) * 1e6
    }
}
