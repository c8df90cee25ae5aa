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
    /// How many pairs, besides the shared one, there are at once: a pair is some twelve processes.
    public static let privateAtOnce = 2

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
    /// Whether it is the pair that all tests share.
    let isShared: Bool
    private let template = Mutex<Task<String, any Error>?>(nil)

    /// The one shared by all tests of this process, started by whoever asks first.
    ///
    /// - Throws: what `start` throws, to every caller.
    public static func shared() async throws -> TestServers {
        let task = self.sharedTask.withLock { task in
            if let task { return task }
            // Owned by this process and never cancelled: the first test's end must not end it for the others.
            let new = Task.detached { try await self.start(isShared: true, postgres: .forTests, redis: .init()) }
            task = new
            return new
        }
        return try await task.value
    }

    private static let sharedTask = Mutex<Task<TestServers, any Error>?>(nil)

    private static let places = AsyncSemaphore(places: privateAtOnce)

    /// Starts a pair of its own, for a test that stops or kills servers. Ends by `stop()`, or when it is let go. Waits
    /// while there are `privateAtOnce`: a time limit on the test has to allow for that.
    ///
    /// - Precondition: The test has no other private pair, and no database of the shared one yet: tests that wait for
    ///   each other's places would wait for ever.
    /// - Throws: `ProcessError` when a server, or the built executable, is missing or does not start;
    ///   `CancellationError`.
    public static func start(
        postgres configuration: LocalPostgres.Configuration = .forTests, redis: LocalRedis.Configuration = .init()
    ) async throws -> TestServers {
        precondition(!TestDatabase.isBorrowed, "start private servers before borrowing a shared database")
        try await self.places.acquire()
        do {
            return try await self.start(isShared: false, postgres: configuration, redis: redis)
        } catch {
            self.places.release()
            throw error
        }
    }

    private static func start(
        isShared: Bool, postgres configuration: LocalPostgres.Configuration, redis: LocalRedis.Configuration
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
            directory: directory, keeper: keeper, isShared: isShared)
    }

    private init(
        postgres: LocalPostgres, redis: LocalRedis, databaseURL: String, redisURL: String, executable: String,
        directory: String, keeper: ChildProcess, isShared: Bool
    ) {
        self.postgres = postgres
        self.redis = redis
        self.databaseURL = databaseURL
        self.redisURL = redisURL
        self.executable = executable
        self.directory = directory
        self.keeper = keeper
        self.isShared = isShared
    }

    /// Its place is free when it is let go, not when it is stopped: until then it can be started again.
    deinit { if !self.isShared { Self.places.release() } }

    /// Stops both and returns when they and their directory are gone.
    public func stop() async {
        await self.postgres.stop()
        await self.redis.stop()
        await self.keeper.stop(grace: .seconds(1))
    }

    /// The superuser's URL of another database.
    func url(database name: String) -> String {
        let encoded = name.utf8.map { byte in
            let character = Character(UnicodeScalar(byte))
            let isPlain = character.isASCII && (character.isLetter || character.isNumber || "-_".contains(character))
            return isPlain ? String(character) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        // All but the last part of a URL.
        return self.databaseURL.reversed().drop { $0 != "/" }.reversed() + encoded.joined()
    }

    /// The name of the database that those with the platform's schema are cloned from; made when it is first asked for.
    func platformTemplate() async throws -> String {
        let task = self.template.withLock { task in
            if let task { return task }
            // Owned by this pair and never cancelled: the first test's end must not end it for the others.
            let new = Task.detached { try await TestDatabase.makeTemplate(on: self) }
            task = new
            return new
        }
        return try await task.value
    }

    /// Runs a program to its end.
    ///
    /// - Parameter variables: besides ours.
    /// - Throws: `.startFailed`, with what it said, when it fails; `CancellationError`.
    func run(_ program: String, _ arguments: [String], adding variables: [String: String] = [:]) async throws {
        let log = "\(self.directory)/run-\(String(UInt64.random(in: .min ... .max), radix: 36)).log"
        var command = ChildProcess.Configuration(program, arguments)
        command.environment = .inherited(adding: variables)
        command.output = .file(log)
        let status = try await ChildProcess.run(command, leash: self.executable, limit: .seconds(120))
        let said = FileSystem.lastLines(20, of: log)
        unlink(log)
        guard status.isSuccess else {
            throw ProcessError(.startFailed, "\(program) has failed (\(status)): \(said)")
        }
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
