// Real servers for tests: a PostgreSQL and a Redis of this test process's own. Nothing has to be installed as a
// service, nothing is shared with another process, and nothing is left: when the test process ends, however it ends,
// the leashes stop the servers and the temporary directory is deleted.

public import LocalServers
internal import Processes
import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A pair of private servers.
public final class TestServers: Sendable {
    public let postgres: LocalPostgres
    public let redis: LocalRedis
    /// The superuser's, for the database `postgres`. Tests make databases of their own in it.
    public let databaseURL: String
    public let redisURL: String
    /// Path of the built `chorewheel`.
    public let executable: String
    /// A temporary directory, removed with the servers; `postgres/` and `redis/` in it are theirs.
    public let directory: String
    /// Removes the directory at the end; lives as long as this value.
    private let keeper: ChildProcess

    /// The one shared by all tests of this process, started by whoever asks first.
    ///
    /// - Throws: what `start` throws, to every caller.
    public static func shared() async throws -> TestServers {
        let task = self.sharedTask.withLock { task in
            if let task { return task }
            // Owned by this process and never cancelled: the first test's end must not end it for the others.
            let new = Task.detached { try await self.start() }
            task = new
            return new
        }
        return try await task.value
    }

    private static let sharedTask = Mutex<Task<TestServers, any Error>?>(nil)

    /// Starts a pair of its own, for a test that stops or kills servers. Ends by `stop()`, or when it is let go.
    ///
    /// - Throws: `ProcessError` when a server, or the built executable, is missing or does not start.
    public static func start(
        postgres configuration: LocalPostgres.Configuration = .forTests, redis: LocalRedis.Configuration = .init()
    ) async throws -> TestServers {
        let executable = try BuiltExecutable.path()
        let directory = try self.makeDirectory()
        let keeper = try self.keep(directory, leash: executable)
        do {
            // Before anything is made there that the keeper should remove.
            _ = try await keeper.processID()
        } catch {
            rmdir(directory)
            throw error
        }
        let postgres = try LocalPostgres(
            directory: "\(directory)/postgres", configuration: configuration, leash: executable)
        let redis = try LocalRedis(directory: "\(directory)/redis", configuration: redis, leash: executable)
        async let other: Void = redis.start()
        try await postgres.start()
        try await other
        guard let databaseURL = postgres.url, let redisURL = redis.url else {
            throw ProcessError(.wrongState, "the servers have started without addresses")
        }
        return TestServers(
            postgres: postgres, redis: redis, databaseURL: databaseURL, redisURL: redisURL, executable: executable,
            directory: directory, keeper: keeper)
    }

    private init(
        postgres: LocalPostgres, redis: LocalRedis, databaseURL: String, redisURL: String, executable: String,
        directory: String, keeper: ChildProcess
    ) {
        self.postgres = postgres
        self.redis = redis
        self.databaseURL = databaseURL
        self.redisURL = redisURL
        self.executable = executable
        self.directory = directory
        self.keeper = keeper
    }

    /// Stops both and returns when they and their directory are gone.
    public func stop() async {
        await self.postgres.stop()
        await self.redis.stop()
        await self.keeper.stop(grace: .seconds(1))
    }

    /// A new directory directly below the place for temporary files, short enough for Unix sockets, that the user who
    /// runs PostgreSQL for root can pass through.
    private static func makeDirectory() throws -> String {
        let root = geteuid() == 0 ? "/tmp" : getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let trimmed = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
        var template = Array("\(trimmed)/chorewheel-tests-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil, chmod(template, geteuid() == 0 ? 0o711 : 0o700) == 0 else {
            throw ProcessError(.fileSystem, "cannot make a directory in \(trimmed)", errorNumber: errno)
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A child that does nothing; its leash removes the directory after the servers' have ended.
    private static func keep(_ directory: String, leash: String) throws -> ChildProcess {
        var nothing = ChildProcess.Configuration("sleep", ["2147483647"])
        nothing.output = .inherited
        nothing.workingDirectory = "/"
        nothing.grace = .seconds(1)
        nothing.awaitLocks = ["\(directory)/postgres/server.lock", "\(directory)/redis/server.lock"]
        nothing.removeDirectories = [directory]
        return try ChildProcess.spawn(nothing, leash: leash)
    }
}

extension LocalPostgres.Configuration {
    /// Durable like production's, small, and quick to stop since nobody needs the data afterwards.
    public static var forTests: Self {
        var configuration = Self()
        configuration.maxConnections = 300
        configuration.sharedBuffers = "64MB"
        configuration.syncsNewCluster = false
        configuration.stopSignal = .quit
        return configuration
    }
}
