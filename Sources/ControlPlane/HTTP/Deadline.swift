// A time limit for work that listens to cancellation.

/// Runs `body`, cancelled when `limit` has passed; returns, or throws, only what `body` does.
///
/// So the limit is exceeded by as long as `body` needs to hear the cancellation, nothing is left running, and work that
/// was done after all is not reported as failed.
func withDeadline<Value: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            do {
                try await ContinuousClock().sleep(for: limit)
            } catch is CancellationError {
                // The body was faster, or the caller was cancelled: either way the body's answer counts.
            }
            return nil
        }
        while let finished = try await group.next() {
            group.cancelAll()
            if let value = finished { return value }
        }
        throw CancellationError()
    }
}
