// What a quiet session does: it beats, and settles what it runs, until it is told to end. It claims nothing; what it
// had claimed ahead goes back to others at once.

internal import JobModel
internal import JobQueue
internal import Logging

extension WorkerSession {
    /// How often a quiet session looks whether it is idle.
    private static let quietLook: Duration = .seconds(1)

    /// Waits until the session's phase changes, if it is quiet. Called when its claims have ended.
    func stayQuiet() async {
        guard self.isQuiet else { return }
        self.giveBackWaiting()
        self.logger.info("this session is quiet", metadata: ["running": "\(self.slots.count)"])
        var nextStrays = ContinuousClock.now
        var hasSaidIdle = false
        while self.isQuiet {
            if self.slots.count == 0, !hasSaidIdle {
                self.logger.info("this session is quiet, and nothing runs any more")
                hasSaidIdle = true
            }
            if .now >= nextStrays {
                do {
                    // A claim, or a begin, that was under way when the signal came may have left some.
                    try await self.giveBackStrays()
                    nextStrays = .now + self.strayLook
                } catch {
                    self.logger.warning("looking for strays failed", metadata: ["error": "\(error)"])
                }
            }
            await self.phaseChanged.wait(atMost: Self.quietLook)
        }
    }
}
