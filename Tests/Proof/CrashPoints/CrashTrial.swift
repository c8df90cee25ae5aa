// One run of a scenario with at most one fault: watches the requests, and lets one of them meet its fate.

internal import Synchronization

/// The judge of one run.
final class CrashTrial: RequestJudge {
    private struct State {
        var isArmed = false
        var counts: [String: Int] = [:]
        var passed: [CrashPoint] = []
        var hasFired = false
        /// When the last request passed that is not made by the clock.
        var busyAt = ContinuousClock.now
    }

    let point: CrashPoint?
    let mode: Verdict
    /// Ends the process under test.
    private let kill: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameter point: nil: only watches.
    init(point: CrashPoint?, mode: Verdict, kill: @escaping @Sendable () -> Void) {
        self.point = point
        self.mode = mode
        self.kill = kill
    }

    /// Requests count from now on.
    func arm() { self.state.withLock { $0.isArmed = true } }
    /// And no more.
    func disarm() { self.state.withLock { $0.isArmed = false } }

    /// What passed, in order.
    var passed: [CrashPoint] { self.state.withLock { $0.passed } }
    var hasFired: Bool { self.state.withLock { $0.hasFired } }
    var isQuiet: Bool { self.state.withLock { ContinuousClock.now - $0.busyAt > .milliseconds(150) } }

    func judge(_ request: StoreRequest) -> Verdict {
        self.state.withLock { state in
            if !CrashPoint.isBackground(request.name) { state.busyAt = .now }
            guard state.isArmed else { return .pass }
            let point = CrashPoint(request.name, state.counts[request.name, default: 0] + 1)
            state.counts[request.name] = point.occurrence
            state.passed.append(point)
            guard point == self.point, !state.hasFired else { return .pass }
            state.hasFired = true
            return self.mode
        }
    }

    func kill(at request: StoreRequest) { self.kill() }
    func lost(_ request: StoreRequest) {}
}
