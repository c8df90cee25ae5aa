// A private Redis in a directory of its own: append-only file, fsync every second, no eviction, a password, loopback.
// Not a way to run Redis in production.
//
// In the directory: `redis.conf` (holds the password, 0600, written anew at each start), `password`, `port`, `log`,
// `server.lock`, and `data/`.

public import Logging
public import Processes
import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A private Redis server.
public final class LocalRedis: Sendable {
    public struct Configuration: Sendable {
        /// How long it may take to load its data and answer.
        public var readyWithin = Duration.seconds(60)
        /// How long it may take to stop before it is killed.
        public var stopGrace = Duration.seconds(10)
        /// Further lines for redis.conf, which win over ours: `["maxmemory-policy": "allkeys-lru"]`.
        public var settings: [String: String] = [:]
        /// Further variables of its environment.
        public var environment: [String: String] = [:]

        public init() {}
    }

    /// Absolute.
    public let directory: String
    public let configuration: Configuration
    public let password: String
    private let program: String
    private let process: ServerProcess
    private let lastPort = Mutex<UInt16?>(nil)

    /// Prepares a server without starting it.
    ///
    /// - Parameters:
    ///   - directory: made if missing; the data of an earlier run in it is used again.
    ///   - leash: path of the `chorewheel` executable.
    /// - Throws: `.missingProgram`, `.fileSystem`.
    public init(
        directory: String, configuration: Configuration = .init(), leash: String, logger: Logger = .silent
    ) throws(ProcessError) {
        self.program = try ServerPrograms.redis()
        try FileSystem.makeDirectory(directory, mode: 0o700)
        guard let resolved = FileSystem.resolved(directory) else {
            throw ProcessError(.fileSystem, "cannot find \(directory)", errorNumber: errno)
        }
        self.directory = resolved
        self.configuration = configuration
        self.password = try Secret.loadOrMake(file: "\(resolved)/password")
        self.process = ServerProcess(name: "redis-server", leash: leash, logger: logger)
    }

    /// Prepares and starts a server; returns when it answers.
    ///
    /// - Throws: what `init` and `start()` throw.
    public static func start(
        directory: String, configuration: Configuration = .init(), leash: String, logger: Logger = .silent
    ) async throws -> LocalRedis {
        let server = try LocalRedis(
            directory: directory, configuration: configuration, leash: leash, logger: logger)
        try await server.start()
        return server
    }

    /// Starts it (again) on the data it had, and on the port it had if that is still free.
    ///
    /// - Throws: `.wrongState` if it runs; `.locked` if a server that we did not start here still uses the data;
    ///   `.startFailed` with the end of its log; `CancellationError`. Afterwards nothing runs.
    public func start() async throws {
        let data = "\(self.directory)/data"
        try FileSystem.makeDirectory(data, mode: 0o700)
        try await self.process.start(
            portFile: "\(self.directory)/port", lock: "\(self.directory)/server.lock"
        ) { port in
            let file = "\(self.directory)/redis.conf"
            try FileSystem.write(self.text(port: port, data: data), to: file, mode: 0o600)
            var child = ChildProcess.Configuration(self.program, [file])
            child.environment = .inherited(adding: self.configuration.environment)
            child.output = .file(self.log)
            child.workingDirectory = self.directory
            child.lock = "\(self.directory)/server.lock"
            child.grace = self.configuration.stopGrace
            self.lastPort.withLock { $0 = port }
            let hello = "AUTH \(self.password)\r\nPING\r\n"
            return ServerProcess.Launch(
                child: child, log: self.log,
                isReady: { _ in
                    try await DetachedThread.run {
                        let answer = LoopbackPort.exchange(hello, port: port) { $0.split(separator: "\r\n").count >= 2 }
                        return answer == "+OK\r\n+PONG\r\n"
                    }
                },
                readyWithin: self.configuration.readyWithin)
        }
    }

    /// Where it is, or was: `redis://default:password@127.0.0.1:port/0`. Nil before the first start. The user is named
    /// because redis-cli, unlike most clients, takes an empty one literally.
    public var url: String? {
        self.lastPort.withLock { $0 }.map { "redis://default:\(self.password)@127.0.0.1:\($0)/0" }
    }

    public var log: String { "\(self.directory)/log" }

    public var isRunning: Bool { self.process.running != nil }

    /// Stops it, with its data safe on disk. Does nothing when it is not running.
    public func stop() async {
        await self.process.stop(signal: .terminate, grace: self.configuration.stopGrace)
    }

    public func restart() async throws {
        await self.stop()
        try await self.start()
    }

    /// Ends it by SIGKILL; up to a second of what it acknowledged may be missing afterwards (appendfsync everysec) if
    /// the machine goes down too, nothing if it does not. Returns when it is gone; `start()` brings it back.
    public func kill9() async { await self.process.kill() }

    /// Suspends it (SIGSTOP): connections stay open and nothing answers.
    ///
    /// - Throws: `.wrongState` when it is not running.
    public func pause() throws(ProcessError) { try self.process.suspend(true) }

    /// Ends `pause`.
    public func resume() throws(ProcessError) { try self.process.suspend(false) }

    /// Returns when it ends by itself or is stopped; nil if it is not running.
    public func waitForExit() async -> ExitStatus? { await self.process.running?.child.wait() }

    /// The server's process id.
    public func processID() async throws(ProcessError) -> Int32 {
        guard let running = self.process.running else {
            throw ProcessError(.wrongState, "redis-server is not running")
        }
        return try await running.child.processID()
    }

    private func text(port: UInt16, data: String) -> String {
        var settings = [
            "bind": "127.0.0.1", "port": "\(port)", "protected-mode": "yes", "requirepass": self.password,
            "daemonize": "no", "supervised": "no", "pidfile": quoted(""), "logfile": quoted(""), "dir": quoted(data),
            "appendonly": "yes", "appendfsync": "everysec", "save": quoted(""), "maxmemory-policy": "noeviction",
        ]
        settings.merge(self.configuration.settings) { $1 }
        let lines = settings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }
        return "# Written by chorewheel at each start; edits are lost.\n" + lines.joined()
    }

    /// As redis.conf wants a word that may be empty or hold blanks.
    private func quoted(_ word: String) -> String {
        var text = "\""
        for character in word {
            if character == "\"" || character == "\\" { text.append("\\") }
            text.append(character)
        }
        return text + "\""
    }
}

extension Logger {
    /// Says nothing: for callers who do not want to hear of servers coming and going.
    public static var silent: Logger { Logger(label: "chorewheel.local-servers") { _ in SwiftLogNoOpLogHandler() } }
}
