// `chorewheel-proof disk-full`: the disk below each server fills up, and Redis' memory. Enqueues fail with words that
// say so, nothing acknowledged is lost or done twice, and work goes on by itself within seconds of room.

internal import ArgumentParser
internal import JobModel
internal import JobQueue
internal import LocalServers
internal import Postgres
internal import Processes
internal import QueueTestSupport
internal import Redis
internal import Synchronization
internal import TestSupport

struct DiskFullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disk-full", abstract: "A full disk under each server, and Redis at its memory limit.")

    /// What is promised; several times that is what a busy machine is given.
    private static let promised: Duration = .seconds(10)
    private static let limit: Duration = .seconds(30)

    func run() async throws {
        let leash = try BuiltExecutable.path()
        try await OwnMounts.require(leash: leash)
        var postgres = LocalPostgres.Configuration.forTests
        postgres.settings = ["min_wal_size": "32MB", "max_wal_size": "32MB", "checkpoint_timeout": "30s"]
        let servers = try await TestServers.start(postgres: postgres)
        var disks: [SmallDisk] = []
        do {
            await servers.postgres.stop()
            await servers.redis.stop()
            let data = "\(servers.postgres.directory)/cluster/data"
            let redis = try await SmallDisk.under("\(servers.redis.directory)/data", megabytes: 256, leash: leash)
            disks.append(redis)
            let tables = try await SmallDisk.under(data, megabytes: 320, leash: leash)
            disks.append(tables)
            let log = try await SmallDisk.under("\(data)/pg_wal", megabytes: 112, leash: leash)
            disks.append(log)
            try await servers.redis.start()
            try await servers.postgres.start()
            try await QueueFixture.with(servers: servers) { queue in
                try await Self.drill(queue, leash: leash, redis: redis, tables: tables, log: log)
            }
        } catch {
            await Self.end(servers, disks, leash)
            throw error
        }
        await Self.end(servers, disks, leash)
    }

    private static func end(_ servers: TestServers, _ disks: [SmallDisk], _ leash: String) async {
        await servers.postgres.stop()
        await servers.redis.stop()
        for disk in disks.reversed() { await disk.unmount(leash: leash) }
        await servers.stop()
    }

    private static func drill(
        _ queue: QueueFixture, leash: String, redis: SmallDisk, tables: SmallDisk, log: SmallDisk
    ) async throws {
        let programs = DiskPrograms(queue: queue, leash: leash)
        let workers = try programs.spawn(
            ["work", "--diagnostics", "--processes", "2", "--concurrency", "8", "--lease", "3"], log: "workers")
        // What keeps servers up elsewhere: systemd, an operator. Nobody starts a worker again.
        let keeper = Task { await Self.keepUp(queue.servers.postgres) }
        defer { keeper.cancel() }
        do {
            try await eventually("two workers are there", within: .seconds(60)) {
                try await queue.ledger.sessions().filter { $0.endReason == nil }.count == 2
            }
            let load = DiskLoad(queue)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await load.run() }
                do {
                    try await Self.phase(
                        "Redis' disk is full", load, programs, refused: .fast, words: "MISCONF",
                        fill: { _ = try redis.fill() }, heal: { redis.clear() })
                    try await Self.phase(
                        "Redis' memory is at its limit", load, programs, refused: .fast, words: "OOM",
                        fill: { try await Self.setMemory(queue, "1mb") }, heal: { try await Self.setMemory(queue, "0") }
                    )
                    try await Self.phase(
                        "the disk of PostgreSQL's tables is full", load, programs, refused: .durable,
                        words: "No space left",
                        fill: { _ = try tables.fill() }, heal: { tables.clear() })
                    try await Self.phase(
                        "the disk of PostgreSQL's log is full", load, programs, refused: .durable, words: nil,
                        fill: {
                            _ = try log.fill()
                            // To the end of the segments that are there already; the server ends with the last.
                            for _ in 0..<8 { _ = try? await queue.platform.query("SELECT pg_switch_wal()") }
                        }, heal: { log.clear() })
                } catch {
                    load.finish()
                    group.cancelAll()
                    throw error
                }
                load.finish()
                try await group.waitForAll()
            }
            try await Self.verdict(queue, load)
        } catch {
            print("  the end of the workers' log:\n\(FileSystem.lastLines(12, of: programs.path("workers")))")
            await workers.stop(grace: .seconds(2))
            throw error
        }
        await workers.stop(grace: .seconds(30))
    }

    private static func setMemory(_ queue: QueueFixture, _ limit: String) async throws {
        _ = try await queue.redis.send(RedisCommand("CONFIG", key: nil, "SET", "maxmemory", limit))
    }

    /// - Parameters:
    ///   - refused: The class whose enqueues have to fail.
    ///   - words: What the errors have to say; nil: the server is gone, and they may say that.
    private static func phase(
        _ name: String, _ load: DiskLoad, _ programs: DiskPrograms, refused: Durability, words: String?,
        fill: () async throws -> Void, heal: () async throws -> Void
    ) async throws {
        let queue = programs.queue
        try await Self.expectWork(load, queue, "before it")
        let before = (load.refused(.durable), load.refused(.fast), load.acknowledged.count)
        let known = load.words(refused)
        try await fill()
        try await eventually("enqueues fail while \(name)", within: .seconds(60)) {
            load.refused(refused) >= (refused == .durable ? before.0 : before.1) + 20
        }
        let told = load.words(refused).filter { $0.value > (known[$0.key] ?? 0) }.max { $0.value < $1.value }
        guard let told, words.map({ told.key.contains($0) }) ?? true else {
            throw ProofFailure("\(name): an enqueue failed, and said: \(told?.key ?? "nothing")")
        }
        // A small one may find room on a page that is there already.
        var command = try await programs.enqueue(refused)
        for _ in 0..<10 where command.exit == 0 { command = try await programs.enqueue(refused) }
        guard command.exit != 0 else { throw ProofFailure("\(name): chorewheel enqueue said that it was done") }
        // Longer than a lease.
        try await Task.sleep(for: .seconds(4))
        let during = load.acknowledged.count - before.2
        try await heal()
        let healed = ContinuousClock.now
        try await Self.expectWork(load, queue, "after \(name)")
        let resumed = ContinuousClock.now - healed
        print(
            """
              \(name): \(load.refused(.durable) - before.0) durable and \(load.refused(.fast) - before.1) fast \
            enqueues refused, \(during) taken meanwhile
                the client:  \(told.key)
                the command: exit \(command.exit.map(String.init) ?? "-"), \(command.words)
                work of both classes goes on \(resumed.formatted) after there is room\
            \(resumed > Self.promised ? ", which is MORE than \(Self.promised.formatted)" : "")
            """)
    }

    /// Waits until a job of each class, enqueued from now on, is done.
    private static func expectWork(_ load: DiskLoad, _ queue: QueueFixture, _ when: String) async throws {
        for durability in [Durability.durable, .fast] {
            let probe = Mutex<JobID?>(nil)
            try await eventually("a \(durability) job is taken and done \(when)", within: Self.limit) {
                if probe.withLock({ $0 }) == nil, let id = await load.enqueue(durability) { probe.withLock { $0 = id } }
                guard let id = probe.withLock({ $0 }) else { return false }
                // PostgreSQL may be away.
                let count = try? await queue.count(
                    "SELECT count(*) FROM diagnostic_effects WHERE job_id = $1::uuid", [.text(id.description)])
                return count == 1
            }
        }
    }

    /// All that was acknowledged is done once; nothing is done that nobody asked for.
    private static func verdict(_ queue: QueueFixture, _ load: DiskLoad) async throws {
        let (acknowledged, tried) = (load.acknowledged, load.tried)
        func effects() async throws -> [JobID] {
            try await queue.platform.query("SELECT job_id FROM diagnostic_effects").compactMap {
                JobID(try $0.string("job_id"))
            }
        }
        let done = Mutex<[JobID]>([])
        do {
            try await eventually("all \(acknowledged.count) acknowledged jobs are done", within: .seconds(120)) {
                let found = try await effects()
                done.withLock { $0 = found }
                return acknowledged.isSubset(of: found)
            }
        } catch let error as TimeLimitExceeded {
            let fault = DiskLoad.fault(of: done.withLock { $0 }, acknowledged: acknowledged)
            throw ProofFailure("\(fault ?? "all are done at last") (\(error))")
        }
        let found = done.withLock { $0 }
        if let fault = DiskLoad.fault(of: found, acknowledged: acknowledged) { throw ProofFailure(fault) }
        let strangers = Set(found).subtracting(tried)
        let known = try await queue.count(
            "SELECT count(*) FROM jobs WHERE id = ANY ($1::uuid[])", [.array(strangers.map(\.description))])
        // (The command's own are in the ledger.)
        guard known == strangers.count else { throw ProofFailure("effects happened that nobody asked for") }
        // Those, too, that were enqueued by the command, or whose answer was lost.
        try await eventually("no job of the ledger is open, and none is dead", within: .seconds(60)) {
            try await queue.count("SELECT count(*) FROM jobs WHERE state <> 'succeeded'") == 0
        }
        let ended = try await queue.count("SELECT count(*) FROM worker_sessions WHERE ended_at IS NOT NULL")
        print(
            "disk-full: \(acknowledged.count) jobs acknowledged, \(tried.count - acknowledged.count) refused; all "
                + "acknowledged are done, none twice; \(ended) worker sessions ended on the way; workers restarted by "
                + "hand: 0")
    }

    /// Starts PostgreSQL again when it has ended by itself.
    private static func keepUp(_ postgres: LocalPostgres) async {
        while !Task.isCancelled {
            if !postgres.isRunning { try? await postgres.start() }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }
}

extension Duration {
    fileprivate var formatted: String {
        let (seconds, attoseconds) = self.components
        return "\(seconds).\(attoseconds / 100_000_000_000_000_000) s"
    }
}

/// Programs of `chorewheel` on the drill's servers.
struct DiskPrograms: Sendable {
    let queue: QueueFixture
    let leash: String

    func path(_ log: String) -> String { "\(self.queue.servers.directory)/\(log).log" }

    func spawn(_ arguments: [String], log: String) throws -> ChildProcess {
        var command = ChildProcess.Configuration(self.leash, arguments)
        command.environment = .inherited(adding: [
            "DATABASE_URL": self.queue.platform.configuration.url, "REDIS_URL": self.queue.servers.redisURL,
            "CHOREWHEEL_NAMESPACE": self.queue.index.namespace, "CHOREWHEEL_MIGRATIONS": MigrationsInSource.directory,
            "CHOREWHEEL_SECRET_KEYS": "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ])
        command.output = .file(self.path(log))
        command.grace = .seconds(30)
        return try ChildProcess.spawn(command, leash: self.leash)
    }

    /// `chorewheel enqueue`, as a person calls it. - Returns: How it ended, and its last line.
    func enqueue(_ durability: Durability) async throws -> (exit: Int32?, words: String) {
        let log = "enqueue-\(JobID.mint())"
        let kind = durability == .fast ? "diagnostic.fast_noop" : "diagnostic.effect"
        // Random letters: a text that PostgreSQL could compress takes less room.
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        let note = String((0..<6000).map { _ in letters.randomElement() ?? "a" })
        let payload = durability == .fast ? "{}" : #"{"note": "\#(note)"}"#
        let status = try await self.spawn(["enqueue", kind, "--payload", payload], log: log).wait()
        let code: Int32? = if case .exited(let code) = status { code } else { nil }
        return (code, FileSystem.lastLines(1, of: self.path(log)))
    }
}
