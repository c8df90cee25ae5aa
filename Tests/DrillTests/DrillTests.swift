// Failure drills with real processes: kill, stop, empty, restart; then check what is true.

import Glibc
import JobModel
import JobQueue
import LocalServers
import Postgres
import Processes
import QueueTestSupport
import Redis
import TestSupport
import Testing

@Suite("Drills")
struct DrillTests {
    @Test("kill -9 of a supervised worker: its jobs run again, as crashes and not as failures")
    func killedWorker() async throws {
        try await QueueFixture.with { queue in
            try await WorkerPool.with(queue, processes: 2) { pool in
                var ids: [JobID] = []
                for _ in 0..<8 { ids.append(try await queue.diagnostic("diagnostic.sleep", #"{"seconds": 2}"#)) }
                for id in ids { try await queue.wait(for: id, toBe: .running) }
                kill(try await pool.processRunning(ids[0]), SIGKILL)
                for id in ids { try await queue.wait(for: id, toBe: .succeeded) }
                let records = try await queue.ledger.jobs(JobFilter(limit: 100))
                #expect(records.allSatisfy { $0.failures == 0 && $0.attempt == 1 })
                #expect(records.contains { $0.crashes == 1 })
                #expect(records.allSatisfy { $0.crashes <= 1 })
                try await pool.waitForSessions(2)
                #expect(try await queue.counter("jobs_crashed_total") == records.reduce(0) { $0 + $1.crashes })
            }
        }
    }

    @Test("a worker stopped past its lease and then continued settles nothing")
    func zombie() async throws {
        try await QueueFixture.with { queue in
            try await WorkerPool.with(queue, processes: nil) { first in
                let id = try await queue.diagnostic("diagnostic.sleep", #"{"seconds": 1}"#)
                try await queue.wait(for: id, toBe: .running)
                let zombie = try await first.processRunning(id)
                kill(zombie, SIGSTOP)
                try await WorkerPool.with(queue, processes: nil) { _ in
                    try await queue.wait(for: id, toBe: .succeeded)
                    kill(zombie, SIGCONT)
                    try await eventually("the zombie's settlement is refused, and counted") {
                        try await queue.counter("attempts_fenced_total") == 1
                    }
                    let record = try #require(try await queue.ledger.job(id))
                    #expect(record.epoch == 2)
                    #expect(record.crashes == 1)
                    #expect(record.failures == 0)
                }
            }
        }
    }

    @Test("an emptied Redis: what waited in a paused queue waits on, then runs once each")
    func emptiedRedis() async throws {
        let servers = try await TestServers.start()
        try await QueueFixture.with(servers: servers) { queue in
            try await WorkerPool.with(queue, processes: nil) { _ in
                try await queue.client.pause("diagnostics")
                let request = try JobRequest(
                    kind: "diagnostic.effect", target: .platform, payload: Array("{}".utf8),
                    options: EnqueueOptions(queue: "diagnostics"))
                _ = try await queue.ledger.enqueue(Array(repeating: request, count: 1000))
                try await eventually("all wait in Redis") {
                    try await queue.index.audit("diagnostics").durableWaiting == 1000
                }
                _ = try await queue.redis.send(RedisCommand("FLUSHALL"))
                try await eventually("all wait in Redis again") {
                    try await queue.index.audit("diagnostics").durableWaiting == 1000
                }
                #expect(try await queue.count("SELECT count(*) FROM diagnostic_effects") == 0)
                try await queue.client.resume("diagnostics")
                try await eventually("all have run", within: .seconds(120)) {
                    try await queue.count("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 1000
                }
                #expect(try await queue.count("SELECT count(*) FROM diagnostic_effects") == 1000)
                #expect(try await queue.count("SELECT count(DISTINCT job_id) FROM diagnostic_effects") == 1000)
            }
        }
        await servers.stop()
    }

    @Test("Redis and PostgreSQL killed and started again: workers resume by themselves, each effect once")
    func restartedServers() async throws {
        let servers = try await TestServers.start()
        try await QueueFixture.with(servers: servers) { queue in
            try await WorkerPool.with(queue, processes: nil) { _ in
                for round in 1...2 {
                    var ids: [JobID] = []
                    for _ in 0..<20 { ids.append(try await queue.diagnostic("diagnostic.effect")) }
                    ids.append(try await queue.diagnostic("diagnostic.sleep", #"{"seconds": 1}"#))
                    if round == 1 {
                        await servers.redis.kill9()
                        // The ledger takes jobs while Redis is away.
                        ids.append(try await queue.diagnostic("diagnostic.effect"))
                        try await servers.redis.start()
                    } else {
                        await servers.postgres.kill9()
                        try await servers.postgres.start()
                    }
                    for id in ids { try await queue.wait(for: id, toBe: .succeeded, within: .seconds(120)) }
                }
                #expect(try await queue.count("SELECT count(*) FROM diagnostic_effects") == 41)
                #expect(try await queue.count("SELECT count(DISTINCT job_id) FROM diagnostic_effects") == 41)
                #expect(try await queue.count("SELECT count(*) FROM jobs WHERE failures > 0") == 0)
            }
        }
        await servers.stop()
    }

    @Test("a job that kills its process is run again, and is dead as poison when it kills too often")
    func poison() async throws {
        try await QueueFixture.with { queue in
            try await WorkerPool.with(queue, processes: 1, concurrency: 1) { _ in
                let twice = try await queue.diagnostic("diagnostic.crash", #"{"times": 2}"#)
                try await queue.wait(for: twice, toBe: .succeeded)
                #expect(try await queue.ledger.job(twice)?.crashes == 2)
                let always = try await queue.diagnostic("diagnostic.crash", #"{"times": 100}"#)
                try await queue.wait(for: always, toBe: .dead)
                let record = try #require(try await queue.ledger.job(always))
                #expect(record.reason == DeathReason.poison.rawValue)
                #expect(record.failures == 0)
                #expect(record.attempt == 0)
            }
        }
    }

    @Test("a worker refuses a Redis that may throw keys away")
    func evictionPolicy() async throws {
        let servers = try await TestServers.start()
        try await QueueFixture.with(servers: servers) { queue in
            _ = try await queue.redis.send(RedisCommand("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"))
            let worker = try WorkerPool.spawn(queue, processes: nil, concurrency: 1)
            let status = try await withTimeLimit("the worker refuses") { await worker.wait() }
            #expect(status == .exited(78))
            #expect(try await queue.ledger.sessions().isEmpty)
        }
        await servers.stop()
    }
}
