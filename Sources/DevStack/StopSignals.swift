// By which signals a person, a service manager or a terminal that goes away ends `chorewheel dev` and `demo`.

internal import UnixSignals

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

struct StopSignals: Sendable {
    private let sequence: UnixSignalsSequence

    /// From now on SIGINT, SIGTERM and SIGHUP end nothing by themselves; SIGHUP not if whoever started us had us ignore
    /// it (nohup).
    static func trap() async -> StopSignals {
        StopSignals(
            sequence: self.isHangUpIgnored
                ? await UnixSignalsSequence(trapping: .sigint, .sigterm)
                : await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup))
    }

    /// Returns when the first of them has come, or the task is cancelled. To be called once.
    func wait() async {
        for await _ in self.sequence { return }
    }

    private static var isHangUpIgnored: Bool {
        var action = sigaction()
        guard sigaction(SIGHUP, nil, &action) == 0 else { return false }
        #if canImport(Darwin)
        let handler = action.__sigaction_u.__sa_handler
        #else
        let handler = action.__sigaction_handler.sa_handler
        #endif
        return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
