// The private servers that one workload is run on. They, and their directory, are gone when this process is.

internal import LocalServers
internal import Postgres
internal import Processes
internal import Redis

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// A Redis with `appendonly yes` and `appendfsync everysec`, and a PostgreSQL with fsync on.
struct BenchServers {
    let postgres: LocalPostgres
    let redis: LocalRedis
    let databaseURL: String
    let redisURL: String
    /// A temporary directory; the servers' and the programs' logs.
    let directory: String
    /// Does nothing; its leash removes the directory after the servers have ended.
    private let keeper: ChildProcess

    /// In words, for the report.
    static let settings = """
        Redis: appendonly yes, appendfsync everysec, no eviction. PostgreSQL: fsync on, synchronous_commit on, \
        max_connections \(connectionsMax), shared_buffers \(sharedBuffers), else its defaults; 400 MB of log written \
        before the first program. Both on loopback TCP.
        """
    private static let connectionsMax = 500
    private static let sharedBuffers = "512MB"

    /// - Throws: `ProcessError` when a server is missing or does not start.
    static func start(leash: String) async throws -> BenchServers {
        let directory = try self.makeDirectory()
        var nothing = ChildProcess.Configuration("sleep", ["2147483647"])
        nothing.workingDirectory = "/"
        nothing.grace = .seconds(1)
        nothing.awaitLocks = ["\(directory)/postgres/server.lock", "\(directory)/redis/server.lock"]
        nothing.removeDirectories = [directory]
        let keeper = try ChildProcess.spawn(nothing, leash: leash)
        _ = try await keeper.processID()
        var configuration = LocalPostgres.Configuration()
        configuration.maxConnections = Self.connectionsMax
        configuration.sharedBuffers = Self.sharedBuffers
        // Nobody needs the data afterwards.
        configuration.stopSignal = .quit
        let postgres = try LocalPostgres(
            directory: "\(directory)/postgres", configuration: configuration, leash: leash)
        let redis = try LocalRedis(directory: "\(directory)/redis", leash: leash)
        try await redis.start()
        try await postgres.start()
        guard let databaseURL = postgres.url, let redisURL = redis.url else {
            throw BenchFailure("the servers have started without addresses")
        }
        try await Self.warm(databaseURL)
        return BenchServers(
            postgres: postgres, redis: redis, databaseURL: databaseURL, redisURL: redisURL, directory: directory,
            keeper: keeper)
    }

    /// Has PostgreSQL write as much of its log as a drain does, so that the first program to be measured does not wait
    /// for files that the others find: on a server just made each 16 MB of log are a file to be filled with zeros.
    private static func warm(_ url: String) async throws {
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url), logger: .silent)
        try await connection.query("CREATE TABLE warmth AS SELECT repeat('x', 900) FROM generate_series(1, 400000)")
        try await connection.query("DROP TABLE warmth")
        try await connection.query("CHECKPOINT")
        await connection.close()
    }

    func stop() async {
        await self.postgres.stop()
        await self.redis.stop()
        await self.keeper.stop(grace: .seconds(1))
    }

    /// Empties Redis: a program that failed may have left keys, and the next one refuses them.
    func emptyRedis() async throws { _ = try await self.ask(RedisCommand("FLUSHALL")) }

    /// Versions, as the servers tell them.
    func versions() async throws -> (postgres: String, redis: String) {
        let connection = try await PostgresConnection.connect(
            PostgresConfiguration(url: self.databaseURL), logger: .silent)
        let postgres = try await connection.query("SHOW server_version").first?.string(at: 0) ?? "unknown"
        await connection.close()
        let info = try await self.ask(RedisCommand("INFO", "server")).string ?? ""
        return (postgres, RedisInfo(info).text("redis_version") ?? "unknown")
    }

    private func ask(_ command: RedisCommand) async throws -> RedisValue {
        let client = RedisClient(configuration: try RedisConfiguration(url: self.redisURL), logger: .silent)
        do {
            let reply = try await client.send(command)
            await client.close()
            return reply
        } catch {
            await client.close()
            throw error
        }
    }

    /// Directly in /tmp: short enough for Unix sockets, and PostgreSQL's user can pass through.
    private static func makeDirectory() throws -> String {
        var template = Array("/tmp/chorewheel-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil, chmod(template, 0o711) == 0 else {
            throw BenchFailure("cannot make a directory in /tmp: errno \(errno)")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
