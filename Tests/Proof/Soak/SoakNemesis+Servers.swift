// Faults of Redis and of PostgreSQL, and what operators do.

import JobModel
import JobQueue
import LocalServers
import Postgres
import Redis

extension SoakNemesis {
    // MARK: Redis

    /// kill -9 and a restart, perhaps with the last seconds of the append-only file cut off.
    func killRedis(_ random: inout SeededRandom, cuttingTail: Bool) async throws {
        let seconds = random.seconds(0.5...3)
        await self.redisMemory.hold()
        defer { self.redisMemory.release() }
        await self.stack.redis.kill9()
        let killed = self.record.now
        var cut = 0
        if cuttingTail { cut = try self.redisMemory.cutTail(seconds) }
        try? await Task.sleep(for: random.seconds(0...3))
        try await self.start("Redis") { try await self.stack.redis.start() }
        guard self.stack.redis.url == self.stack.redisURL else { throw NotSeen("Redis came back on another port") }
        // Also after a plain kill: what it had not written yet is gone with it.
        let from = try await self.redisMemory.survived()
        self.record.lost(
            SoakLoss(
                why: cuttingTail ? "Redis came back without its last \(cut) bytes" : "Redis was killed",
                extent: .window(answeredFrom: from, sentUntil: killed)))
        if cuttingTail, cut == 0 { throw NotSeen("nothing had been written in that time") }
    }

    /// FLUSHALL, and what went with it: every member of every key but the durable lanes.
    private static let flush = """
        local held = {}
        for _, key in ipairs(redis.call('KEYS', '*')) do
            local type = redis.call('TYPE', key).ok
            local members = {}
            if type == 'list' then
                members = redis.call('LRANGE', key, 0, -1)
            elseif type == 'zset' and not key:find(':d:', 1, true) then
                members = redis.call('ZRANGE', key, 0, -1)
            elseif type == 'hash' then
                members = redis.call('HGETALL', key)
            end
            for _, member in ipairs(members) do held[#held + 1] = member end
        end
        redis.call('FLUSHALL')
        return held
        """

    /// Every other time with a backlog in it: without one there is hardly anything to lose.
    func emptyRedis(_ random: inout SeededRandom) async throws {
        guard Bool.random(using: &random) else { return try await self.emptyRedis() }
        try await self.pause()
        try? await self.see("a backlog", within: .seconds(15)) {
            try await self.stack.client.index.audit(Self.pausedQueue).durableWaiting >= 20
        }
        do {
            try await self.emptyRedis()
        } catch {
            try await self.resume()
            throw error
        }
        try await self.resume()
    }

    private func emptyRedis() async throws {
        let redis = self.stack.client.index.redis
        let generation = RedisCommand("GET", "{\(self.stack.client.index.namespace)}:generation")
        let held = try await redis.send(RedisCommand("EVAL", Self.flush, "0")).throwingErrors().requireArray()
        self.record.lost(SoakLoss(why: "Redis was emptied", extent: .held(held.compactMap(\.bytes))))
        self.redisMemory.emptied()
        try await self.see("Redis is rebuilt", within: .seconds(60)) { try await !redis.send(generation).isNull }
    }

    func pauseRedis(_ random: inout SeededRandom) async throws {
        try self.stack.redis.pause()
        let seconds = random.seconds(2...9)
        try? await Task.sleep(for: seconds)
        let isSilent =
            (try? await self.stack.client.index.redis.send(RedisCommand("PING"), timeout: .seconds(1))) == nil
        try self.stack.redis.resume()
        if !isSilent { throw NotSeen("Redis answered while it was suspended") }
    }

    func killRedisClients() async throws {
        let reply = try await self.stack.client.index.redis.send(
            RedisCommand("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
        if try reply.requireInt() < 2 { throw NotSeen("there was nobody to close") }
    }

    func forgetScripts() async throws {
        let redis = self.stack.client.index.redis
        func cached() async throws -> Int {
            let info = try await redis.send(RedisCommand("INFO", "memory")).requireString()
            let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("number_of_cached_scripts:") }
            return line.flatMap { Int($0.split(separator: ":")[1]) } ?? 0
        }
        let before = try await cached()
        _ = try await redis.send(RedisCommand("SCRIPT", "FLUSH")).throwingErrors()
        if before == 0 { throw NotSeen("no script was cached") }
        try await self.see("scripts are sent again", within: .seconds(60)) { try await cached() > 0 }
    }

    func fillRedis(_ random: inout SeededRandom) async throws {
        let redis = self.stack.client.index.redis
        _ = try await redis.send(RedisCommand("CONFIG", "SET", "maxmemory", "100kb")).throwingErrors()
        let reply = try? await redis.pipeline([RedisCommand("SET", "soak:full", "1")])
        try? await Task.sleep(for: random.seconds(1...6))
        try await self.see("the limit is lifted", within: .seconds(60)) {
            _ = try await redis.send(RedisCommand("CONFIG", "SET", "maxmemory", "0")).throwingErrors()
            return true
        }
        if reply?.first?.error?.prefix != "OOM" { throw NotSeen("Redis refused no write") }
    }

    // MARK: PostgreSQL

    func killPostgres(_ random: inout SeededRandom) async throws {
        let before = try await self.stack.postgres.processID()
        await self.stack.postgres.kill9()
        self.record.postgresWasKilled()
        try? await Task.sleep(for: random.seconds(0...3))
        try await self.start("PostgreSQL") { try await self.stack.postgres.start() }
        guard self.stack.postgres.url(database: SoakStack.database) == self.stack.databaseURL else {
            throw NotSeen("PostgreSQL came back on another port")
        }
        if try await self.stack.postgres.processID() == before { throw NotSeen("the same process") }
    }

    func pausePostgres(_ random: inout SeededRandom) async throws {
        try self.stack.postgres.pause()
        try? await Task.sleep(for: random.seconds(2...9))
        let isSilent = (try? await self.stack.platform.query("SELECT 1", timeout: .seconds(1))) == nil
        try self.stack.postgres.resume()
        if !isSilent { throw NotSeen("PostgreSQL answered while it was suspended") }
    }

    func terminateBackends() async throws {
        let ended = try await self.stack.withConnection { connection in
            try await connection.query(
                """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
                """
            ).first?.int(at: 0) ?? 0
        }
        if ended == 0 { throw NotSeen("there was no session") }
    }

    func lockTable(_ random: inout SeededRandom) async throws {
        let tables = ["jobs", "job_dispatches", "job_claims", "worker_sessions", "job_attempts", "diagnostic_effects"]
        let table = random.one(of: tables)
        let seconds = Double.random(in: 1...7, using: &random)
        try await self.stack.withConnection { connection in
            try await connection.transaction { connection in
                try await connection.query("LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE", timeout: .seconds(20))
                try await connection.query("SELECT pg_sleep(\(seconds))")
            }
        }
    }

    // MARK: Operators

    /// Pauses the queue of nearly all jobs for as long as a backlog takes to grow.
    func pauseQueue(_ random: inout SeededRandom) async throws {
        let seconds = random.seconds(5...15)
        try await self.pause()
        try? await Task.sleep(for: seconds)
        let waiting = try? await self.stack.client.index.audit(Self.pausedQueue).durableWaiting
        try await self.resume()
        guard let waiting, waiting > 0 else { throw NotSeen("no backlog grew") }
    }

    private func pause() async throws {
        try await self.see("the ledger takes the pause", within: .seconds(60)) {
            try await self.stack.client.pause(Self.pausedQueue)
            return true
        }
    }

    /// Until it is done: a queue that stays paused would not drain.
    private func resume() async throws {
        try await self.see("the ledger takes the resumption", within: .seconds(600)) {
            try await self.stack.client.resume(Self.pausedQueue)
            return true
        }
    }

    private static let pausedQueue: QueueName = "diagnostics"

    /// A server that does not start the first time (its port may be held by what it left) is started again.
    private func start(_ name: String, _ body: () async throws -> Void) async throws {
        for attempt in 1... {
            do {
                return try await body()
            } catch {
                self.record.note("\(name) did not start: \(error)")
                if attempt == 5 { throw error }
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }
}
