// `kill -9` of a worker that has jobs running.

internal import JobQueue
internal import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A worker that was killed.
struct KilledWorker: Sendable {
    let session: String
    let processID: Int32
    /// When, in milliseconds since 1970: the clock that the ledger's times are of.
    let milliseconds: Double
}

struct WorkerKill: Sendable {
    let stage: DemoStage

    /// Waits for a worker with running jobs, takes the busiest, and kills it.
    func run() async throws -> KilledWorker {
        var killed: KilledWorker?
        try await poll("a worker has jobs running", within: .seconds(30), every: .milliseconds(5)) {
            let busy = try await self.stage.liveWorkers().filter { $0.running > 0 }
            guard let victim = busy.max(by: { $0.running < $1.running }), let id = Int32(exactly: victim.pid), id > 1
            else { return false }
            let now = Self.wallClockMilliseconds()
            guard kill(id, SIGKILL) == 0 else {
                throw ProcessError(.wrongState, "cannot kill worker \(id)", errorNumber: errno)
            }
            self.stage.screen.line("  kill -9 \(id): a worker with \(victim.running) job(s) running")
            killed = KilledWorker(session: victim.id, processID: id, milliseconds: now)
            return true
        }
        guard let killed else { throw DemoFailure("no worker was killed") }
        return killed
    }

    private static func wallClockMilliseconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) * 1000 + Double(time.tv_nsec) / 1_000_000
    }
}
