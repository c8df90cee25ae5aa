// Keeps a handler's progress reports cheap: at most one write a second, the newest report wins.

internal import JobQueue
internal import Logging
internal import Synchronization
internal import WorkerKit

/// Writes progress for one attempt.
final class ProgressReporter: Sendable {
    private static let interval: Duration = .seconds(1)

    private struct State {
        var newest: JobProgress?
        var writer: Task<Void, Never>?
        var failure: (any Error)?
        var isFinishing = false
    }

    private let state = Mutex(State())
    private let pause = WakeSignal()
    private let write: @Sendable ([UInt8]) async throws -> Void

    init(write: @escaping @Sendable ([UInt8]) async throws -> Void) {
        self.write = write
    }

    /// Takes a report; returns at once.
    func report(_ progress: JobProgress) {
        self.state.withLock { state in
            state.newest = progress
            guard state.writer == nil else { return }
            // Owner: this reporter. It ends when there is nothing new, at the latest with `finish`.
            state.writer = Task { await self.writeUntilNothingNew() }
        }
    }

    private func writeUntilNothingNew() async {
        while let progress = self.takeNewest() {
            do {
                try await self.write(try JSONText.encode(progress))
            } catch {
                self.state.withLock { $0.failure = error }
            }
            if !self.state.withLock({ $0.isFinishing }) { await self.pause.wait(atMost: Self.interval) }
        }
    }

    private func takeNewest() -> JobProgress? {
        self.state.withLock { state in
            guard let newest = state.newest else {
                state.writer = nil
                return nil
            }
            state.newest = nil
            return newest
        }
    }

    /// Waits until what was reported is written. - Parameter logger: Made when there is something to say.
    func finish(logger: () -> Logger) async {
        let writer = self.state.withLock { state in
            state.isFinishing = true
            return state.writer
        }
        self.pause.wake()
        await writer?.value
        if let failure = self.state.withLock({ $0.failure }) {
            logger().warning("progress could not be recorded", metadata: ["error": "\(failure)"])
        }
    }
}
