// A child process on a leash (Leash.swift), seen from the parent.
//
// Invariants:
// 1. The child ends, at the latest, when this process does, however that happens.
// 2. It ends too when the last reference to its ChildProcess goes away.
// 3. Waiting takes a thread of its own per child, never one of the cooperative pool.
// 4. It leads its own process group: a terminal's Ctrl-C reaches this process alone.

import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A running, or ended, child process.
public final class ChildProcess: Sendable {
    /// Where the child's standard output and standard error go.
    public enum Output: Sendable, Hashable {
        /// Where ours go.
        case inherited
        /// To the end of this file, made with permissions 0600.
        case file(String)
        case discarded
    }

    public enum Environment: Sendable, Hashable {
        /// Ours, with these on top.
        case inherited(adding: [String: String])
        case exactly([String: String])
    }

    /// What to run, and how.
    public struct Configuration: Sendable {
        /// A path, or a name to be looked up in `PATH`.
        public var executable: String
        public var arguments: [String]
        public var environment = Environment.inherited(adding: [:])
        /// Nil: ours.
        public var workingDirectory: String?
        public var output = Output.inherited
        /// Runs as this user; only root may ask for it.
        public var user: String?
        /// How it is asked to end, and how long it may then take before it is killed.
        public var stopSignal = StopSignal.terminate
        public var grace = Duration.seconds(10)
        /// How long it may take when this process is gone, whose work it did; nil: the grace.
        public var orphanGrace: Duration?
        /// After how much of that it gets SIGINT, too, which tells it to hurry; nil: never.
        public var orphanHurry: Duration?
        /// A file that stays locked as long as the child, or anything it started, runs.
        public var lock: String?
        /// Locks of other children that must be free before `removeDirectories` are deleted.
        public var awaitLocks: [String] = []
        /// Temporary directories (see `DirectoryRemoval` for what may be named) deleted when the child has ended.
        public var removeDirectories: [String] = []

        public init(_ executable: String, _ arguments: [String] = []) {
            self.executable = executable
            self.arguments = arguments
        }
    }

    /// The process id of the leash. `processID()` is the command's.
    public let leashID: Int32
    private let state: ChildState

    private init(leashID: Int32, state: ChildState) {
        self.leashID = leashID
        self.state = state
    }

    deinit { self.state.letGo() }

    /// Starts a child.
    ///
    /// - Parameter leash: path of the `chorewheel` executable; `Executable.current()` inside of it.
    /// - Throws: `.spawnFailed`, `.fileSystem`. A command that cannot be run shows in `processID()` and `wait()`, as it
    /// is
    ///   the leash that finds out.
    public static func spawn(
        _ configuration: Configuration, leash: String
    ) throws(ProcessError) -> ChildProcess {
        var words = LeashArguments(command: [configuration.executable] + configuration.arguments)
        words.control = true
        words.user = configuration.user
        words.directory = configuration.workingDirectory
        words.lock = configuration.lock
        words.stopSignal = configuration.stopSignal
        words.grace = configuration.grace
        words.orphanGrace = configuration.orphanGrace
        words.orphanHurry = configuration.orphanHurry
        words.awaitLocks = configuration.awaitLocks
        words.removeDirectories = configuration.removeDirectories

        let (ours, theirs) = try Spawn.socketPair()
        defer { close(theirs) }
        do throws(ProcessError) {
            let output = try self.open(configuration.output)
            defer { if output > 2 { close(output) } }
            let pid = try Spawn.start(
                leash, [Leash.commandName] + words.words,
                environment: self.variables(configuration.environment), input: theirs,
                output: output > 2 ? (output, output) : (1, 2))
            let state = ChildState(socket: ours)
            try DetachedThread.start { state.watch(leash: pid) }
            return ChildProcess(leashID: pid, state: state)
        } catch {
            // Closing our end also ends a leash whose watching thread could not be started.
            close(ours)
            throw error
        }
    }

    /// The command's own process id, as soon as it runs.
    ///
    /// - Throws: `.spawnFailed` if it never ran. Cancellation does not end the wait; the leash answers at once.
    public func processID() async throws(ProcessError) -> Int32 { try await self.state.started() }

    /// How the command ended; nil while it runs.
    public var exitStatus: ExitStatus? { self.state.exitStatus }

    /// Returns when the command, and whatever was left of its process group, has ended. Any number of callers may wait.
    /// Cancelling the caller does not end the wait: stop the child.
    public func wait() async -> ExitStatus { await self.state.ended() }

    /// Sends a signal to the command. SIGKILL, SIGSTOP and SIGCONT reach everything that descends from it too.
    /// Does nothing once it has ended.
    public func kill(_ signal: Int32) { self.state.send(.signal(signal)) }

    /// Asks the command to end, kills it after `grace`, and returns when it is gone.
    @discardableResult
    public func stop(signal: StopSignal = .terminate, grace: Duration = .seconds(10)) async -> ExitStatus {
        self.requestStop(signal: signal, grace: grace)
        return await self.wait()
    }

    /// `stop` without waiting.
    public func requestStop(signal: StopSignal = .terminate, grace: Duration = .seconds(10)) {
        self.state.send(.stop(signal: signal.number, graceMilliseconds: max(0, grace.inMilliseconds)))
    }

    /// Runs a command to its end. Stopped when the task is cancelled, and after `limit`.
    package static func run(_ configuration: Configuration, leash: String, limit: Duration) async throws -> ExitStatus {
        let child = try self.spawn(configuration, leash: leash)
        return try await withTaskCancellationHandler {
            let status = await withTaskGroup(of: ExitStatus?.self) { group in
                group.addTask { await child.wait() }
                group.addTask {
                    // Cancelled as soon as the command has ended, hence the nil.
                    guard (try? await ContinuousClock().sleep(for: limit)) != nil else { return nil }
                    return await child.stop(grace: .seconds(1))
                }
                let first = await group.next() ?? nil
                group.cancelAll()
                return first
            }
            try Task.checkCancellation()
            if let status { return status }
            return await child.wait()
        } onCancel: {
            child.requestStop(grace: .seconds(1))
        }
    }

    private static func open(_ output: Output) throws(ProcessError) -> Int32 {
        let path: String
        switch output {
        case .inherited: return 1
        case .discarded: path = "/dev/null"
        case .file(let name): path = name
        }
        let descriptor = openForAppending(path)
        guard descriptor >= 0 else {
            throw ProcessError(.fileSystem, "cannot write \(path)", errorNumber: errno)
        }
        if descriptor > 2 { return descriptor }
        defer { close(descriptor) }
        let high = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard high > 2 else {
            throw ProcessError(.fileSystem, "cannot write \(path)", errorNumber: errno)
        }
        return high
    }

    private static func variables(_ environment: Environment) -> [String]? {
        switch environment {
        case .inherited(let added) where added.isEmpty: nil
        case .inherited(let added):
            CurrentEnvironment.variables().merging(added) { $1 }.map { "\($0.key)=\($0.value)" }
        case .exactly(let all): all.map { "\($0.key)=\($0.value)" }
        }
    }
}

private func openForAppending(_ path: String) -> Int32 {
    open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
}
