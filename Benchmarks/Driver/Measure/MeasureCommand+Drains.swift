// W1 to W5: enqueue in bulk, drain, latency, memory.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Processes
internal import Redis

extension MeasureCommand {
    private static let batch = JobLimits.batchJobsMax

    private func texts(_ size: Int) -> [String] { (0..<self.jobs).map { makeText($0, size: size) } }

    /// Two batches at once: one is written while the store takes the other.
    private func enqueueAll<Job: PlatformJob>(
        _ queue: OurQueue, _ texts: [String], options: EnqueueOptions = .init(),
        _ job: @escaping @Sendable (String) -> Job
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, start) in stride(from: 0, to: texts.count, by: Self.batch).enumerated() {
                if number > 1 { try await group.next() }
                group.addTask {
                    let batch = texts[start..<min(start + Self.batch, texts.count)].map(job)
                    _ = try await queue.client.enqueue(batch, options: options)
                }
            }
            try await group.waitForAll()
        }
    }

    private func enqueueAllFast(
        _ queue: OurQueue, _ texts: [String], options: EnqueueOptions = .init()
    ) async throws {
        try await self.enqueueAll(queue, texts, options: options) { FastTick(text: $0) }
    }

    func enqueueFast(_ queue: OurQueue) async throws -> [String: Figure] {
        let texts = self.texts(self.payloadBytes ?? 100)
        let start = Board.now()
        try await self.enqueueAllFast(queue, texts)
        let seconds = Board.now() - start
        let waiting = try await queue.client.index.audit(OurQueue.queue).fastWaiting
        guard waiting == self.jobs else { throw BenchFailure("\(waiting) jobs wait, not \(self.jobs)") }
        return Self.rate(jobs: self.jobs, settled: 0, seconds)
    }

    func enqueueDurable(_ queue: OurQueue) async throws -> [String: Figure] {
        let texts = self.texts(self.payloadBytes ?? 100)
        let start = Board.now()
        try await self.enqueueAll(queue, texts) { DurableTick(text: $0) }
        let seconds = Board.now() - start
        let waiting = try await queue.count("SELECT count(*) FROM jobs JOIN job_dispatches ON job_id = id")
        guard waiting == self.jobs else { throw BenchFailure("\(waiting) jobs wait, not \(self.jobs)") }
        return Self.rate(jobs: self.jobs, settled: 0, seconds)
    }

    func drainFast(_ queue: OurQueue) async throws -> [String: Figure] {
        var figures: [String: Figure] = [:]
        if self.scheduled > 0 {
            let before = try await queue.dataBytes()
            let later = (0..<self.scheduled).map { makeText($0, size: self.payloadBytes ?? 80) }
            try await self.enqueueAllFast(queue, later, options: EnqueueOptions(delay: .seconds(86_400)))
            let bytes = try await queue.dataBytes() - before
            figures["bytes_per_scheduled_job"] = .number(bytes / Double(self.scheduled))
        }
        try await self.enqueueAllFast(queue, self.texts(self.payloadBytes ?? 80))
        if self.compact { try await queue.rewriteAppendOnlyFile() }
        let drained = try await self.drain(queue) { try await queue.isRedisSettled(delayed: self.scheduled) }
        return drained.adding(figures)
    }

    func drainDurable(_ queue: OurQueue) async throws -> [String: Figure] {
        try await self.enqueueAll(queue, self.texts(self.payloadBytes ?? 80)) { DurableTick(text: $0) }
        try await queue.dispatchAll()
        return try await self.drain(queue) { try await queue.succeededAtOnce() == self.jobs }
    }

    private func drain(_ queue: OurQueue, isSettled: () async throws -> Bool) async throws -> [String: Figure] {
        let board = try queue.makeBoard(jobs: self.jobs)
        var memory: (halfWay: Int, end: Int) = (0, 0)
        let settled = try await queue.withWorker(jobs: self.jobs, concurrency: self.concurrency) { worker in
            let process = ProcessFigures(id: try await worker.processID())
            try await queue.wait(worker, every: .milliseconds(20)) {
                if memory.halfWay == 0, board.runs(of: self.jobs / 2) > 0 { memory.halfWay = process.residentBytes }
                return board.allRan
            }
            try await queue.wait(worker, every: .milliseconds(2), until: isSettled)
            let settled = Board.now()
            memory.end = process.residentBytes
            return settled
        }
        try board.check()
        return Self.rate(jobs: self.jobs, settled: self.jobs, settled - board.firstStart).adding([
            "worker_bytes": .number(Double(memory.end)),
            "worker_growth": .number(Double(memory.end) / Double(max(memory.halfWay, 1))),
        ])
    }

    private static let warmUp = 20

    func latency(
        _ queue: OurQueue, enqueue: (String) async throws -> Void
    ) async throws -> [String: Figure] {
        let samples = self.jobs + Self.warmUp
        let board = try queue.makeBoard(jobs: samples)
        let begun = Board.now()
        let latencies = try await queue.withWorker(jobs: samples, concurrency: self.concurrency) { worker in
            try await queue.wait(worker, every: .milliseconds(10)) { try await queue.workerCount() == 1 }
            var latencies: [Double] = []
            for number in 0..<samples {
                try await Task.sleep(for: .milliseconds(10))
                let text = makeText(number, size: 80)
                let start = Board.now()
                try await enqueue(text)
                try await queue.wait(worker, every: .microseconds(500)) { board.runs(of: number) > 0 }
                latencies.append(board.start(of: number) - start)
            }
            return Array(latencies.dropFirst(Self.warmUp))
        }
        try board.check()
        return Self.rate(jobs: self.jobs, settled: self.jobs, Board.now() - begun)
            .adding(Self.latencies(latencies))
    }

    func memory(_ queue: OurQueue) async throws -> [String: Figure] {
        try await queue.client.open([OurQueue.queue])
        let before = try await queue.dataBytes()
        let start = Board.now()
        try await self.enqueueAllFast(queue, self.texts(self.payloadBytes ?? 80))
        let seconds = Board.now() - start
        let bytes = try await queue.dataBytes() - before
        return Self.rate(jobs: self.jobs, settled: 0, seconds)
            .adding(["bytes_per_job": .number(bytes / Double(self.jobs))])
    }
}
