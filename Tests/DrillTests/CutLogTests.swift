// Redis' append-only file cut in the middle of a command, as a crash of its machine leaves it.

import JobModel
import JobQueue
import LocalServers
import QueueTestSupport
import Redis
import Synchronization
import TestSupport
import Testing
import WorkerKit
import WorkerRuntime

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

private struct Durable: PlatformJob {
    static let kind: JobKind = "test.cut"
    var number: Int
}

private struct Fast: PlatformJob {
    static let kind: JobKind = "test.fast_cut"
    static let durability: Durability = .fast
    var number: Int
}

/// Counts runs by number.
private final class Numbers: WorkerPlugin {
    let name = "Numbers"
    private let counts = Mutex<(durable: [Int: Int], fast: [Int: Int])>(([:], [:]))

    var runs: (durable: [Int: Int], fast: [Int: Int]) { self.counts.withLock { $0 } }

    func register(in registry: inout HandlerRegistry) {
        registry.add(DurableHandler(numbers: self))
        registry.add(FastHandler(numbers: self))
    }

    private struct DurableHandler: PlatformHandler {
        let numbers: Numbers

        func run(_ job: Durable, context: JobContext) async throws -> NoResult {
            self.numbers.counts.withLock { $0.durable[job.number, default: 0] += 1 }
            return NoResult()
        }
    }

    private struct FastHandler: PlatformHandler {
        let numbers: Numbers

        func run(_ job: Fast, context: JobContext) async throws -> NoResult {
            self.numbers.counts.withLock { $0.fast[job.number, default: 0] += 1 }
            return NoResult()
        }
    }
}

@Suite("An append-only file that was cut", .timeLimit(.minutes(5)))
struct CutLogTests {
    private static let jobs = 20

    @Test("Redis loads what is whole: every durable job runs once, no fast job twice, and no key is damaged")
    func cut() async throws {
        let servers = try await TestServers.start()
        try await QueueFixture.with(servers: servers) { queue in
            let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
            for number in 0..<Self.jobs {
                try await queue.client.enqueue(Durable(number: number))
                try await dispatcher.dispatchDue()
                try await queue.client.enqueue(Fast(number: number))
            }
            #expect(try await queue.index.audit(.default).durableWaiting == Self.jobs)
            await servers.redis.kill9()
            // The last commands, and the last whole one in its middle.
            let log = "\(servers.redis.directory)/data/appendonlydir/appendonly.aof.1.incr.aof"
            var status = stat()
            try #require(stat(log, &status) == 0)
            try #require(truncate(log, status.st_size * 2 / 3 - 7) == 0)
            try await servers.redis.start()
            let left = try await queue.index.audit(.default)
            #expect(left.faults == [])
            #expect((1..<Self.jobs).contains(left.fastWaiting), "some are left, and some are gone: \(left)")
            #expect((1..<Self.jobs).contains(left.durableWaiting))

            let numbers = Numbers()
            try await queue.withWorker(plugins: [numbers]) { _ in
                try await eventually("every durable job is run, and what is left of the fast ones") {
                    numbers.runs.durable.count == Self.jobs && numbers.runs.fast.count == left.fastWaiting
                }
                try await eventually("all are settled") {
                    try await queue.count("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == Self.jobs
                }
            }
            #expect(numbers.runs.durable.values.allSatisfy { $0 == 1 })
            #expect(numbers.runs.fast.values.allSatisfy { $0 == 1 })
            #expect(try await queue.index.audit(.default).faults == [])
            #expect(try await queue.index.inspect(.default).damage == [])
        }
        await servers.stop()
    }
}
