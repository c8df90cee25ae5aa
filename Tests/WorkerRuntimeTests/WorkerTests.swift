// A real worker in this process against real servers: each way an attempt can end.

import DiagnosticsWorker
import JobModel
import JobQueue
import Logging
import Postgres
import QueueTestSupport
import Synchronization
import TestSupport
import Testing
import WorkerKit
import WorkerRuntime

struct Act: PlatformJob {
    static let kind: JobKind = "test.act"
    static let retryPolicy = RetryPolicy(maxAttempts: 3, baseDelay: .milliseconds(50), maxDelay: .milliseconds(200))
    var word: String
}

/// Does what the test says.
struct Actor: PlatformHandler, WorkerPlugin {
    let name = "Actor"
    var timeout: Duration = .seconds(60)
    let act: @Sendable (Act, JobContext) async throws -> String

    func run(_ job: Act, context: JobContext) async throws -> String { try await self.act(job, context) }
    func register(in registry: inout HandlerRegistry) { registry.add(self) }
}

@Suite("A worker")
struct WorkerTests {
    @Test("runs a job and keeps its result")
    func success() async throws {
        try await QueueFixture.with { queue in
            let plugin = Actor { job, _ in "did \(job.word)" }
            try await queue.withWorker(plugins: [plugin]) { _ in
                let id = try await queue.client.enqueue(Act(word: "it")).id
                try await queue.wait(for: id, toBe: .succeeded)
                let record = try #require(try await queue.ledger.job(id))
                #expect(record.result == .string("did it"))
                #expect(record.attempt == 1)
                #expect(record.failures == 0)
                #expect(record.attempts == [])
            }
            // Nor does the session's end put it back, for somebody to find that it was done long ago.
            #expect(try await queue.index.audit(.default).durableWaiting == 0)
        }
    }

    @Test("tries a failing job again until it succeeds, and keeps what went wrong")
    func retry() async throws {
        try await QueueFixture.with { queue in
            let plugin = Actor { job, context in
                if context.job.failures < 2 { throw JobFailure.retry("not yet") }
                return "at last"
            }
            try await queue.withWorker(plugins: [plugin]) { _ in
                let id = try await queue.client.enqueue(Act(word: "x")).id
                try await queue.wait(for: id, toBe: .succeeded)
                let record = try #require(try await queue.ledger.job(id))
                #expect(record.attempt == 3)
                #expect(record.failures == 2)
                #expect(record.attempts?.map(\.outcome) == ["failed", "failed"])
                #expect(record.error?["message"] == .string("not yet"))
            }
        }
    }

    @Test("a job out of attempts, discarded, or undecodable is dead, its payload kept")
    func deaths() async throws {
        try await QueueFixture.with { queue in
            let plugin = Actor { job, _ in
                if job.word == "discard" { throw JobFailure.discard("never") }
                throw JobFailure.retry("again")
            }
            try await queue.withWorker(plugins: [plugin]) { _ in
                let exhausted = try await queue.client.enqueue(Act(word: "exhaust")).id
                let discarded = try await queue.client.enqueue(Act(word: "discard")).id
                let undecodable = try await queue.ledger.enqueue(
                    JobRequest(kind: Act.kind, target: .platform, payload: Array(#"{"word": 7}"#.utf8))
                ).id
                for (id, reason, attempt, failures) in [
                    (exhausted, "attempts_exhausted", 3, 3), (discarded, "discarded", 1, 1),
                    (undecodable, "undecodable", 1, 0),
                ] {
                    try await queue.wait(for: id, toBe: .dead)
                    let record = try #require(try await queue.ledger.job(id))
                    #expect(record.reason == reason)
                    #expect(record.attempt == attempt)
                    #expect(record.failures == failures)
                    #expect(record.payload != nil)
                }
            }
        }
    }

    @Test("an unknown kind is parked at no cost, and runs when a worker that knows it comes")
    func unknownKind() async throws {
        try await QueueFixture.with { queue in
            let id = try await queue.client.enqueue(Act(word: "x")).id
            try await queue.withWorker(
                plugins: [DiagnosticsPlugin()],
                configuration: {
                    var configuration = WorkerConfiguration.forTests
                    configuration.queues = ["default"]
                    return configuration
                }()
            ) { _ in
                try await queue.wait(for: id, toBe: .parked)
            }
            let parked = try #require(try await queue.ledger.job(id))
            #expect(parked.reason == ParkReason.unknownKind.rawValue)
            #expect(parked.attempt == 0)
            // Its registration brings the job forward: nobody waits for the next look.
            try await queue.withWorker(plugins: [Actor { _, _ in "known" }]) { _ in
                try await queue.wait(for: id, toBe: .succeeded)
            }
        }
    }

    @Test("an effect commits with its settlement: a job that fails after it is not run again")
    func effectSettles() async throws {
        struct Late: Error {}
        try await QueueFixture.with { queue in
            let plugin = Actor { job, context in
                try await context.effect { transaction in
                    try await transaction.query(
                        "INSERT INTO diagnostic_effects (job_id) VALUES ($1::uuid)",
                        [.text(context.job.id.description)])
                    return "kept"
                }
                throw Late()
            }
            try await queue.withWorker(plugins: [plugin]) { _ in
                let id = try await queue.client.enqueue(Act(word: "x")).id
                try await queue.wait(for: id, toBe: .succeeded)
                #expect(try await queue.ledger.job(id)?.result == .string("kept"))
                #expect(try await queue.count("SELECT count(*) FROM diagnostic_effects") == 1)
            }
        }
    }

    @Test("an effect that throws leaves nothing behind, and one that succeeds happens once over retries")
    func effectRollsBack() async throws {
        try await QueueFixture.with { queue in
            let plugin = Actor { job, context in
                try await context.effect { transaction in
                    try await transaction.query(
                        "INSERT INTO diagnostic_effects (job_id) VALUES ($1::uuid)",
                        [.text(context.job.id.description)])
                    if context.job.failures == 0 { throw JobFailure.retry("after the insert") }
                    return "done"
                }
            }
            try await queue.withWorker(plugins: [plugin]) { _ in
                let id = try await queue.client.enqueue(Act(word: "x")).id
                try await queue.wait(for: id, toBe: .succeeded)
                #expect(try await queue.count("SELECT count(*) FROM diagnostic_effects") == 1)
            }
        }
    }

    @Test("an effect of an attempt that was fenced leaves nothing behind")
    func fencedEffect() async throws {
        try await QueueFixture.with { queue in
            let plugin = Actor { _, context in
                if context.job.epoch == 1 {
                    let record = try await queue.ledger.job(context.job.id)
                    let session = try #require(record?.sessionID.flatMap { SessionID($0) })
                    _ = try await queue.ledger.reap(session, because: .expired)
                }
                return try await context.effect { transaction in
                    try await transaction.query(
                        "INSERT INTO diagnostic_effects (job_id) VALUES ($1::uuid)",
                        [.text(context.job.id.description)])
                    return "by epoch \(context.job.epoch)"
                }
            }
            try await queue.withWorker(plugins: [plugin]) { _ in
                let id = try await queue.client.enqueue(Act(word: "x")).id
                try await queue.wait(for: id, toBe: .succeeded)
                #expect(try await queue.ledger.job(id)?.result == .string("by epoch 2"))
                #expect(try await queue.count("SELECT count(*) FROM diagnostic_effects") == 1)
            }
        }
    }

    @Test("a completed step is not done again")
    func steps() async throws {
        try await QueueFixture.with { queue in
            let done = Mutex(0)
            let plugin = Actor { job, context in
                let number = try await context.step("count") {
                    done.withLock { count in
                        count += 1
                        return count
                    }
                }
                if context.job.failures == 0 { throw JobFailure.retry("after the step") }
                return "step gave \(number)"
            }
            try await queue.withWorker(plugins: [plugin]) { _ in
                let id = try await queue.client.enqueue(Act(word: "x")).id
                try await queue.wait(for: id, toBe: .succeeded)
                #expect(try await queue.ledger.job(id)?.result == .string("step gave 1"))
            }
            #expect(done.withLock { $0 } == 1)
        }
    }

    @Test("a handler that runs too long is cancelled and counts as failed")
    func timeout() async throws {
        try await QueueFixture.with { queue in
            var plugin = Actor { job, context in
                if context.job.failures == 0 { try await Task.sleep(for: .seconds(3600)) }
                return "in time"
            }
            plugin.timeout = .milliseconds(300)
            try await queue.withWorker(plugins: [plugin]) { _ in
                let id = try await queue.client.enqueue(Act(word: "x")).id
                try await queue.wait(for: id, toBe: .succeeded)
                let record = try #require(try await queue.ledger.job(id))
                #expect(record.failures == 1)
                #expect(record.error?["type"] == .string("Timeout"))
            }
        }
    }

    @Test("a running job that a person cancels is stopped and is cancelled")
    func cancelRunning() async throws {
        try await QueueFixture.with { queue in
            let plugin = Actor { _, _ in
                try await Task.sleep(for: .seconds(3600))
                return "never"
            }
            try await queue.withWorker(plugins: [plugin]) { _ in
                let id = try await queue.client.enqueue(Act(word: "x")).id
                try await queue.wait(for: id, toBe: .running)
                #expect(try await queue.ledger.cancel(id) == .requested)
                try await queue.wait(for: id, toBe: .cancelled)
            }
        }
    }

    @Test("a drained worker gives back what does not end within its grace, at no cost")
    func drainGivesBack() async throws {
        try await QueueFixture.with { queue in
            let cancelled = Mutex(0)
            let plugin = Actor { _, _ in
                do {
                    try await Task.sleep(for: .seconds(3600))
                } catch {
                    cancelled.withLock { $0 += 1 }
                    throw error
                }
                return "never"
            }
            var configuration = WorkerConfiguration.forTests
            configuration.grace = .milliseconds(200)
            let ids = try await queue.withWorker(plugins: [plugin], configuration: configuration) { _ in
                var ids: [JobID] = []
                for number in 0..<10 { ids.append(try await queue.client.enqueue(Act(word: "\(number)")).id) }
                for id in ids { try await queue.wait(for: id, toBe: .running) }
                return ids
            }
            for id in ids {
                let record = try #require(try await queue.ledger.job(id))
                #expect(record.state == "available")
                #expect(record.attempt == 0)
                #expect(record.crashes == 0)
            }
            #expect(try await queue.ledger.sessions().first?.endReason == "stopped")
            #expect(cancelled.withLock { $0 } == 10)
        }
    }

    @Test("a worker whose session was ended by others settles nothing and goes on under a new one")
    func lostSession() async throws {
        try await QueueFixture.with { queue in
            let release = Mutex(false)
            let plugin = Actor { _, context in
                if context.job.crashes == 0 {
                    // Ignores its cancellation, as code that waits for something else does.
                    while !release.withLock({ $0 }) { await Task.yield() }
                }
                return "by epoch \(context.job.epoch)"
            }
            // Full: it hears of its end by its heartbeats, not by a claim.
            var configuration = WorkerConfiguration.forTests
            configuration.concurrency = 1
            try await queue.withWorker(plugins: [plugin], configuration: configuration) { _ in
                let id = try await queue.client.enqueue(Act(word: "x")).id
                try await queue.wait(for: id, toBe: .running)
                let session = try #require(try await queue.ledger.job(id)?.sessionID.flatMap { SessionID($0) })
                let reaper = SessionReaper(
                    ledger: queue.ledger, index: queue.index, counters: RuntimeCounters(), logger: queue.logger)
                try await reaper.reap(session, because: .expired)
                try await queue.wait(for: id, toBe: .succeeded)
                release.withLock { $0 = true }
                let record = try #require(try await queue.ledger.job(id))
                #expect(record.result == .string("by epoch 2"))
                #expect(record.crashes == 1)
                #expect(record.failures == 0)
                try await eventually("the fenced attempt is counted") {
                    try await queue.index.counters().contains { $0.name == "attempts_fenced_total" && $0.value == 1 }
                }
            }
        }
    }

    @Test("fast jobs run, fail, and run again")
    func fast() async throws {
        try await QueueFixture.with { queue in
            try await queue.withWorker(plugins: [DiagnosticsPlugin()]) { _ in
                let request = try JobRequest(
                    kind: "diagnostic.fast_noop", target: .platform, payload: Array("{}".utf8),
                    options: .init(queue: "diagnostics"))
                for _ in 0..<200 { _ = try await queue.client.enqueue(request, durability: .fast) }
                try await eventually("all are settled") {
                    try await queue.index.counters().first {
                        $0.name == "attempts_settled_total"
                            && $0.labels.contains(.init("kind", "diagnostic.fast_noop"))
                    }?.value == 200
                }
                let audit = try await queue.index.audit("diagnostics")
                #expect(audit.fastWaiting == 0)
                #expect(audit.faults == [])
            }
        }
    }
}
