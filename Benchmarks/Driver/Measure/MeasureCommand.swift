// `chorewheel-bench measure`: one workload on the queue itself, by the contract that floors and peers keep
// (Benchmarks/README.md): one JSON object on standard output, a non-zero status when a check fails.

internal import ArgumentParser
internal import JobQueue

struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "One workload on Chorewheel itself; prints one JSON object.")

    enum Workload: String, ExpressibleByArgument, CaseIterable {
        case enqueueFast = "W1"
        case enqueueDurable = "W1d"
        case drainFast = "W2"
        case drainDurable = "W3"
        case latencyFast = "W4f"
        case latencyDurable = "W4d"
        case memory = "W5"
        case turns = "W6"
        case idle = "W7"
        case keys = "W8"
        case families = "W9"
        case killed = "W10k"
        case lost = "W10l"
        case signUp = "W11"
    }

    @Option(
        help: """
            W1, W1d (enqueue fast, durable), W2 (drain fast), W3 (drain durable), W4f, W4d (latency), W5 (memory), W6 \
            (families take turns), W7 (idle), W8 (idempotency keys), W9 (family databases), W10k (a worker killed), \
            W10l (a machine lost), W11 (sign-ups).
            """)
    var workload: Workload

    @Option(help: "How many jobs. W7: seconds to be idle; W8: keys present; W10k, W10l: kills; W11: sign-ups.")
    var jobs: Int

    @Option(help: "Bytes of each payload, as JSON.")
    var payloadBytes: Int?

    @Option(help: "Handlers at once.")
    var concurrency: Int?

    @Option(help: "Worker processes (W9).")
    var processes = 1

    @Option(help: "Family databases (W9).")
    var databases = 200

    @Option(help: "Jobs scheduled for tomorrow beside those that are drained (W2).")
    var scheduled = 0

    @Flag(help: "Let Redis rewrite its append-only file before the drain, and so not amid it (W2).")
    var compact = false

    @Option(help: "The chorewheel executable (W10k, W10l, W11).")
    var chorewheel = ".build/release/chorewheel"

    @Option(help: "URL of a private, empty Redis.")
    var redis: String

    @Option(help: "URL of a private PostgreSQL; a database of its own is made.")
    var database: String

    mutating func validate() throws {
        guard self.jobs >= 1 else { throw ValidationError("--jobs must be at least 1") }
        guard (1...64).contains(self.processes) else { throw ValidationError("--processes must be 1 to 64") }
        guard (1...999).contains(self.databases) else { throw ValidationError("--databases must be 1 to 999") }
        guard self.scheduled >= 0 else { throw ValidationError("--scheduled must not be negative") }
    }

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
        figures["jobs"] = figures["jobs"] ?? .number(Double(self.jobs))
        print(try JSONText.string(figures))
    }

    private func figures(_ queue: OurQueue) async throws -> [String: Figure] {
        switch self.workload {
        case .enqueueFast: try await self.enqueueFast(queue)
        case .enqueueDurable: try await self.enqueueDurable(queue)
        case .drainFast: try await self.drainFast(queue)
        case .drainDurable: try await self.drainDurable(queue)
        case .latencyFast:
            try await self.latency(queue) { _ = try await queue.client.enqueue(FastTick(text: $0)) }
        case .latencyDurable:
            try await self.latency(queue) { _ = try await queue.client.enqueue(DurableTick(text: $0)) }
        case .memory: try await self.memory(queue)
        case .turns: try await TurnsMeasurement(queue: queue, jobs: self.jobs).figures()
        case .idle: try await IdleMeasurement(queue: queue, seconds: self.jobs).figures()
        case .keys: try await KeysMeasurement(queue: queue, keys: self.jobs).figures()
        case .families:
            try await FamiliesMeasurement(
                queue: queue, server: self.database, jobs: self.jobs, processes: self.processes,
                databases: self.databases
            ).figures()
        case .killed: try await self.recovery(queue).afterKill()
        case .lost: try await self.recovery(queue).afterLoss()
        case .signUp:
            try await SignUpMeasurement(
                queue: queue, program: ChorewheelProgram(executable: self.chorewheel, queue: queue),
                signUps: self.jobs, server: self.database
            ).figures()
        }
    }

    private func recovery(_ queue: OurQueue) throws -> RecoveryMeasurement {
        RecoveryMeasurement(
            queue: queue, program: ChorewheelProgram(executable: self.chorewheel, queue: queue), kills: self.jobs)
    }

    /// The members that every result has.
    static func rate(jobs: Int, settled: Int, _ seconds: Double) -> [String: Figure] {
        [
            "jobs": .number(Double(jobs)), "settled": .number(Double(settled)), "seconds": .number(seconds),
            "per_second": .number((Double(jobs) / seconds).rounded()),
        ]
    }

    /// Nearest rank, of latencies in seconds.
    static func latencies(_ seconds: [Double]) -> [String: Figure] {
        let ordered = seconds.sorted()
        return [
            "p50_ms": .number(percentile(ordered, 0.5) * 1000), "p99_ms": .number(percentile(ordered, 0.99) * 1000),
            "max_ms": .number((ordered.last ?? 0) * 1000),
        ]
    }
}

extension [String: Figure] {
    /// Both, this one's where both have a member.
    func adding(_ other: Self) -> Self { self.merging(other) { own, _ in own } }
}
