// A worker meets each error that Redis may answer with on its way back from trouble, from a real Redis that is brought
// to give it: afterwards it goes on by itself, and what was enqueued meanwhile is run, once.

import DiagnosticsWorker
import JobModel
import JobQueue
import LocalServers
import QueueTestSupport
import Redis
import TestSupport
import Testing
import WorkerRuntime

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

@Suite("Error replies of Redis", .timeLimit(.minutes(10)))
struct ReplyZooTests {
    /// What Redis answers, and by what it is brought to.
    enum Trouble: String, Sendable, CaseIterable {
        /// It is a replica now: a failover.
        case readOnly = "READONLY"
        /// It does not know the scripts any more.
        case noScript = "NOSCRIPT"
        /// It cannot save what it holds.
        case cannotSave = "MISCONF"
        /// It is at its memory limit.
        case full = "OOM"
        /// It ends a caller's wait for work.
        case unblocked = "UNBLOCKED"
        /// It closes every connection.
        case killed = "CLIENT KILL"
    }

    @Test("after each of them a worker goes on by itself, and runs each job once")
    func resumes() async throws {
        let servers = try await TestServers.start()
        try await QueueFixture.with(servers: servers) { queue in
            let redis = RedisClient(configuration: try RedisConfiguration(url: servers.redisURL), logger: queue.logger)
            try await queue.withWorker(plugins: [DiagnosticsPlugin()]) { _ in
                for trouble in Trouble.allCases {
                    try await Self.enqueue(20, queue)
                    try await Self.make(trouble, on: redis, of: servers)
                    try await Self.enqueue(20, queue)
                    try await eventually("the worker has met \(trouble.rawValue)") {
                        try await Self.hasShown(trouble, redis)
                    }
                    try await Self.mend(trouble, on: redis, of: servers)
                    try await Self.enqueue(20, queue)
                    try await eventually("after \(trouble.rawValue) all is done", within: .seconds(60)) {
                        try await queue.count("SELECT count(*) FROM jobs WHERE state <> 'succeeded'") == 0
                    }
                }
            }
            let jobs = 60 * Trouble.allCases.count
            #expect(try await queue.count("SELECT count(*) FROM jobs WHERE attempt = 1 AND crashes = 0") == jobs)
            #expect(try await queue.count("SELECT count(*) FROM diagnostic_effects") == jobs)
            await redis.close()
        }
        await servers.stop()
    }

    @Test("what a failover lost is put back as soon as Redis is connected anew")
    func failover() async throws {
        let servers = try await TestServers.start()
        try await QueueFixture.with(servers: servers) { queue in
            let redis = RedisClient(configuration: try RedisConfiguration(url: servers.redisURL), logger: queue.logger)
            var configuration = WorkerConfiguration.forTests
            // Not by a pass that comes anyway.
            configuration.reconcileEvery = .seconds(3600)
            try await queue.withWorker(plugins: [DiagnosticsPlugin()], configuration: configuration) { _ in
                try await eventually("the caretaker has made its first pass") {
                    try await queue.count("SELECT count(*) FROM reconciliation WHERE reconciled_at IS NOT NULL") == 1
                }
                try await queue.client.pause("diagnostics")
                try await Self.enqueue(20, queue)
                try await eventually("Redis has them") {
                    let tickets = try await queue.count("SELECT count(*) FROM job_dispatches")
                    let waiting = try await queue.index.audit("diagnostics").durableWaiting
                    return tickets == 0 && waiting == 20
                }
                let lane = "{\(queue.index.namespace):diagnostics}"
                let lost = try await redis.send(RedisCommand("DEL", "\(lane):d:1:", "\(lane):ring:1"))
                #expect(lost == .integer(2))
                try await queue.client.resume("diagnostics")
                _ = try await redis.send(RedisCommand("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
                try await eventually("all is done", within: .seconds(60)) {
                    try await queue.count("SELECT count(*) FROM diagnostic_effects") == 20
                }
            }
            await redis.close()
        }
        await servers.stop()
    }

    @Test("while Redis loads its data nobody gets more than LOADING; after that the worker goes on by itself")
    func loading() async throws {
        // 200 keys of 2 kB, 20 ms each, and a look at the clients after every kilobyte: some four seconds.
        var slow = LocalRedis.Configuration()
        slow.settings = [
            "key-load-delay": "20000", "loading-process-events-interval-bytes": "1024", "rdbcompression": "no",
            "aof-use-rdb-preamble": "yes",
        ]
        let servers = try await TestServers.start(redis: slow)
        try await QueueFixture.with(servers: servers) { queue in
            let redis = RedisClient(configuration: try RedisConfiguration(url: servers.redisURL), logger: queue.logger)
            try await queue.withWorker(plugins: [DiagnosticsPlugin()]) { _ in
                try await Self.enqueue(20, queue)
                for number in 0..<200 {
                    _ = try await redis.send(
                        RedisCommand("SET", "load:\(number)", String(repeating: "x", count: 2000)))
                }
                _ = try await redis.send(RedisCommand("BGREWRITEAOF"))
                try await eventually("the data is in one dump") {
                    let info = try await Self.info("persistence", redis)
                    return info.contains("aof_rewrite_in_progress:0") && info.contains("aof_last_bgrewrite_status:ok")
                        && info.contains("aof_rewrite_scheduled:0")
                }
                await servers.redis.kill9()
                try await Self.enqueue(20, queue)
                // Returns when all is loaded.
                try await servers.redis.start()
                #expect(try await Self.info("errorstats", redis).contains("errorstat_LOADING:"))
                try await Self.enqueue(20, queue)
                try await eventually("all is done", within: .seconds(60)) {
                    try await queue.count("SELECT count(*) FROM diagnostic_effects") == 60
                }
            }
            #expect(try await queue.count("SELECT count(*) FROM jobs WHERE state = 'succeeded' AND attempt = 1") == 60)
            await redis.close()
        }
        await servers.stop()
    }

    private static func enqueue(_ count: Int, _ queue: QueueFixture) async throws {
        let request = try JobRequest(
            kind: "diagnostic.effect", target: .platform, payload: Array(#"{}"#.utf8),
            options: EnqueueOptions(queue: "diagnostics"))
        _ = try await queue.ledger.enqueue(Array(repeating: request, count: count))
    }

    private static func make(_ trouble: Trouble, on redis: RedisClient, of servers: TestServers) async throws {
        switch trouble {
        case .readOnly: _ = try await redis.send(RedisCommand("REPLICAOF", "127.0.0.1", "1"))
        case .noScript: _ = try await redis.send(RedisCommand("SCRIPT", "FLUSH"))
        case .cannotSave:
            // A directory where the dump should go: the save at its end cannot put it there.
            #expect(mkdir(Self.inTheWay(servers), 0o755) == 0)
            _ = try await redis.send(RedisCommand("CONFIG", "SET", "save", "3600 1000000"))
            _ = try await redis.send(RedisCommand("BGSAVE"))
            try await eventually("the save has failed") {
                try await Self.info("persistence", redis).contains("rdb_last_bgsave_status:err")
            }
        case .full: _ = try await redis.send(RedisCommand("CONFIG", "SET", "maxmemory", "1"))
        case .unblocked:
            try await eventually("a worker waits for work, and is told to wait no more") {
                let clients = try await redis.send(RedisCommand("CLIENT", "LIST")).string ?? ""
                for client in clients.split(separator: "\n") where client.contains(" flags=b ") {
                    let id = client.dropFirst(3).prefix { $0 != " " }
                    _ = try await redis.send(RedisCommand("CLIENT", "UNBLOCK", String(id), "ERROR"))
                }
                return try await Self.hasShown(trouble, redis)
            }
        case .killed:
            // It may be without them for a moment, after what came before.
            try await eventually("a worker's connections are closed") {
                try await redis.send(RedisCommand("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")).requireInt()
                    >= 2
            }
        }
    }

    private static func mend(_ trouble: Trouble, on redis: RedisClient, of servers: TestServers) async throws {
        switch trouble {
        case .readOnly: _ = try await redis.send(RedisCommand("REPLICAOF", "NO", "ONE"))
        case .cannotSave:
            #expect(rmdir(Self.inTheWay(servers)) == 0)
            _ = try await redis.send(RedisCommand("CONFIG", "SET", "save", ""))
        case .full: _ = try await redis.send(RedisCommand("CONFIG", "SET", "maxmemory", "0"))
        case .noScript, .unblocked, .killed: break
        }
    }

    /// Whether Redis has given somebody that answer. (That connections were closed is known from the command itself.)
    private static func hasShown(_ trouble: Trouble, _ redis: RedisClient) async throws -> Bool {
        guard trouble != .killed else { return true }
        return try await Self.info("errorstats", redis).contains("errorstat_\(trouble.rawValue):")
    }

    private static func info(_ section: String, _ redis: RedisClient) async throws -> String {
        try await redis.send(RedisCommand("INFO", section)).string ?? ""
    }

    private static func inTheWay(_ servers: TestServers) -> String { "\(servers.directory)/redis/data/dump.rdb" }
}
