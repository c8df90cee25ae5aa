// When to wait for a running statement, when to ask the server to cancel it, and when to give the connection up.
// Pure: events in, an action out; no clock, no socket. Invariants:
//  1. A statement is finished only when its results are drained *and* no cancel request is under way: a late one
//     would hit the next statement.
//  2. After the first cancel request the wait is bounded by `answerBound`, and by `deliveryBound` if not even the
//     request gets through: then the whole server hangs or is gone, and not just this statement.

struct StatementWatch {
    typealias Instant = ContinuousClock.Instant

    /// Why the statement is not allowed to go on.
    enum Reason: Hashable, Sendable { case cancelled, timeout }

    enum Action: Equatable {
        /// Wait for the socket, a signal or the instant, then ask again.
        case wait(until: Instant?)
        /// Send a cancel request, then ask again.
        case requestCancel
        /// The results are complete; the reason is set if the statement was to be cancelled.
        case finish(Reason?)
        /// The server did not answer for so long: close the connection.
        case abandon(Reason, after: Duration)
    }

    private enum State {
        /// → `cancelling`, or the end.
        case running
        /// → the end. The request is repeated, for one that arrives before the server read the statement is ignored.
        case cancelling(Reason, giveUpAt: Instant, requestedAt: Instant)
    }

    /// How long the server may take to end the statement after the first cancel request.
    static let answerBound: Duration = .seconds(5)
    /// How long a cancel request may take to be delivered: a connection and a few bytes to the server's front process.
    static let deliveryBound: Duration = .seconds(1)
    /// How long to wait before the request is repeated.
    static let repeatAfter: Duration = .milliseconds(500)

    private var state = State.running
    private let deadline: Instant?

    init(deadline: Instant?) { self.deadline = deadline }

    /// The next step.
    ///
    /// - Parameters:
    ///   - isCancelled: the calling task was cancelled.
    ///   - isRequestPending: a cancel request was sent and has not been delivered yet.
    ///   - isDrained: all results have arrived.
    mutating func next(now: Instant, isCancelled: Bool, isRequestPending: Bool, isDrained: Bool) -> Action {
        switch state {
        case .running:
            if isDrained { return .finish(nil) }
            if isCancelled { return cancel(.cancelled, now: now) }
            if let deadline, deadline <= now { return cancel(.timeout, now: now) }
            return .wait(until: deadline)
        case .cancelling(let reason, let giveUpAt, let requestedAt):
            if isDrained && !isRequestPending { return .finish(reason) }
            if giveUpAt <= now { return .abandon(reason, after: Self.answerBound) }
            if isRequestPending {
                let deliveredBy = requestedAt + Self.deliveryBound
                if deliveredBy <= now { return .abandon(reason, after: Self.deliveryBound) }
                return .wait(until: min(giveUpAt, deliveredBy))
            }
            let repeatAt = requestedAt + Self.repeatAfter
            if repeatAt <= now {
                state = .cancelling(reason, giveUpAt: giveUpAt, requestedAt: now)
                return .requestCancel
            }
            return .wait(until: min(giveUpAt, repeatAt))
        }
    }

    private mutating func cancel(_ reason: Reason, now: Instant) -> Action {
        state = .cancelling(reason, giveUpAt: now + Self.answerBound, requestedAt: now)
        return .requestCancel
    }
}
