// The time limit around each request.

import Testing

@testable import ControlPlane

@Suite struct DeadlineTests {
    struct Broken: Error {}

    @Test func `What is done in time is returned, and an error passed on`() async throws {
        #expect(try await withDeadline(.seconds(60)) { 7 } == 7)
        await #expect(throws: Broken.self) { try await withDeadline(.seconds(60)) { throw Broken() } }
    }

    @Test func `What is not done in time is cancelled`() async throws {
        await #expect(throws: CancellationError.self) {
            try await withDeadline(.zero) { try await ContinuousClock().sleep(for: .seconds(60)) }
        }
    }

    @Test func `What was done after all is not reported as failed`() async throws {
        let value = try await withDeadline(.zero) {
            // As a commit does: the cancellation comes too late for it.
            while !Task.isCancelled { await Task.yield() }
            return 7
        }
        #expect(value == 7)
    }

    @Test func `A cancelled caller's work is cancelled`() async throws {
        let task = Task {
            try await withDeadline(.seconds(60)) { try await ContinuousClock().sleep(for: .seconds(60)) }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
