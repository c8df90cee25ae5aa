// The shell of `ConnectionStateMachine` on NIO: bytes in and out, callers waiting in order, deadlines.
//
// Invariants: (1) everything here runs on the channel's event loop; (2) `waiting` is in the order of the bytes written,
// so the next reply belongs to its first element; (3) when the channel ends, everyone who waits is told, once.

import NIOCore

final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var machine: ConnectionStateMachine
    private let parser: ReplyParser
    private let outbox: CommandOutbox
    private let readiness: OneShot<Void>
    private let connectTimeout: TimeAmount
    private var waiting = CircularBuffer<Submission>()
    /// Put into the outbox, but too late to be written.
    private var unsent: [Submission] = []
    /// Replies of the first waiting submission, which is not complete.
    private var partial: [RedisValue] = []
    private var context: ChannelHandlerContext?
    private var connectTimer: Scheduled<Void>?
    private var deadlineTimer: (deadline: NIODeadline, task: Scheduled<Void>)?

    /// Throws if hiredis cannot allocate a reader.
    init(
        handshake: Handshake, outbox: CommandOutbox, readiness: OneShot<Void>, connectTimeout: TimeAmount
    ) throws(RedisError) {
        self.machine = ConnectionStateMachine(handshake: handshake)
        self.parser = try ReplyParser()
        self.outbox = outbox
        self.readiness = readiness
        self.connectTimeout = connectTimeout
    }

    // MARK: life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.connectTimer = context.eventLoop.assumeIsolated().scheduleTask(in: self.connectTimeout) {
            self.close(because: RedisError(.unavailable, "no answer to the handshake within connectTimeout"))
        }
        if context.channel.isActive { self.becomeActive(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.becomeActive(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.end()
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let code: RedisError.Code = self.machine.isReady ? .connectionLost : .unavailable
        self.close(because: RedisError(code, "the connection failed: \(error)", underlying: error))
    }

    private func becomeActive(_ context: ChannelHandlerContext) {
        switch self.machine.channelActive() {
        case .none: return
        case .sendHandshake:
            do throws(RedisError) {
                let commands = try CommandEncoder.encode(self.machine.handshake.commands)
                context.writeAndFlush(self.wrapOutboundOut(commands.bytes), promise: nil)
            } catch {
                self.close(because: error)
            }
        }
    }

    /// Closes the channel, unless it is closing: everyone who waits will be told this reason.
    func close(because reason: RedisError) {
        switch self.machine.close(because: reason) {
        case .none: return
        case .closeChannel: self.shut()
        }
    }

    /// Lets no more commands in, then closes the channel.
    private func shut() {
        self.refuseCommands()
        self.context?.close(promise: nil)
    }

    /// To be called before a caller hears what ends the connection: what it does next must find a new one.
    private func refuseCommands() { self.unsent += self.outbox.close() }

    private func end() {
        self.connectTimer?.cancel()
        self.deadlineTimer?.task.cancel()
        self.deadlineTimer = nil
        self.refuseCommands()
        switch self.machine.channelInactive() {
        case .none: return
        case .fail(let reason):
            self.readiness.complete(.failure(reason))
            for submission in self.waiting { submission.promise?.complete(.failure(reason)) }
            for submission in self.unsent { submission.promise?.complete(.failure(reason)) }
            self.waiting.removeAll()
            self.unsent = []
            self.partial = []
        }
    }

    // MARK: commands out

    /// Writes what the callers left in the outbox, in one flush.
    func flushOutbox() {
        let (bytes, submissions) = self.outbox.take()
        guard let context = self.context, !submissions.isEmpty else { return }
        self.waiting.append(contentsOf: submissions)
        for submission in submissions { self.watch(submission.deadline) }
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
    }

    // MARK: replies in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        var answered = 0
        do throws(RedisError) {
            try buffer.withUnsafeReadableBytes { bytes throws(RedisError) in try self.parser.feed(bytes) }
            while let reply = try self.parser.next() {
                if self.take(reply) { answered += 1 }
            }
        } catch {
            self.close(because: error)
        }
        if answered > 0 { self.outbox.answered(answered) }
    }

    /// Gives a reply to where it belongs. Returns whether it answered a caller's command.
    private func take(_ reply: RedisValue) -> Bool {
        switch self.machine.replyArrived(reply, isAwaited: !self.waiting.isEmpty) {
        case .wait, .drop:
            return false
        case .becomeReady:
            self.connectTimer?.cancel()
            self.readiness.complete(.success(()))
            return false
        case .deliver:
            self.deliver(reply)
            return true
        case .deliverThenClose:
            self.refuseCommands()
            self.deliver(reply)
            self.shut()
            return true
        case .close:
            self.shut()
            return false
        }
    }

    private func deliver(_ reply: RedisValue) {
        guard let first = self.waiting.first else { return }
        if first.count == 1 {
            self.waiting.removeFirst()
            first.promise?.complete(.success([reply]))
            return
        }
        self.partial.append(reply)
        guard self.partial.count == first.count else { return }
        self.waiting.removeFirst()
        first.promise?.complete(.success(self.partial))
        self.partial = []
    }

    // MARK: deadlines

    /// One timer for the earliest deadline. On a busy connection it rings once per timeout, not once per command:
    /// whoever was answered in time has left `waiting` by then.
    private func watch(_ deadline: NIODeadline?) {
        guard let deadline, let context = self.context else { return }
        if let timer = self.deadlineTimer {
            guard deadline < timer.deadline else { return }
            timer.task.cancel()
        }
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.deadlinePassed(deadline) }
        self.deadlineTimer = (deadline, task)
    }

    private func deadlinePassed(_ now: NIODeadline) {
        self.deadlineTimer = nil
        let deadlines = self.waiting.compactMap(\.deadline)
        if deadlines.contains(where: { $0 <= now }) {
            self.refuseCommands()
            for submission in self.waiting {
                guard let deadline = submission.deadline, deadline <= now else { continue }
                submission.promise?.complete(.failure(RedisError(.timeout, "no reply in time")))
            }
            self.close(because: RedisError(.connectionLost, "dropped the connection: a reply was overdue"))
        } else {
            self.watch(deadlines.min())
        }
    }
}
