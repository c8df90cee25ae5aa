// One family's long line beside the short ones of many others: the order in which a real worker runs them.

import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import Synchronization
import TestSupport
import Testing
import WorkerKit
import WorkerRuntime

private struct DurableTurn: FamilyJob {
    static let kind: JobKind = "test.turn"
}

private struct FastTurn: FamilyJob {
    static let kind: JobKind = "test.fast_turn"
    static let durability: Durability = .fast
}

/// Notes in which order families had their turns.
private final class Turns: WorkerPlugin {
    let name = "Turns"
    private let order = Mutex<[FamilyID]>([])

    var families: [FamilyID] { self.order.withLock { $0 } }

    func register(in registry: inout HandlerRegistry) {
        registry.add(Noting<DurableTurn>(turns: self))
        registry.add(Noting<FastTurn>(turns: self))
    }

    private struct Noting<Job: FamilyJob>: FamilyHandler {
        let turns: Turns

        func run(_ job: Job, for family: FamilyID, context: JobContext) async throws -> NoResult {
            self.turns.order.withLock { $0.append(family) }
            return NoResult()
        }
    }
}

/// Every family's database is the platform's: nothing is done to it.
private struct OneDatabase: FamilyDatabaseProvider {
    let database: PostgresDatabase

    func database(of family: FamilyID, minimumSchemaVersion: Int) async throws -> PostgresDatabase { self.database }
}

@Suite("Fairness")
struct FairnessTests {
    private static let noisyJobs = 10_000
    private static let others = 50

    @Test("50 families' one job each runs before 2 % of the 10,000 that another family enqueued first, durable jobs")
    func durable() async throws {
        try await Self.expectTurns { client, count, family in
            _ = try await client.enqueue(Array(repeating: DurableTurn(), count: count), for: family)
        }
    }

    @Test("50 families' one job each runs before 2 % of the 10,000 that another family enqueued first, fast jobs")
    func fast() async throws {
        try await Self.expectTurns { client, count, family in
            _ = try await client.enqueue(Array(repeating: FastTurn(), count: count), for: family)
        }
    }

    private static func expectTurns(
        _ enqueue: @escaping @Sendable (JobQueueClient, Int, FamilyID) async throws -> Void
    ) async throws {
        try await QueueFixture.with { queue in
            let noisy = FamilyID.mint()
            let others = (0..<Self.others).map { _ in FamilyID.mint() }
            // A paused queue holds what comes, so that the worker's first claim finds all of it.
            try await queue.client.pause(.default)
            let turns = Turns()
            var configuration = WorkerConfiguration.forTests
            configuration.concurrency = 10
            try await queue.withWorker(
                plugins: [turns], configuration: configuration, families: OneDatabase(database: queue.platform)
            ) { _ in
                try await enqueue(queue.client, Self.noisyJobs, noisy)
                for other in others { try await enqueue(queue.client, 1, other) }
                try await eventually("all wait in Redis", within: .seconds(120)) {
                    let audit = try await queue.index.audit(.default)
                    return audit.durableWaiting + audit.fastWaiting == Self.noisyJobs + Self.others
                }
                try await queue.client.resume(.default)
                try await eventually("all have run", within: .seconds(240)) {
                    turns.families.count >= Self.noisyJobs + Self.others
                }
            }
            let order = turns.families
            let last = try #require(order.lastIndex { $0 != noisy })
            let noisyBefore = order[..<last].count { $0 == noisy }
            #expect(noisyBefore < Self.noisyJobs / 50)
            #expect(Set(others).isSubset(of: order))
            #expect(order.count == Self.noisyJobs + Self.others, "each once")
        }
    }
}
