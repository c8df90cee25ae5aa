// Which errors tell of what one queue holds, and not of a store that is away: the other queues go on.

internal import Redis

extension Error {
    /// A key of Redis that is of another type, or an answer that cannot be. Neither asking again helps, nor waiting.
    package var isOfOneQueue: Bool {
        switch self {
        case let error as RedisError: error.code == .server && !error.canRetry || error.code == .unexpectedReply
        case let error as JobQueueError: error.code == .corrupt
        default: false
        }
    }
}
