// What is known of a child, and who waits to know. `ChildLife` is the value; `ChildState` locks it, and its one thread
// per child feeds it what the leash says. The thread holds the state, not the ChildProcess, so that one can be let go.

import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A child's life as its parent learns of it.
enum ChildLife: Sendable, Equatable {
    /// The leash was started. Next: `running`, `failed` or `ended`.
    case starting
    /// The command runs under this id. Next: `ended`.
    case running(Int32)
    /// The command never ran. Final.
    case failed(String, ExitStatus)
    /// Final; it had run under this id.
    case ended(Int32, ExitStatus)

    /// Takes in a report. What contradicts the past is ignored: the first end counts.
    mutating func receive(_ report: LeashReport) {
        switch (self, report) {
        case (.starting, .started(let pid)): self = .running(pid)
        case (.starting, .failed(let message)): self = .failed(message, .exited(Leash.ExitCode.cannotExecute))
        case (.running(let pid), .ended(let status)): self = .ended(pid, status)
        case (.starting, .ended), (.running, .started), (.running, .failed), (.failed, _), (.ended, _): break
        }
    }

    /// The leash itself is gone. Its own status counts where it could not say more.
    mutating func leashEnded(_ status: ExitStatus) {
        switch self {
        case .starting: self = .failed("the leash \(status) before the command ran", status)
        case .running(let pid): self = .ended(pid, status)
        case .failed(let message, _): self = .failed(message, status)
        case .ended: break
        }
    }
}

final class ChildState: Sendable {
    private struct Shared {
        var life = ChildLife.starting
        /// Nil once closed.
        var socket: Int32?
        /// The leash has been reaped: everything is over.
        var isOver = false
        var onStart: [CheckedContinuation<Void, Never>] = []
        var onEnd: [CheckedContinuation<Void, Never>] = []
    }

    private let shared: Mutex<Shared>

    /// Owns `socket`, once `watch` runs.
    init(socket: Int32) { self.shared = Mutex(Shared(socket: socket)) }

    var exitStatus: ExitStatus? {
        self.shared.withLock { shared in
            guard shared.isOver else { return nil }
            switch shared.life {
            case .failed(_, let status), .ended(_, let status): return status
            case .starting, .running: return nil
            }
        }
    }

    func started() async throws(ProcessError) -> Int32 {
        await withCheckedContinuation { continuation in
            let now = self.shared.withLock { shared in
                if shared.life == .starting { shared.onStart.append(continuation) }
                return shared.life != .starting
            }
            if now { continuation.resume() }
        }
        switch self.shared.withLock({ $0.life }) {
        case .running(let pid), .ended(let pid, _): return pid
        case .failed(let message, _): throw ProcessError(.spawnFailed, message)
        case .starting: throw ProcessError(.spawnFailed, "the command has not started")
        }
    }

    func ended() async -> ExitStatus {
        await withCheckedContinuation { continuation in
            let now = self.shared.withLock { shared in
                if !shared.isOver { shared.onEnd.append(continuation) }
                return shared.isOver
            }
            if now { continuation.resume() }
        }
        guard let status = self.exitStatus else { preconditionFailure("a child that is over has a status") }
        return status
    }

    /// Under the lock, so that the descriptor cannot be closed, and its number taken by another file, in between.
    func send(_ order: LeashOrder) {
        self.shared.withLock { shared in
            guard let socket = shared.socket else { return }
            // A leash that is gone has nobody left to signal.
            _ = Spawn.send(order.line, to: socket)
        }
    }

    /// The leash reads end-of-file and stops the command.
    func letGo() {
        self.shared.withLock { shared in
            guard let socket = shared.socket else { return }
            shutdown(socket, Int32(SHUT_WR))
        }
    }

    /// The child's thread: takes in reports until the leash is gone, and reaps it.
    func watch(leash: pid_t) {
        guard let socket = self.shared.withLock({ $0.socket }) else { return }
        var splitter = LineSplitter()
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(socket, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            for line in splitter.lines(adding: buffer.prefix(count)) {
                guard let report = LeashReport(line: line) else { continue }
                self.update { $0.life.receive(report) }
            }
        }
        var status: Int32 = 0
        while waitpid(leash, &status, 0) < 0, errno == EINTR {}
        self.update { shared in
            shared.life.leashEnded(ExitStatus(waitStatus: status))
            shared.isOver = true
            shared.socket = nil
        }
        close(socket)
    }

    private func update(_ change: (inout Shared) -> Void) {
        let resumed = self.shared.withLock { shared in
            change(&shared)
            var resumed: [CheckedContinuation<Void, Never>] = []
            if shared.life != .starting { swap(&resumed, &shared.onStart) }
            if shared.isOver {
                resumed += shared.onEnd
                shared.onEnd.removeAll()
            }
            return resumed
        }
        for continuation in resumed { continuation.resume() }
    }
}
