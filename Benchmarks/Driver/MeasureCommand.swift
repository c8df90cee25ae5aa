// `chorewheel-bench measure`: one workload on the queue itself, by the contract that floors and peers keep
// (Benchmarks/README.md): one JSON object on standard output, a non-zero status when a check fails.

internal import ArgumentParser
internal import JobModel
internal import JobQueue
internal import Logging
internal import Processes
internal import Redis

struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "One workload on Chorewheel itself; prints one JSON object.")

    enum Workload: String, ExpressibleByArgument, CaseIterable {
        case enqueueFast = "W1"
        case drainFast = "W2"
        case drainDurable = "W3"
        case latencyFast = "W4f"
        case latencyDurable = "W4d"
        case memory = "W5"
    }

    @Option(help: "W1 (enqueue fast), W2 (drain fast), W3 (drain durable), W4f, W4d (latency), W5 (memory).")
    var workload: Workload

    @Option(help: "How many jobs.")
    var jobs: Int

    @Option(help: "Bytes of each payload, as JSON.")
    var payloadBytes: Int?

    @Option(help: "Handlers at once.")
    var concurrency: Int?

    @Option(help: "URL of a private, empty Redis.")
    var redis: String

    @Option(help: "URL of a private PostgreSQL; a database of its own is made.")
    var database: String

    func run() async throws {
        let queue = try await OurQueue(redisURL: self.redis, databaseURL: self.database)
        var figures: [String: Figure]
        do {
            figures = try await self.figures(queue)
        } catch {
            try await queue.close()
            throw error
        }
        try await queue.close()
        figures["program"] = .text("chorewheel")
        figures["workload"] = .text(self.workload.rawValue)
        figures["jobs"] = .number(Double(self.jobs))
        print(try JSONText.string(figures))
    }

    private func figures(_ queue: OurQueue) async throws -> [String: Figure] {
        switch self.workload {
        case .enqueueFast: try await self.enqueueFast(queue)
        case .drainFast: try await self.drainFast(queue)
        case .drainDurable: try await self.drainDurable(queue)
        case .latencyFast:
            try await self.latency(queue) { _ = try await queue.client.enqueue(FastTick(text: $0)) }
        case .latencyDurable:
            try await self.latency(queue) { _ = try await queue.client.enqueue(DurableTick(text: $0)) }
        case .memory: try await self.memory(queue)
        }
    }

    private static let batch = JobLimits.batchJobsMax

    private func texts(_ size: Int) -> [String] { (0..<self.jobs).map { makeText($0, size: size) } }

    private func enqueueAllFast(_ queue: OurQueue, _ texts: [String]) async throws {
        for start in stride(from: 0, to: texts.count, by: Self.batch) {
            let batch = texts[start..<min(start + Self.batch, texts.count)].map { FastTick(text: $0) }
            _ = try await queue.client.enqueue(batch)
        }
    }

    private func enqueueFast(_ queue: OurQueue) async throws -> [String: Figure] {
        let texts = self.texts(self.payloadBytes ?? 100)
        let start = Board.now()
        try await self.enqueueAllFast(queue, texts)
        let seconds = Board.now() - start
        let waiting = try await queue.client.index.audit(OurQueue.queue).fastWaiting
        guard waiting == self.jobs else { throw BenchFailure("\(waiting) jobs wait, not \(self.jobs)") }
        return self.rate(settled: 0, seconds)
    }

    private func drainFast(_ queue: OurQueue) async throws -> [String: Figure] {
        try await self.enqueueAllFast(queue, self.texts(self.payloadBytes ?? 80))
        return try await self.drain(queue) { try await queue.isRedisSettled() }
    }

    private func drainDurable(_ queue: OurQueue) async throws -> [String: Figure] {
        let texts = self.texts(self.payloadBytes ?? 80)
        for start in stride(from: 0, to: texts.count, by: Self.batch) {
            let batch = texts[start..<min(start + Self.batch, texts.count)].map { DurableTick(text: $0) }
            _ = try await queue.client.enqueue(batch)
        }
        // Waiting in Redis, as at any moment of a busy queue: dispatch is not what is measured.
        let dispatcher = Dispatcher(
            ledger: queue.client.ledger, index: queue.client.index, logger: .init(label: "bench"))
        try await dispatcher.dispatchDue()
        return try await self.drain(queue) {
            try await queue.count("SELECT count(*) FROM jobs WHERE state = 'succeeded' AND attempt = 1") == self.jobs
        }
    }

    private func drain(_ queue: OurQueue, isSettled: () async throws -> Bool) async throws -> [String: Figure] {
        let board = try queue.makeBoard(jobs: self.jobs)
        let settled = try await queue.withWorker(jobs: self.jobs, concurrency: self.concurrency) { worker in
            try await queue.wait(worker, every: .milliseconds(20)) {
                board.runs(of: self.jobs - 1) > 0 && (0..<self.jobs).allSatisfy { board.runs(of: $0) > 0 }
            }
            try await queue.wait(worker, every: .milliseconds(2), until: isSettled)
            return Board.now()
        }
        try board.check()
        return self.rate(settled: self.jobs, settled - board.firstStart)
    }

    private static let warmUp = 20

    private func latency(
        _ queue: OurQueue, enqueue: (String) async throws -> Void
    ) async throws -> [String: Figure] {
        let samples = self.jobs + Self.warmUp
        let board = try queue.makeBoard(jobs: samples)
        let begun = Board.now()
        let latencies = try await queue.withWorker(jobs: samples, concurrency: self.concurrency) { worker in
            try await queue.wait(worker, every: .milliseconds(10)) { try await queue.hasWorker() }
            var latencies: [Double] = []
            for number in 0..<samples {
                try await Task.sleep(for: .milliseconds(10))
                let text = makeText(number, size: 80)
                let start = Board.now()
                try await enqueue(text)
                try await queue.wait(worker, every: .microseconds(500)) { board.runs(of: number) > 0 }
                latencies.append(board.start(of: number) - start)
            }
            return Array(latencies.dropFirst(Self.warmUp)).sorted()
        }
        try board.check()
        return self.rate(settled: self.jobs, Board.now() - begun).merging(
            [
                "p50_ms": .number(percentile(latencies, 0.5) * 1000),
                "p99_ms": .number(percentile(latencies, 0.99) * 1000), "max_ms": .number((latencies.last ?? 0) * 1000),
            ], uniquingKeysWith: { $1 })
    }

    private func memory(_ queue: OurQueue) async throws -> [String: Figure] {
        func used() async throws -> Double {
            let info = try await queue.redis.send(RedisCommand("INFO", "memory")).string ?? ""
            func value(_ name: String) -> Double {
                let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
                return line.flatMap { Double($0.dropFirst(name.utf8.count + 1)) } ?? 0
            }
            return value("used_memory") - value("mem_clients_normal") - value("mem_aof_buffer")
        }
        try await queue.client.open([OurQueue.queue])
        let before = try await used()
        let start = Board.now()
        try await self.enqueueAllFast(queue, self.texts(self.payloadBytes ?? 80))
        let seconds = Board.now() - start
        try await Task.sleep(for: .milliseconds(500))
        return self.rate(settled: 0, seconds).merging(
            ["bytes_per_job": .number((try await used() - before) / Double(self.jobs))], uniquingKeysWith: { $1 })
    }

    private func rate(settled: Int, _ seconds: Double) -> [String: Figure] {
        [
            "settled": .number(Double(settled)), "seconds": .number(seconds),
            "per_second": .number((Double(self.jobs) / seconds).rounded()),
        ]
    }
}

/// The smallest value that `share` of the ordered ones do not exceed.
func percentile(_ ordered: [Double], _ share: Double) -> Double {
    guard !ordered.isEmpty else { return 0 }
    return ordered[max(Int((share * Double(ordered.count)).rounded(.up)), 1) - 1]
}

/// A member of a result.
enum Figure: Encodable {
    case text(String)
    case number(Double)

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        }
    }
}
