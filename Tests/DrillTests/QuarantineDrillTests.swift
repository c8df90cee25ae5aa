// A job that kills every process it is aboard, among neighbours that do nothing wrong: it dies, and they do not.

import JobModel
import JobQueue
import Processes
import QueueTestSupport
import Redis
import TestSupport
import Testing

extension QueueFixture {
    /// Enqueues a fast diagnostic job on the platform.
    fileprivate func fastDiagnostic(_ kind: JobKind, _ payload: String) async throws -> JobID {
        let request = try JobRequest(
            kind: kind, target: .platform, payload: Array(payload.utf8), options: EnqueueOptions(queue: "diagnostics"))
        return try await self.client.enqueue(request, durability: .fast).id
    }

    /// Waits for the verdict, and checks that it is just.
    fileprivate func expectPoison(_ killer: JobID, among neighbours: [JobID]) async throws {
        try await self.wait(for: killer, toBe: .dead, within: .seconds(180))
        let dead = try #require(try await self.ledger.job(killer))
        #expect(dead.reason == DeathReason.poison.rawValue)
        #expect(dead.crashes == JobLimits.crashesMax + 1)
        #expect(dead.failures == 0)
        #expect(dead.attempt == 0)
        var crashes: [Int] = []
        for id in neighbours {
            try await self.wait(for: id, toBe: .succeeded, within: .seconds(180))
            let record = try #require(try await self.ledger.job(id))
            #expect(record.failures == 0)
            #expect(record.crashes <= JobLimits.crashesMax)
            crashes.append(record.crashes)
        }
        #expect(crashes.contains { $0 > 0 }, "some were aboard")
        try await eventually("it is counted") { try await self.counter("jobs_poison_total") == 1 }
    }
}

@Suite("Quarantine drills")
struct QuarantineDrillTests {
    @Test("supervised: a job that kills its processes is dead as poison, fifty neighbours succeed")
    func supervised() async throws {
        try await QueueFixture.with { queue in
            try await WorkerPool.with(queue, processes: 2, concurrency: 64) { pool in
                var neighbours: [JobID] = []
                for _ in 0..<50 {
                    neighbours.append(try await queue.diagnostic("diagnostic.sleep", #"{"seconds": 1}"#))
                }
                let killer = try await queue.diagnostic("diagnostic.crash", #"{"times": 100}"#)
                try await queue.expectPoison(killer, among: neighbours)
                // The process that ran them alone ends by itself.
                try await pool.waitForSessions(2)
            }
        }
    }

    @Test("supervised, fast jobs: the killer alone is among the dead, the others are done")
    func supervisedFast() async throws {
        try await QueueFixture.with { queue in
            try await WorkerPool.with(queue, processes: 2, concurrency: 64) { pool in
                for _ in 0..<50 {
                    _ = try await queue.fastDiagnostic("diagnostic.fast_sleep", #"{"seconds": 0.5}"#)
                }
                let killer = try await queue.fastDiagnostic("diagnostic.fast_crash", #"{"times": 100}"#)
                try await eventually("all are done, or dead", within: .seconds(180)) {
                    let audit = try await queue.index.audit("diagnostics")
                    #expect(audit.faults == [])
                    guard audit.fastWaiting + audit.fastQuarantined + audit.fastDelayed == 0, audit.fastDead > 0
                    else { return false }
                    for session in try await pool.sessions().compactMap({ SessionID($0.id) }) {
                        guard try await queue.index.running(of: session, in: "diagnostics").isEmpty else {
                            return false
                        }
                    }
                    return true
                }
                let dead = try await queue.index.deadFastJobs(of: "diagnostics", limit: 100)
                #expect(dead.map(\.id) == [killer.description])
                #expect(dead.first?.crashes == JobLimits.crashesMax + 1)
                #expect(dead.first?.reason == DeathReason.poison.rawValue)
            }
        }
    }

    @Test("without a supervisor: the same, the worker being started again after each of its deaths")
    func unsupervised() async throws {
        try await QueueFixture.with { queue in
            var worker = try WorkerPool.spawn(queue, processes: nil, concurrency: 64)
            do {
                try await eventually("the worker is there", within: .seconds(60)) {
                    try await !queue.ledger.sessions().isEmpty
                }
                var neighbours: [JobID] = []
                for _ in 0..<10 {
                    neighbours.append(try await queue.diagnostic("diagnostic.sleep", #"{"seconds": 0.5}"#))
                }
                let killer = try await queue.diagnostic("diagnostic.crash", #"{"times": 100}"#)
                for death in 1...JobLimits.crashesMax + 1 {
                    let dying = worker
                    let status = try await withTimeLimit("death \(death)", .seconds(120)) { await dying.wait() }
                    #expect(!status.isSuccess)
                    worker = try WorkerPool.spawn(queue, processes: nil, concurrency: 64)
                }
                try await queue.expectPoison(killer, among: neighbours)
            } catch {
                await worker.stop(signal: .terminate, grace: .seconds(1))
                throw error
            }
            await worker.stop(signal: .terminate, grace: .seconds(30))
        }
    }
}
