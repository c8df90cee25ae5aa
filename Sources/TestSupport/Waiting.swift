// Waiting in tests: for something to become true, with a limit, instead of sleeping and hoping.

internal import Processes

/// What a test waited for did not happen in time.
public struct TimeLimitExceeded: Error, Sendable, CustomStringConvertible {
    public let what: String
    public let limit: Duration

    public init(what: String, limit: Duration) {
        self.what = what
        self.limit = limit
    }

    public var description: String { "not within \(self.limit): \(self.what)" }
}

/// Asks `condition` again and again until it is true.
///
/// - Parameters:
///   - what: what is waited for, for the message: "the job is succeeded".
///   - limit: generous; it costs time only in a failing test.
/// - Throws: `TimeLimitExceeded`; what `condition` throws; `CancellationError`.
public func eventually(
    _ what: String, within limit: Duration = .seconds(120), isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    while try await !condition() {
        guard clock.now < deadline else { throw TimeLimitExceeded(what: what, limit: limit) }
        try await clock.sleep(for: .milliseconds(10))
    }
}

/// Runs `body` and cancels it when it takes longer than `limit`. Returns only when `body` has, so that nothing of it is
/// left behind; a body that ignores cancellation is waited for.
///
/// - Throws: `TimeLimitExceeded`; what `body` throws.
public func withTimeLimit<Value: Sendable>(
    _ what: String, _ limit: Duration = .seconds(30), _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await ContinuousClock().sleep(for: limit)
            throw TimeLimitExceeded(what: what, limit: limit)
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw TimeLimitExceeded(what: what, limit: limit) }
        return value
    }
}
