// One connection's life as a value: events in, an action out. `RedisChannelHandler` performs the actions.
//
// Invariants: (1) `ready` is reached once at most, and only after the whole handshake was answered well; (2) the first
// reason to close is the one that every waiting caller is told; (3) nothing leaves `closed`.

struct ConnectionStateMachine {
    enum State {
        /// The socket is not connected. → handshaking, closing, closed
        case connecting
        /// The handshake was sent; its replies are counted. → ready, closing, closed
        case handshaking(replies: [RedisValue])
        /// Commands flow. → closing, closed
        case ready
        /// The channel was told to close. → closed
        case closing(RedisError)
        /// The end.
        case closed
    }

    enum ActiveAction { case sendHandshake, none }
    enum ReplyAction {
        /// It belonged to the handshake, which is not complete.
        case wait
        /// The handshake is complete.
        case becomeReady
        /// Give it to the first waiting caller.
        case deliver
        /// Give it to the first waiting caller, then close: this server is of no use any more.
        case deliverThenClose
        /// Close; `closing` holds the reason.
        case close
        /// The connection is closing: nobody waits.
        case drop
    }
    enum CloseAction { case closeChannel, none }
    enum InactiveAction {
        /// Tell everyone who waits, for the connection or for a reply.
        case fail(RedisError)
        case none
    }

    let handshake: Handshake
    private(set) var state: State = .connecting

    init(handshake: Handshake) { self.handshake = handshake }

    var isReady: Bool {
        if case .ready = self.state { true } else { false }
    }

    /// The socket is connected (TLS may still be busy; it holds our bytes back).
    mutating func channelActive() -> ActiveAction {
        switch self.state {
        case .connecting:
            self.state = .handshaking(replies: [])
            return .sendHandshake
        case .handshaking, .ready, .closing, .closed:
            return .none
        }
    }

    /// A reply arrived; `isAwaited` says whether a caller waits for one.
    mutating func replyArrived(_ reply: RedisValue, isAwaited: Bool) -> ReplyAction {
        switch self.state {
        case .connecting:
            self.state = .closing(RedisError(.protocolViolation, "a reply before the first command"))
            return .close
        case .handshaking(var replies):
            replies.append(reply)
            // "max number of clients reached" comes alone and unasked; the server closes behind it.
            let refusal = replies.count == 1 ? reply.error.flatMap(Self.refusal) : nil
            guard refusal != nil || replies.count == self.handshake.commands.count else {
                self.state = .handshaking(replies: replies)
                return .wait
            }
            if let error = refusal ?? self.handshake.verdict(on: replies) {
                self.state = .closing(error)
                return .close
            }
            self.state = .ready
            return .becomeReady
        case .ready:
            guard isAwaited else {
                self.state = .closing(RedisError(.protocolViolation, "a reply that nobody asked for"))
                return .close
            }
            if let prefix = reply.error?.prefix, RedisServerError.failoverPrefixes.contains(prefix) {
                self.state = .closing(
                    RedisError(.connectionLost, "dropped the connection: the server answered \(prefix)"))
                return .deliverThenClose
            }
            return .deliver
        case .closing, .closed:
            return .drop
        }
    }

    /// Someone wants it closed, or something went wrong.
    mutating func close(because reason: RedisError) -> CloseAction {
        switch self.state {
        case .connecting, .handshaking, .ready:
            self.state = .closing(reason)
            return .closeChannel
        case .closing, .closed:
            return .none
        }
    }

    /// The channel is gone.
    mutating func channelInactive() -> InactiveAction {
        switch self.state {
        case .connecting, .handshaking:
            self.state = .closed
            return .fail(RedisError(.unavailable, "the connection ended before it was ready"))
        case .ready:
            self.state = .closed
            return .fail(RedisError(.connectionLost, "the server closed the connection"))
        case .closing(let reason):
            self.state = .closed
            return .fail(reason)
        case .closed:
            return .none
        }
    }

    private static func refusal(_ error: RedisServerError) -> RedisError? {
        guard error.message.hasPrefix("ERR max number of clients") else { return nil }
        return RedisError(.unavailable, error.message)
    }
}
