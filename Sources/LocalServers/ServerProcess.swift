// What the two private servers have in common: one process at a time, ready or not, stopped, killed, suspended. Which
// program, with which settings, and what "ready" means is LocalPostgres' and LocalRedis' business.

import Logging
internal import Processes
import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

final class ServerProcess: Sendable {
    private enum Lifecycle {
        /// Next: `starting`.
        case stopped
        /// Next: `running`, or `stopped` when it fails.
        case starting
        /// Next: `stopped`, by us or by itself.
        case running(ChildProcess, port: UInt16)
    }

    /// How often a port may be snatched from us before we give up.
    private static let portAttempts = 3

    /// What it takes to start a server once its port is known.
    struct Launch: Sendable {
        var child: ChildProcess.Configuration
        var log: String
        /// Asked again and again: whether the server of this process id answers.
        var isReady: @Sendable (_ processID: Int32) async throws -> Bool
        var readyWithin: Duration
    }

    let name: String
    private let leash: String
    private let logger: Logger
    private let lifecycle = Mutex(Lifecycle.stopped)

    init(name: String, leash: String, logger: Logger) {
        self.name = name
        self.leash = leash
        self.logger = logger
    }

    /// The running child and its port; nil when it is not running, also when it ended by itself.
    var running: (child: ChildProcess, port: UInt16)? {
        self.lifecycle.withLock { lifecycle in
            guard case .running(let child, let port) = lifecycle, child.exitStatus == nil else { return nil }
            return (child, port)
        }
    }

    /// Starts the server and returns when it is ready. On any failure, cancellation included, nothing is left running.
    func start(portFile: String, lock: String, _ prepare: (UInt16) async throws -> Launch) async throws {
        try self.lifecycle.withLock { lifecycle throws(ProcessError) in
            switch lifecycle {
            case .stopped: break
            case .running(let child, _) where child.exitStatus != nil: break
            case .starting, .running: throw ProcessError(.wrongState, "\(self.name) is running already")
            }
            lifecycle = .starting
        }
        do {
            // First, or a predecessor on its way out would cost us our port.
            try await DirectoryLock.waitUntilFree(lock, within: .seconds(40))
            for attempt in 1... {
                let port = try LoopbackPort.choose(rememberedIn: portFile)
                do {
                    let child = try await self.launch(try await prepare(port))
                    self.lifecycle.withLock { $0 = .running(child, port: port) }
                    self.logger.info("server is ready", metadata: ["server": "\(self.name)", "port": "\(port)"])
                    return
                } catch let error as ProcessError
                    where error.code == .startFailed && attempt < Self.portAttempts && !LoopbackPort.isFree(port)
                {
                    self.logger.notice(
                        "the port was taken, trying another", metadata: ["server": "\(self.name)", "port": "\(port)"])
                }
            }
        } catch {
            self.lifecycle.withLock { $0 = .stopped }
            throw error
        }
    }

    private func launch(_ launch: Launch) async throws -> ChildProcess {
        self.rotate(launch.log)
        let child = try ChildProcess.spawn(launch.child, leash: self.leash)
        do {
            let processID = try await child.processID()
            let clock = ContinuousClock()
            let deadline = clock.now + launch.readyWithin
            while try await !launch.isReady(processID) {
                if let status = child.exitStatus { throw self.failure("\(self.name) \(status)", launch.log) }
                guard clock.now < deadline else {
                    throw self.failure("\(self.name) was not ready within \(launch.readyWithin)", launch.log)
                }
                try await clock.sleep(for: .milliseconds(20))
            }
            return child
        } catch {
            await child.stop(signal: launch.child.stopSignal, grace: .seconds(5))
            throw error
        }
    }

    /// Stops the server politely and returns when it is gone. Does nothing when it is not running.
    func stop(signal: StopSignal, grace: Duration) async {
        guard let child = self.takeRunning() else { return }
        await child.stop(signal: signal, grace: grace)
    }

    /// Ends the server and all its helpers by SIGKILL, as a power cut would, and returns when they are gone.
    func kill() async {
        guard let child = self.takeRunning() else { return }
        child.kill(SIGKILL)
        _ = await child.wait()
    }

    /// SIGSTOP, or SIGCONT, to the server and all its helpers.
    func suspend(_ suspended: Bool) throws(ProcessError) {
        guard let running else { throw ProcessError(.wrongState, "\(self.name) is not running") }
        running.child.kill(suspended ? SIGSTOP : SIGCONT)
    }

    private func takeRunning() -> ChildProcess? {
        self.lifecycle.withLock { lifecycle in
            guard case .running(let child, _) = lifecycle else { return nil }
            lifecycle = .stopped
            return child
        }
    }

    /// Keeps one old log of at most this size, so that a server that runs for weeks does not fill the disk.
    private func rotate(_ log: String) {
        let bytesMax: off_t = 10 << 20
        var info = stat()
        guard stat(log, &info) == 0, info.st_size > bytesMax else { return }
        if rename(log, "\(log).old") != 0 {
            self.logger.warning("cannot set the old log aside", metadata: ["log": "\(log)", "errno": "\(errno)"])
        }
    }

    private func failure(_ what: String, _ log: String) -> ProcessError {
        ProcessError(.startFailed, "\(what). The end of \(log):\n\(FileSystem.lastLines(15, of: log))")
    }
}
