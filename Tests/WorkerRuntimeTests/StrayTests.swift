// What a worker's session does about replies that never came, and about processes that changed their session.

import JobModel
import JobQueue
import QueueTestSupport
import Redis
import Synchronization
import TestSupport
import Testing
import WorkerKit

@testable import WorkerRuntime

private struct FastAct: PlatformJob {
    static let kind: JobKind = "test.fast_act"
    static let durability: Durability = .fast
    var word: String
}

private struct FastActor: PlatformHandler, WorkerPlugin {
    let name = "FastActor"
    let done: AsyncStream<String>.Continuation

    func run(_ job: FastAct, context: JobContext) async throws -> String {
        self.done.yield(job.word)
        return job.word
    }

    func register(in registry: inout HandlerRegistry) { registry.add(self) }
}

/// Says what becomes of it. The job `first` heeds its interruption only when it is let go.
private struct FastHolder: PlatformHandler, WorkerPlugin {
    let name = "FastHolder"
    let said: AsyncStream<String>.Continuation
    let isLetGo: @Sendable () -> Bool

    func run(_ job: FastAct, context: JobContext) async throws -> String {
        self.said.yield("\(job.word) begins")
        if job.word == "first" {
            while !Task.isCancelled { await Task.yield() }
            self.said.yield("\(job.word) is cut short")
            while !self.isLetGo() { await Task.yield() }
        }
        return job.word
    }

    func register(in registry: inout HandlerRegistry) { registry.add(self) }
}

@Suite("Replies that never come")
struct StrayTests {
    @Test("a fast job that Redis gave a session whose claim lost its reply is run all the same")
    func lostClaim() async throws {
        try await QueueFixture.with { queue in
            let (words, done) = AsyncStream.makeStream(of: String.self)
            try await queue.withWorker(plugins: [FastActor(done: done)]) { _ in
                try await eventually("the worker is there") { try await !queue.ledger.sessions().isEmpty }
                let worker = try #require(try await queue.ledger.sessions().first.flatMap { SessionID($0.id) })
                // What such a claim leaves: the job is in no lane, but in the session's running set.
                try await queue.client.open(["elsewhere"])
                try await queue.client.enqueue(FastAct(word: "lost"), options: .init(queue: "elsewhere"))
                let claim = try await queue.index.claim(upTo: 1, from: "elsewhere", session: .mint(), settled: [])
                let entry = try #require(claim.entries().fast.first)
                var leave = RedisCommand("HSET")
                leave.append(Array("{\(queue.index.namespace):default}:run:".utf8) + worker.uuid.bytes)
                leave.append(entry.id.uuid.bytes)
                leave.append(Array("f".utf8) + entry.bytes)
                _ = try await queue.redis.send(leave)
                let word = await words.first { _ in true }
                #expect(word == "lost")
            }
        }
    }

    @Test("what Redis holds of a session goes back also when only the ledger could be told of its end")
    func halfReaped() async throws {
        try await QueueFixture.with { queue in
            let dead = SessionID.mint()
            _ = try await queue.ledger.register(
                SessionRegistration(
                    id: dead, host: "here", pid: 1, version: "test", queues: [.default], kinds: [], concurrency: 1))
            _ = try await queue.index.beat(
                dead, lease: .milliseconds(1), caretakerLease: .milliseconds(1), registering: true)
            try await queue.client.enqueue(FastAct(word: "held"))
            #expect(
                try await queue.index.claim(upTo: 1, from: .default, session: dead, settled: []).entries().fast.count
                    == 1)
            // As when Redis goes away between the two halves of a reaping.
            _ = try await queue.ledger.reap(dead, because: .died)
            let (words, done) = AsyncStream.makeStream(of: String.self)
            try await queue.withWorker(plugins: [FastActor(done: done)]) { _ in
                let word = try await withTimeLimit("it runs", .seconds(60)) { await words.first { _ in true } }
                #expect(word == "held")
            }
        }
    }

    @Test("a fast job that Redis gave a session after its end, having forgotten of that, is run by another")
    func forgottenEnd() async throws {
        try await QueueFixture.with { queue in
            let (words, said) = AsyncStream.makeStream(of: String.self)
            let isLetGo = Mutex(false)
            var configuration = WorkerConfiguration.forTests
            configuration.cancellationGrace = .seconds(60)
            let holder = FastHolder(said: said) { isLetGo.withLock { $0 } }
            try await queue.withWorker(plugins: [holder], configuration: configuration) { _ in
                try await queue.client.enqueue(FastAct(word: "first"))
                #expect(await words.first { _ in true } == "first begins")
                let session = try #require(try await queue.ledger.sessions().first.flatMap { SessionID($0.id) })
                _ = try await queue.ledger.reap(session, because: .expired)
                #expect(await words.first { _ in true } == "first is cut short")
                // What its claim leaves if it comes more than an hour after its end, or in a Redis that was emptied:
                // Redis does not know that the session has ended.
                try await queue.client.open(["elsewhere"])
                try await queue.client.enqueue(FastAct(word: "late"), options: .init(queue: "elsewhere"))
                let claim = try await queue.index.claim(upTo: 1, from: "elsewhere", session: .mint(), settled: [])
                let entry = try #require(claim.entries().fast.first)
                var leave = RedisCommand("HSET")
                leave.append(Array("{\(queue.index.namespace):default}:run:".utf8) + session.uuid.bytes)
                leave.append(entry.id.uuid.bytes)
                leave.append(Array("f".utf8) + entry.bytes)
                _ = try await queue.redis.send(leave)
                try await queue.index.end(session)
                isLetGo.withLock { $0 = true }
                let late = try await withTimeLimit("it runs", .seconds(60)) {
                    await words.first { $0 == "late begins" }
                }
                #expect(late == "late begins")
            }
        }
    }

    @Test("what a session claimed after Redis had forgotten its end goes back, though it died of that")
    func forgottenEndOfTheDead() async throws {
        try await QueueFixture.with { queue in
            // Ended while it was suspended; then Redis was emptied, and it woke up before it could be told.
            let ended = SessionID.mint()
            _ = try await queue.ledger.register(
                SessionRegistration(
                    id: ended, host: "here", pid: 1, version: "test", queues: [.default], kinds: [], concurrency: 1))
            _ = try await queue.ledger.reap(ended, because: .expired)
            try await queue.client.enqueue(FastAct(word: "claimed"))
            #expect(
                try await queue.index.claim(upTo: 1, from: .default, session: ended, settled: []).entries().fast.count
                    == 1)
            let (words, done) = AsyncStream.makeStream(of: String.self)
            try await queue.withWorker(plugins: [FastActor(done: done)]) { _ in
                let word = try await withTimeLimit("it runs", .seconds(60)) { await words.first { _ in true } }
                #expect(word == "claimed")
            }
        }
    }

    @Test("a batch is settled when each attempt of it is, whatever other attempts the jobs have")
    func batches() {
        let loose = Acknowledgements()
        let job = JobID.mint()
        let (first, second) = (AttemptID(job: job, epoch: 1), AttemptID(job: job, epoch: 2))
        loose.open(batch: 1, attempts: [first])
        loose.open(batch: 2, attempts: [second])
        loose.add(first, .default)
        #expect(loose.takeSettledBatches() == [1])
        loose.add(second, .default)
        #expect(loose.takeSettledBatches() == [2])
    }

    @Test("a supervisor ends whatever session its dead worker was in")
    func laterSession() async throws {
        try await QueueFixture.with { queue in
            let worker = WorkerID.mint()
            let sessions = [SessionID.mint(), SessionID.mint()]
            for id in sessions {
                _ = try await queue.ledger.register(
                    SessionRegistration(
                        id: id, worker: worker, host: "here", pid: 1, version: "test", queues: [.default], kinds: [],
                        concurrency: 1))
            }
            // The first was lost; the job runs in the one that followed it.
            _ = try await queue.ledger.reap(sessions[0], because: .expired)
            let job = try await queue.client.enqueue(Act(word: "x")).id
            _ = try await queue.ledger.begin([job], session: sessions[1], number: 1)
            let reaper = SessionReaper(
                ledger: queue.ledger, index: queue.index, counters: RuntimeCounters(), logger: queue.logger)
            #expect(try await reaper.reap(worker: worker) == 1)
            #expect(try await queue.ledger.job(job)?.state == "available")
            #expect(try await queue.ledger.openSessions(of: worker) == [])
        }
    }
}
