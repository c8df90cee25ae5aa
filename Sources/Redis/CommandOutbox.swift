// Where callers of any thread leave formatted commands until the connection's event loop takes them: this is what
// turns many concurrent callers into one write.
//
// Invariants: (1) bytes and waiting callers are in the same order; (2) never more than `inFlightMax` commands without
// a reply; (3) after `close` nothing goes in.

import NIOCore
import Synchronization

/// One caller's commands, sent together and answered together.
struct Submission: Sendable {
    /// `nil` for the connection's own handshake.
    let promise: OneShot<[RedisValue]>?
    /// The replies to wait for; at least one.
    let count: Int
    /// When the caller's patience ends; `nil` for never.
    let deadline: NIODeadline?
}

final class CommandOutbox: Sendable {
    enum PutResult {
        /// The first since the last `take`: wake the event loop.
        case wake
        /// The event loop was woken already.
        case queued
        /// The connection has ended: nothing was sent.
        case closed
        /// Too many commands without a reply: nothing was sent.
        case full
    }

    private struct State {
        var bytes = ByteBuffer()
        var submissions: [Submission] = []
        var inFlight = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let inFlightMax: Int

    init(inFlightMax: Int) { self.inFlightMax = inFlightMax }

    func put(_ commands: EncodedCommands, _ submission: Submission) -> PutResult {
        self.state.withLock { state in
            guard !state.isClosed else { return .closed }
            guard state.inFlight + commands.count <= self.inFlightMax else { return .full }
            state.inFlight += commands.count
            // The first command's buffer is taken as it is (copy-on-write, no copy); others are appended to it.
            if state.submissions.isEmpty {
                state.bytes = commands.bytes
            } else {
                state.bytes.writeImmutableBuffer(commands.bytes)
            }
            state.submissions.append(submission)
            return state.submissions.count == 1 ? .wake : .queued
        }
    }

    /// Everything put since the last time.
    func take() -> (bytes: ByteBuffer, submissions: [Submission]) {
        self.state.withLock { state in
            let taken = (state.bytes, state.submissions)
            state.bytes = ByteBuffer()
            state.submissions = []
            return taken
        }
    }

    /// Replies arrived for this many commands.
    func answered(_ count: Int) {
        self.state.withLock { $0.inFlight -= count }
    }

    /// Lets nothing in any more; returns what was never sent.
    func close() -> [Submission] {
        self.state.withLock { state in
            defer { state.submissions = [] }
            state.isClosed = true
            state.bytes = ByteBuffer()
            return state.submissions
        }
    }
}
