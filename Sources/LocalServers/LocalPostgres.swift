// A private PostgreSQL in a directory of its own: fsync on, passwords everywhere, loopback and a Unix socket. Not a way
// to run PostgreSQL in production.
//
// In the directory: `password` (of the superuser, 0600), `port`, `log`, `server.lock`, and `cluster/`, which belongs to
// the user that the server runs as and holds `data/` and the socket. The making of it is in `PostgresCluster`.

public import Logging
public import Processes
import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A private PostgreSQL server.
public final class LocalPostgres: Sendable {
    public struct Configuration: Sendable {
        public var maxConnections = 200
        /// As PostgreSQL writes sizes.
        public var sharedBuffers = "128MB"
        /// Off, a power cut may ruin all of the data: for measurements that want the difference, and nothing else.
        public var fsync = true
        /// Whether a new cluster is flushed to disk before it is used. Off saves a second where it is thrown away
        /// anyway.
        public var syncsNewCluster = true
        /// How long it may take to recover its data and accept connections.
        public var readyWithin = Duration.seconds(60)
        /// `interrupt` ends sessions and writes a checkpoint; `quit` just ends, and the next start recovers.
        public var stopSignal = StopSignal.interrupt
        /// How long it may take to stop before it is killed.
        public var stopGrace = Duration.seconds(30)
        /// Further settings, which win over ours.
        public var settings: [String: String] = [:]

        public init() {}
    }

    /// The superuser's name.
    public static let superuser = "chorewheel"

    /// Absolute.
    public let directory: String
    public let configuration: Configuration
    public let password: String
    private let leash: String
    private let process: ServerProcess
    private let last = Mutex<(port: UInt16, socketDirectory: String)?>(nil)

    /// Prepares a server without starting it.
    ///
    /// - Parameters:
    ///   - directory: made if missing; the data of an earlier run in it is used again.
    ///   - leash: path of the `chorewheel` executable.
    /// - Throws: `.missingProgram`, `.fileSystem`.
    public init(
        directory: String, configuration: Configuration = .init(), leash: String, logger: Logger = .silent
    ) throws(ProcessError) {
        _ = try ServerPrograms.postgres()
        // Root's servers run as somebody else, who must get through here but not look around.
        try FileSystem.makeDirectory(directory, mode: geteuid() == 0 ? 0o711 : 0o700)
        guard let resolved = FileSystem.resolved(directory) else {
            throw ProcessError(.fileSystem, "cannot find \(directory)", errorNumber: errno)
        }
        self.directory = resolved
        self.configuration = configuration
        self.password = try Secret.loadOrMake(file: "\(resolved)/password")
        self.leash = leash
        self.process = ServerProcess(name: "postgres", leash: leash, logger: logger)
    }

    /// Prepares and starts a server; returns when it accepts connections.
    ///
    /// - Throws: what `init` and `start()` throw.
    public static func start(
        directory: String, configuration: Configuration = .init(), leash: String, logger: Logger = .silent
    ) async throws -> LocalPostgres {
        let server = try LocalPostgres(
            directory: directory, configuration: configuration, leash: leash, logger: logger)
        try await server.start()
        return server
    }

    /// Starts it (again) on the data it had, made now if there is none, and on the port it had if that is still free.
    /// After an unclean end PostgreSQL recovers first.
    ///
    /// - Throws: `.wrongState` if it runs; `.locked`, with its process id, if a server that we did not start here still
    ///   uses the data; `.missingProgram` if the data needs another version; `.startFailed` with the end of its log;
    ///   `CancellationError`. Afterwards nothing runs.
    public func start() async throws {
        try await self.process.start(
            portFile: "\(self.directory)/port", lock: "\(self.directory)/server.lock"
        ) { port in
            let cluster = try await PostgresCluster.open(
                directory: self.directory, password: self.password, leash: self.leash,
                syncs: self.configuration.syncsNewCluster)
            self.last.withLock { $0 = (port, cluster.socketDirectory) }
            var child = ChildProcess.Configuration(
                cluster.programs.postgres, ["-D", cluster.data] + self.settings(port: port, cluster: cluster))
            child.environment = PostgresCluster.environment
            child.output = .file(self.log)
            child.workingDirectory = "/"
            child.user = cluster.user?.name
            child.lock = "\(self.directory)/server.lock"
            child.stopSignal = self.configuration.stopSignal
            child.grace = self.configuration.stopGrace
            return ServerProcess.Launch(
                child: child, log: self.log,
                isReady: { cluster.isReady(processID: $0) && LoopbackPort.answers(port) },
                readyWithin: self.configuration.readyWithin)
        }
    }

    /// Where it is, or was: `postgres://chorewheel:password@127.0.0.1:port/postgres`. Nil before the first start.
    public var url: String? { self.url(database: "postgres") }

    /// The same for another database, whose name must need no percent-encoding.
    public func url(database: String) -> String? {
        self.last.withLock { $0 }.map {
            "postgres://\(Self.superuser):\(self.password)@127.0.0.1:\($0.port)/\(database)"
        }
    }

    /// The directory of its Unix socket. Nil before the first start.
    public var socketDirectory: String? { self.last.withLock { $0?.socketDirectory } }

    public var log: String { "\(self.directory)/log" }

    public var isRunning: Bool { self.process.running != nil }

    /// Stops it by `stopSignal`. Does nothing when it is not running.
    public func stop() async {
        await self.process.stop(signal: self.configuration.stopSignal, grace: self.configuration.stopGrace)
    }

    public func restart() async throws {
        await self.stop()
        try await self.start()
    }

    /// Ends the server and all of its backends by SIGKILL. What was committed stays; `start()` recovers it.
    public func kill9() async { await self.process.kill() }

    /// Suspends the server and all of its backends (SIGSTOP): connections stay open and nothing answers.
    ///
    /// - Throws: `.wrongState` when it is not running.
    public func pause() throws(ProcessError) { try self.process.suspend(true) }

    /// Ends `pause`.
    public func resume() throws(ProcessError) { try self.process.suspend(false) }

    /// Returns when it ends by itself or is stopped; nil if it is not running.
    public func waitForExit() async -> ExitStatus? { await self.process.running?.child.wait() }

    /// The postmaster's process id.
    public func processID() async throws(ProcessError) -> Int32 {
        guard let running = self.process.running else {
            throw ProcessError(.wrongState, "postgres is not running")
        }
        return try await running.child.processID()
    }

    private func settings(port: UInt16, cluster: PostgresCluster) -> [String] {
        var settings = [
            "listen_addresses": "127.0.0.1", "port": "\(port)", "unix_socket_directories": cluster.socketDirectory,
            "max_connections": "\(self.configuration.maxConnections)",
            "shared_buffers": self.configuration.sharedBuffers, "fsync": self.configuration.fsync ? "on" : "off",
            "password_encryption": "scram-sha-256", "logging_collector": "off", "log_timezone": "UTC",
            "timezone": "UTC", "log_line_prefix": "%m [%p] %q%u@%d ",
        ]
        settings.merge(self.configuration.settings) { $1 }
        return settings.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
    }
}
