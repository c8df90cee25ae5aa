// The running half of the leash: starts the command, obeys its holder and its signals, and reaps.
//
// Invariants:
// 1. The command's id is signalled only while it is unreaped, under the lock: a recycled id is never hit.
// 2. Once a stop was asked for, the command's whole group is dead after the grace, at the latest.
// 3. When the command has ended, what is left of its group is killed before the leash exits.

import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

final class LeashSupervisor: Sendable {
    private struct State {
        /// 0 until started and again once reaped.
        var pid: pid_t = 0
    }

    private let plan: LeashArguments
    private let state = Mutex(State())

    init(_ plan: LeashArguments) { self.plan = plan }

    /// Blocks until the command has ended; then exits with its status.
    func run() throws(ProcessError) -> Never {
        // Before the command runs: a mistake here should cost nothing.
        for directory in self.plan.removeDirectories { _ = try DirectoryRemoval.check(directory) }
        let lock = try self.takeLock()
        if let directory = self.plan.directory, chdir(directory) != 0 {
            throw ProcessError(.fileSystem, "cannot enter \(directory)", errorNumber: errno)
        }
        // Blocked before the first thread is made, so that only sigwait gets them.
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] { sigaddset(&signals, signal) }
        // These are never taken: a service manager may send them to all, and a suspended leash holds nothing.
        for signal in [SIGTSTP, SIGTTIN, SIGTTOU] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)

        let pid: pid_t
        do throws(ProcessError) {
            pid = try self.startCommand()
        } catch {
            self.report(.failed(error.description))
            Leash.fail(
                error.description,
                code: error.errorNumber == ENOENT ? Leash.ExitCode.notFound : Leash.ExitCode.cannotExecute)
        }
        self.state.withLock { $0.pid = pid }
        if let lock { DirectoryLock.record(pid, in: lock) }
        self.report(.started(pid))
        try DetachedThread.start { self.obeySignals() }
        try DetachedThread.start { self.obeyHolder() }
        self.finish(self.waitForEnd(of: pid))
    }

    /// Holds the lock by a descriptor that the command inherits: it is free again when all of them are gone.
    private func takeLock() throws(ProcessError) -> Int32? {
        guard let path = self.plan.lock else { return nil }
        let descriptor = open(path, O_RDWR | O_CREAT, 0o644)
        guard descriptor >= 0 else {
            throw ProcessError(.fileSystem, "cannot open \(path)", errorNumber: errno)
        }
        // Briefly more than once: whoever only looks whether the lock is free holds it for an instant.
        var attempts = 20
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            attempts -= 1
            if attempts > 0 {
                self.pause(milliseconds: 50)
                continue
            }
            let message = "\(path) is held by process \(DirectoryLock.holder(of: path))"
            self.report(.failed(message))
            Leash.fail(message, code: Leash.ExitCode.locked)
        }
        return descriptor
    }

    private func startCommand() throws(ProcessError) -> pid_t {
        // The holder's socket is not for the command.
        let empty = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard empty >= 0 else { throw ProcessError(.fileSystem, "cannot open /dev/null", errorNumber: errno) }
        defer { close(empty) }
        var command = self.plan.command
        if let user = self.plan.user {
            command = [try Executable.current()] + Leash.becoming(user, command: command)
        }
        return try Spawn.start(command[0], Array(command.dropFirst()), input: empty, output: (1, 2))
    }

    /// Waits without reaping, so that the id stays ours while the rest of the group is killed.
    private func waitForEnd(of pid: pid_t) -> ExitStatus {
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        // Nobody may be left: of a server that was killed, its helpers; of a script, what it put in the background.
        kill(-pid, SIGKILL)
        return self.state.withLock { state in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            state.pid = 0
            return ExitStatus(waitStatus: status)
        }
    }

    private func finish(_ status: ExitStatus) -> Never {
        var code = status.shellCode
        for directory in self.plan.removeDirectories {
            do throws(ProcessError) {
                try self.awaitLocks()
                try DirectoryRemoval.remove(directory)
            } catch {
                _ = FileSystem.writeAll(Array("chorewheel leash: \(error)\n".utf8), to: 2)
                code = code == 0 ? Leash.ExitCode.osError : code
            }
        }
        self.report(.ended(status))
        exit(code)
    }

    /// Waits until the other commands that use our directories have ended; each has its own leash and its own grace.
    private func awaitLocks() throws(ProcessError) {
        for path in self.plan.awaitLocks {
            let descriptor = open(path, O_RDWR | O_CLOEXEC)
            // Never made: never held.
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            var attempts = 60 * 20
            while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
                attempts -= 1
                guard attempts > 0 else {
                    throw ProcessError(
                        .locked, "\(path) is still held by process \(DirectoryLock.holder(of: path))")
                }
                self.pause(milliseconds: 50)
            }
        }
    }

    private func obeySignals() {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] { sigaddset(&signals, signal) }
        while true {
            var received: Int32 = 0
            guard sigwait(&signals, &received) == 0 else { continue }
            self.stop(signal: self.plan.stopSignal.number, graceMilliseconds: self.plan.grace.inMilliseconds)
        }
    }

    /// Reads until the holder is gone; without `--control` what it writes means nothing.
    private func obeyHolder() {
        var splitter = LineSplitter()
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(0, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            guard self.plan.control else { continue }
            for line in splitter.lines(adding: buffer.prefix(count)) {
                switch LeashOrder(line: line) {
                case .signal(let number): self.send(number)
                case .stop(let number, let grace): self.stop(signal: number, graceMilliseconds: grace)
                case nil:
                    _ = FileSystem.writeAll(Array("chorewheel leash: unknown order: \(line)\n".utf8), to: 2)
                }
            }
        }
        let grace = self.plan.orphanGrace ?? self.plan.grace
        self.stop(signal: self.plan.stopSignal.number, graceMilliseconds: grace.inMilliseconds)
        if let hurry = self.plan.orphanHurry {
            self.pause(milliseconds: hurry.inMilliseconds)
            self.send(SIGINT)
        }
    }

    private func send(_ number: Int32) {
        self.state.withLock { state in
            guard state.pid != 0 else { return }
            let whole = [SIGKILL, SIGSTOP, SIGCONT].contains(number)
            // Listed before the command dies: afterwards they are init's children and not to be told apart.
            let below = whole ? ProcessTree.descendants(of: state.pid) : []
            kill(whole ? -state.pid : state.pid, number)
            for pid in below { kill(pid, number) }
        }
    }

    private func stop(signal number: Int32, graceMilliseconds: Int64) {
        self.send(number)
        // What is suspended cannot end.
        self.send(SIGCONT)
        do throws(ProcessError) {
            try DetachedThread.start {
                self.pause(milliseconds: graceMilliseconds)
                self.send(SIGKILL)
            }
        } catch {
            // No thread to wait on: better ended at once than never.
            self.send(SIGKILL)
        }
    }

    private func pause(milliseconds: Int64) {
        var wanted = timespec(tv_sec: time_t(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
        var rest = timespec()
        while nanosleep(&wanted, &rest) != 0, errno == EINTR { wanted = rest }
    }

    private func report(_ report: LeashReport) {
        guard self.plan.control else { return }
        // A holder that is gone needs no report.
        _ = Spawn.send(report.line, to: 0)
    }
}
