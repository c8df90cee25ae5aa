// One connection of a client to a store, with us in between. Lives on the proxy's event loop and nowhere else.
//
// Invariants:
// 1. Requests reach the server whole and in order; so do replies the client, unless the line is lost.
// 2. What a verdict withholds is never delivered later.
// 3. The end of one side ends the other.

internal import NIOCore

final class ProxyLine {
    private struct Outstanding {
        let request: StoreRequest
        let verdict: Verdict
    }

    private let switchboard: Switchboard
    private var framing: any Framing
    private let client: any Channel
    private var server: (any Channel)?
    private var fromClient = ByteBuffer()
    private var fromServer = ByteBuffer()
    /// For the server, until the way to it is open.
    private var early = ByteBuffer()
    /// Requests whose replies have not come, oldest first.
    private var outstanding: [Outstanding] = []
    /// Nothing passes any more, in neither direction: whoever is at its end is being killed.
    private var isFrozen = false
    /// A request met its fate on this line: no later one is forwarded.
    private var isDoomed = false
    private var isClosed = false

    init(client: any Channel, framing: any Framing, switchboard: Switchboard) {
        self.client = client
        self.framing = framing
        self.switchboard = switchboard
    }

    func opened(_ server: any Channel) {
        self.server = server
        guard !self.isClosed else { return self.closeServer() }
        let early = self.early
        self.early = ByteBuffer()
        if early.readableBytes > 0 { self.switchboard.forward(early, to: server, .toServer, of: self) }
    }

    func received(fromClient bytes: ByteBuffer) {
        guard !self.isFrozen, !self.isDoomed else { return }
        self.fromClient.writeImmutableBuffer(bytes)
        do {
            while !self.isFrozen, !self.isDoomed, let unit = try self.framing.nextFromClient(&self.fromClient) {
                switch unit {
                case .aside(let bytes): self.toServer(bytes)
                case .refusal(let bytes): self.toClient(bytes)
                case .request(let request, let bytes): self.pass(request, bytes)
                }
            }
        } catch {
            self.switchboard.report("\(error), from a client")
            self.close()
        }
        self.fromClient.discardReadBytes()
    }

    func received(fromServer bytes: ByteBuffer) {
        guard !self.isFrozen else { return }
        self.fromServer.writeImmutableBuffer(bytes)
        do {
            while !self.isFrozen, !self.isClosed, let unit = try self.framing.nextFromServer(&self.fromServer) {
                switch unit {
                case .aside(let bytes): self.toClient(bytes)
                case .part(let bytes):
                    // A connection whose last reply is to be lost has to be let in first.
                    let isWithheld = self.outstanding.first.map { $0.verdict != .pass && !$0.request.isConnect }
                    if isWithheld != true { self.toClient(bytes) }
                case .end(let bytes): self.answered(bytes)
                }
            }
        } catch {
            self.switchboard.report("\(error), from a server")
            self.close()
        }
        self.fromServer.discardReadBytes()
    }

    private func pass(_ request: StoreRequest, _ bytes: ByteBuffer) {
        let verdict = self.switchboard.judge(request)
        switch verdict {
        case .pass: break
        case .dieBefore:
            self.isFrozen = true
            return self.switchboard.kill(request)
        // A startup's reply is a conversation: the client has to say its password in it.
        case .dieAfter, .loseReply: self.isDoomed = !request.isConnect
        }
        self.outstanding.append(Outstanding(request: request, verdict: verdict))
        self.toServer(bytes)
    }

    private func answered(_ bytes: ByteBuffer) {
        guard !self.outstanding.isEmpty else { return self.toClient(bytes) }
        let oldest = self.outstanding.removeFirst()
        switch oldest.verdict {
        case .pass: self.toClient(bytes)
        case .dieBefore, .dieAfter:
            self.isFrozen = true
            self.switchboard.kill(oldest.request)
        case .loseReply:
            self.close()
            self.switchboard.lost(oldest.request)
        }
    }

    private func toServer(_ bytes: ByteBuffer) {
        guard let server = self.server else {
            self.early.writeImmutableBuffer(bytes)
            return
        }
        self.switchboard.forward(bytes, to: server, .toServer, of: self)
    }

    private func toClient(_ bytes: ByteBuffer) {
        self.switchboard.forward(bytes, to: self.client, .toClient, of: self)
    }

    /// One side has ended.
    func ended() { self.close() }

    /// Ends both sides at once; what is under way is lost.
    func close() {
        guard !self.isClosed else { return }
        self.isClosed = true
        self.client.close(promise: nil)
        self.closeServer()
        self.switchboard.removed(self)
    }

    private func closeServer() { self.server?.close(promise: nil) }
}

extension StoreRequest {
    /// The startup of a PostgreSQL connection.
    var isConnect: Bool { self.name.hasSuffix("/connect") }
}

/// Hands a channel's bytes and its end to a line.
final class LineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Side {
        case client
        case server
    }

    private let line: ProxyLine
    private let side: Side

    init(_ line: ProxyLine, _ side: Side) {
        self.line = line
        self.side = side
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data)
        switch self.side {
        case .client: self.line.received(fromClient: bytes)
        case .server: self.line.received(fromServer: bytes)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { self.line.ended() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
