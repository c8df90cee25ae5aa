// Jobs that were aboard too many crashes, in a real worker: alone means alone.

import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import Redis
import Synchronization
import TestSupport
import Testing
import WorkerKit
import WorkerRuntime

/// Who runs beside whom, and until when.
private final class Company: Sendable {
    private struct State {
        var inside: Set<String> = []
        var met: [String: Set<String>] = [:]
        var isOpen = false
        var released: Set<String> = []
    }

    private let state = Mutex(State())

    var inside: Set<String> { self.state.withLock { $0.inside } }

    /// Lets the job of this word end.
    func release(_ words: String...) { self.state.withLock { $0.released.formUnion(words) } }
    /// Lets every job end.
    func open() { self.state.withLock { $0.isOpen = true } }

    /// A job's handler: ends when it is released.
    func run(_ word: String) async throws -> String {
        self.state.withLock { state in
            for other in state.inside {
                state.met[other, default: []].insert(word)
                state.met[word, default: []].insert(other)
            }
            state.inside.insert(word)
        }
        defer { self.state.withLock { _ = $0.inside.remove(word) } }
        try await eventually("\(word) is released", within: .seconds(60)) {
            self.state.withLock { $0.isOpen || $0.released.contains(word) }
        }
        return "done"
    }

    func company(of word: String) -> Set<String> { self.state.withLock { $0.met[word] ?? [] } }
}

@Suite("A suspect of crashes")
struct AloneTests {
    private static func plugin(_ company: Company) -> Actor {
        Actor { job, _ in try await company.run(job.word) }
    }

    /// A job that was aboard as many crashes as are forgiven.
    private static func suspect(_ queue: QueueFixture, _ word: String) async throws -> JobID {
        try await queue.platform.transaction { connection in
            // With a delay: dispatch then looks at the job, instead of being told of a new one.
            let id = try await queue.client.enqueue(
                Act(word: word), options: EnqueueOptions(delay: .milliseconds(1)), on: connection
            ).id
            try await connection.query(
                "UPDATE jobs SET crashes = $2::integer WHERE id = $1::uuid",
                [.text(id.description), .int(JobLimits.crashesMax)])
            return id
        }
    }

    private static func configuration(_ role: QuarantineRole) -> WorkerConfiguration {
        var configuration = WorkerConfiguration.forTests
        configuration.quarantine = role
        return configuration
    }

    @Test("runs alone in a worker that has no supervisor: not before all others are settled, and none joins it")
    func alone() async throws {
        try await QueueFixture.with { queue in
            let company = Company()
            try await queue.withWorker(plugins: [Self.plugin(company)]) { _ in
                let early = [
                    try await queue.client.enqueue(Act(word: "early")).id,
                    try await queue.client.enqueue(Act(word: "earlier")).id,
                ]
                try await eventually("the early ones run") { company.inside == ["early", "earlier"] }
                let suspect = try await Self.suspect(queue, "suspect")
                try await eventually("the worker withdraws") {
                    let turn = RedisCommand("EXISTS", "{\(queue.index.namespace):default}:turn")
                    return try await queue.redis.send(turn).int == 1
                }
                let late = try await queue.client.enqueue(Act(word: "late")).id
                company.release("early")
                try await queue.wait(for: early[0], toBe: .succeeded)
                try await eventually("the late one waits") {
                    try await queue.index.audit(.default).durableWaiting == 1
                }
                #expect(company.inside == ["earlier"])
                #expect(try await queue.index.audit(.default).durableQuarantined == 1)
                company.release("earlier")
                try await eventually("the suspect runs") { company.inside == ["suspect"] }
                #expect(try await queue.index.audit(.default).durableWaiting == 1)
                #expect(try await queue.ledger.job(late)?.state == "available")
                company.open()
                for id in [suspect, late] { try await queue.wait(for: id, toBe: .succeeded) }
            }
            #expect(company.company(of: "suspect") == [])
            #expect(company.company(of: "early") == ["earlier"])
            #expect(try await queue.index.audit(.default).faults == [])
        }
    }

    @Test("is left to others by a supervised worker")
    func left() async throws {
        try await QueueFixture.with { queue in
            let suspect = try await Self.suspect(queue, "suspect")
            let company = Company()
            company.open()
            try await queue.withWorker(
                plugins: [Self.plugin(company)], configuration: Self.configuration(.leave)
            ) { _ in
                try await eventually("it is in quarantine") {
                    try await queue.index.audit(.default).durableQuarantined == 1
                }
                for number in 0..<3 {
                    let id = try await queue.client.enqueue(Act(word: "\(number)")).id
                    try await queue.wait(for: id, toBe: .succeeded)
                }
                #expect(try await queue.ledger.job(suspect)?.state == "available")
            }
        }
    }

    @Test("runs in a process for suspects, which claims nothing else, is never caretaker, and ends by itself")
    func only() async throws {
        try await QueueFixture.with { queue in
            let company = Company()
            company.open()
            let suspects = [try await Self.suspect(queue, "first"), try await Self.suspect(queue, "second")]
            let ordinary = try await queue.client.enqueue(Act(word: "ordinary")).id
            try await Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger).dispatchDue()
            let worker = try Worker(
                configuration: Self.configuration(.only), registry: HandlerRegistry(plugins: [Self.plugin(company)]),
                families: nil, client: queue.client, logger: queue.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await withTimeLimit("it ends by itself", .seconds(60)) { try await worker.run() }
                }
                for id in suspects { try await queue.wait(for: id, toBe: .succeeded) }
                let caretaker = RedisCommand("GET", "{\(queue.index.namespace)}:caretaker")
                #expect(try await queue.redis.send(caretaker) == .null)
                try await group.next()
            }
            #expect(company.company(of: "first") == [])
            #expect(try await queue.ledger.job(ordinary)?.state == "available")
            #expect(try await queue.ledger.sessions().map(\.endReason) == ["stopped"])
            #expect(try await queue.index.audit(.default).durableWaiting == 1)
            #expect(try await queue.index.audit(.default).durableQuarantined == 0)
        }
    }
}
