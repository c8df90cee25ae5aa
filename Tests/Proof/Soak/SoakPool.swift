// `chorewheel work` processes of a soak: one supervisor, or one worker without, started again whenever it ends. That it
// ends by itself is a violation.

import Glibc
import JobModel
import Processes
import Synchronization

/// One `chorewheel work`, again and again.
final class SoakPool: Sendable {
    private struct State {
        var child: ChildProcess?
        /// The harness ends it: its end is no violation.
        var isEnding = false
        var isClosed = false
        var starts = 0
    }

    let name: String
    /// nil: a worker without a supervisor.
    let processes: Int?
    /// The lease of its sessions.
    static let lease: Duration = .seconds(5)
    static let killersQueue: QueueName = "soak-killers"
    private static let queues: [QueueName] = ["default", "diagnostics", "provisioning", "stats", "webhooks"]

    private let stack: SoakStack
    private let record: SoakRecord
    private let databaseURL: String?
    private let redisURL: String?
    private let state = Mutex(State())

    /// - Parameters: Other ways to the servers; nil: straight.
    init(
        name: String, processes: Int?, stack: SoakStack, record: SoakRecord, databaseURL: String? = nil,
        redisURL: String? = nil
    ) {
        self.name = name
        self.processes = processes
        self.stack = stack
        self.record = record
        self.databaseURL = databaseURL
        self.redisURL = redisURL
    }

    /// How often it was started.
    var starts: Int { self.state.withLock { $0.starts } }

    var log: String { "\(self.stack.directory)/workers-\(self.name).log" }

    /// Keeps it running until it is closed.
    func run() async throws {
        while !self.state.withLock({ $0.isClosed }) {
            let child = try self.spawn()
            let isLate = self.state.withLock { state in
                state.child = child
                state.isEnding = false
                state.starts += 1
                return state.isClosed
            }
            if isLate { child.requestStop(grace: .seconds(1)) }
            let status = await child.wait()
            let wasEnding = self.state.withLock { state in
                state.child = nil
                return state.isEnding || state.isClosed
            }
            if !wasEnding {
                self.record.violation("pool \(self.name) ended by itself: it \(status)")
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func spawn() throws -> ChildProcess {
        // A worker without a supervisor is spared the jobs that kill.
        let queues = Self.queues + (self.processes == nil ? [] : [Self.killersQueue])
        var command = ChildProcess.Configuration(
            self.stack.executable,
            [
                "work", "--diagnostics", "--concurrency", "16", "--connections", "12", "--grace", "3",
                "--lease", "\(Self.lease.components.seconds)", "--queues",
                queues.map(\.rawValue).joined(separator: ","),
            ] + (self.processes.map { ["--processes", "\($0)"] } ?? []))
        command.environment = self.stack.environment(databaseURL: self.databaseURL, redisURL: self.redisURL)
        command.output = .file(self.log)
        command.grace = .seconds(40)
        command.orphanGrace = .milliseconds(500)
        return try ChildProcess.spawn(command, leash: try Executable.current())
    }

    /// The supervisor, or the worker without one.
    func processID() async -> Int32? {
        guard let child = self.state.withLock({ $0.child }) else { return nil }
        return try? await child.processID()
    }

    /// The processes that work.
    func workers() async -> [Int32] {
        guard let top = await self.processID() else { return [] }
        guard self.processes != nil else { return [top] }
        return ProcessTree.descendants(of: top).filter { pid in
            let words = FileSystem.text(ofFileThatMayVanish: "/proc/\(pid)/cmdline")?.split(separator: "\0") ?? []
            return words.count > 1 && words[1] == "work"
        }
    }

    /// Ends the top process alone by SIGKILL.
    ///
    /// - Returns: Its id; nil when there is none.
    func killTop() async -> Int32? {
        guard let top = await self.processID() else { return nil }
        self.state.withLock { $0.isEnding = true }
        kill(top, SIGKILL)
        return top
    }

    /// Ends everything of it at once by SIGKILL, as a machine that vanishes.
    func killAll() async -> [Int32] {
        guard let child = self.state.withLock({ $0.child }) else { return [] }
        let workers = await self.workers()
        self.state.withLock { $0.isEnding = true }
        child.kill(SIGKILL)
        return workers
    }

    /// A signal to the top process alone.
    func signal(_ signal: Int32) { self.state.withLock { $0.child }?.kill(signal) }

    /// Ends it in order, as a deployment does.
    ///
    /// - Returns: How it ended; nil when it was not running.
    func restart() async -> ExitStatus? {
        guard let child = self.state.withLock({ $0.child }) else { return nil }
        self.state.withLock { $0.isEnding = true }
        return await child.stop(grace: .seconds(60))
    }

    /// Notes that the harness kills the worker without a supervisor.
    func expectEnd() { self.state.withLock { $0.isEnding = true } }

    /// Ends it for good.
    func close() async -> ExitStatus? {
        let child = self.state.withLock { state in
            state.isClosed = true
            return state.child
        }
        return await child?.stop(grace: .seconds(60))
    }
}
