// Claims whose jobs are being taken in (decoded, begun, handed to the slots) while the next claim is on its way: Redis,
// PostgreSQL and this process work at the same time then.

internal import JobQueue
internal import Synchronization

/// One session's claims in the making.
final class Intake: Sendable {
    /// How many are taken in at once.
    static let most = 2
    /// A smaller claim is taken in where it arrived: a change of threads would cost more.
    static let worthATask = 64

    private let state = Mutex<(claims: Int, jobs: Int)>((0, 0))
    private let ended = WakeSignal()

    /// How many jobs are on their way to the slots.
    var jobs: Int { self.state.withLock { $0.jobs } }

    func begin(_ jobs: Int) {
        self.state.withLock { $0 = ($0.claims + 1, $0.jobs + jobs) }
    }

    func end(_ jobs: Int) {
        self.state.withLock { $0 = ($0.claims - 1, $0.jobs - jobs) }
        self.ended.wake()
    }

    /// Waits until no more than so many claims are being taken in, or the task is cancelled.
    func wait(for claims: Int) async {
        while self.state.withLock({ $0.claims }) > claims, !Task.isCancelled {
            await self.ended.wait(atMost: .seconds(60))
        }
    }
}
