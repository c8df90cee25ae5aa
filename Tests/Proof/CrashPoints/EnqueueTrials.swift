// The other end: a process that enqueues dies, or its reply is lost, at each of its requests; it is called again with
// the same id or key until it says that it is done. Never double, and never lost once that was said.

internal import JobModel
internal import JobQueue
internal import Postgres
internal import Processes
internal import QueueTestSupport
internal import Synchronization
internal import TestSupport

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// A way to enqueue.
struct EnqueueDoor: Sendable {
    let name: String
    let kind: String
    /// What names the job when the command is said again.
    let naming: @Sendable (JobID) -> [String]

    static let all: [EnqueueDoor] = [
        EnqueueDoor(name: "enqueue with an id", kind: "diagnostic.effect") { ["--id", "\($0)"] },
        EnqueueDoor(name: "enqueue with a key", kind: "diagnostic.effect") { ["--idempotency-key", "\($0)"] },
        EnqueueDoor(name: "fast enqueue with an id", kind: "diagnostic.fast_effect") { ["--id", "\($0)"] },
        EnqueueDoor(name: "fast enqueue with a key", kind: "diagnostic.fast_effect") {
            ["--idempotency-key", "\($0)"]
        },
    ]
}

extension CrashRunner {
    /// How often the same command is said before we give up on it.
    private static let callsMax = 5

    /// The points of a door.
    func points(of door: EnqueueDoor) async throws -> [CrashPoint] {
        let trial = CrashTrial(point: nil, mode: .pass, kill: {})
        let violations = try await self.run(door, trial, pid: nil)
        guard violations.isEmpty else { throw ProofFailure("\(door.name) without any fault: \(violations)") }
        return trial.passed
    }

    func run(_ door: EnqueueDoor, _ point: CrashPoint, _ mode: Verdict) async throws -> CrashOutcome {
        let pid = ProcessNumber()
        let trial = CrashTrial(point: point, mode: mode) { pid.kill() }
        let violations = try await self.run(door, trial, pid: pid)
        if !violations.isEmpty { return .violated(violations) }
        return trial.hasFired ? .held : .notReached
    }

    private func run(_ door: EnqueueDoor, _ trial: CrashTrial, pid: ProcessNumber?) async throws -> [Violation] {
        try await self.stack.waitForWorker()
        await self.stack.clientProxy.setJudge(trial)
        let mark = JobID.mint()
        let payload = #"{"note": "\#(mark)"}"#
        trial.arm()
        var calls = 0
        while true {
            calls += 1
            guard calls <= Self.callsMax else {
                return [Violation(invariant: "I1", what: "\(door.name) was refused \(Self.callsMax) times")]
            }
            let status = try await self.call([door.kind, "--payload", payload] + door.naming(mark), pid)
            if status.isSuccess { break }
        }
        trial.disarm()
        // I1 and I3: acknowledged, so it is done; and said however often, done once.
        do {
            try await eventually("the effect of \(mark)", within: .seconds(30)) { try await self.effects(of: mark) > 0 }
        } catch is TimeLimitExceeded {
            return [
                Violation(invariant: "I1", what: "\(door.name) was acknowledged at call \(calls), and nothing came")
            ]
        }
        try await eventually("nothing is open", within: .seconds(30)) { try await self.stack.oracle.openJobs() == 0 }
        let effects = try await self.effects(of: mark)
        guard effects == 1 else {
            return [Violation(invariant: "I3", what: "\(door.name) in \(calls) calls: \(effects) effects, not 1")]
        }
        return try await self.stack.oracle.always()
    }

    private func effects(of mark: JobID) async throws -> Int {
        try await self.stack.queue.count(
            "SELECT count(*) FROM diagnostic_effects WHERE note = $1", [.text(mark.description)])
    }

    private func call(_ arguments: [String], _ pid: ProcessNumber?) async throws -> ExitStatus {
        let executable = self.stack.queue.servers.executable
        var command = ChildProcess.Configuration(executable, ["enqueue"] + arguments)
        var variables = CrashStack.variables(self.stack.queue, self.stack.clientProxy)
        variables["CHOREWHEEL_LOG_LEVEL"] = "critical"
        command.environment = .inherited(adding: variables)
        command.output = .discarded
        let child = try ChildProcess.spawn(command, leash: executable)
        pid?.began(try await child.processID())
        let status = try await withTimeLimit("an enqueue ends", .seconds(60)) { await child.wait() }
        pid?.ended()
        return status
    }
}

/// The process to be killed. Its first request may come before its number is known: it is killed as soon as that is.
private final class ProcessNumber: Sendable {
    private struct State {
        var number: Int32?
        var isDoomed = false
    }

    private let state = Mutex(State())

    func began(_ number: Int32) {
        let isDoomed = self.state.withLock { state in
            state.number = number
            return state.isDoomed
        }
        if isDoomed { sendKill(to: number) }
    }

    /// Its number may be another's from now on.
    func ended() { self.state.withLock { $0 = State() } }

    func kill() {
        let number = self.state.withLock { state in
            state.isDoomed = true
            return state.number
        }
        if let number { sendKill(to: number) }
    }
}

private func sendKill(to process: Int32) { kill(process, SIGKILL) }
