// One ready connection to one server: takes formatted commands from any thread, promises their replies.
//
// It does not reconnect (`RedisNode` does) and never sends a command twice.

import NIOCore
import NIOPosix
import NIOSSL

final class RedisConnection: Sendable {
    let endpoint: RedisEndpoint
    private let channel: any Channel
    private let outbox: CommandOutbox
    private let handler: NIOLoopBound<RedisChannelHandler>
    let readiness: OneShot<Void>

    /// Adds the handler to a channel that is not active yet. To be called on the channel's event loop.
    init(channel: any Channel, endpoint: RedisEndpoint, settings: ConnectionSettings) throws {
        self.channel = channel
        self.endpoint = endpoint
        self.outbox = CommandOutbox(inFlightMax: settings.commandsInFlightMax)
        self.readiness = OneShot()
        let handler = try RedisChannelHandler(
            handshake: settings.handshake, outbox: self.outbox, readiness: self.readiness,
            connectTimeout: TimeAmount(settings.connectTimeout))
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// Sends commands in one flush. Returns `nil` if the connection has ended, in which case nothing was sent.
    ///
    /// The promise brings as many replies as there are commands, error replies among them, or a `RedisError`:
    /// `.connectionLost`, `.timeout`. Throws `.overloaded` if too many commands wait for replies.
    func submit(_ commands: EncodedCommands, timeout: Duration?) throws(RedisError) -> OneShot<[RedisValue]>? {
        let promise = OneShot<[RedisValue]>()
        let deadline = timeout.map { NIODeadline.now() + TimeAmount($0) }
        switch self.outbox.put(commands, Submission(promise: promise, count: commands.count, deadline: deadline)) {
        case .wake: self.channel.eventLoop.execute { self.handler.value.flushOutbox() }
        case .queued: break
        case .closed: return nil
        case .full:
            throw RedisError(.overloaded, "too many commands wait for replies of \(self.endpoint)")
        }
        return promise
    }

    /// Waits until the handshake is done. Throws why it failed.
    func ready() async throws {
        do {
            try await self.readiness.value()
        } catch {
            self.close(because: RedisError(.closed, "nobody waits for this connection"))
            throw error
        }
    }

    /// Ends the connection; whoever waits for a reply is told the reason.
    func close(because reason: RedisError) {
        self.channel.eventLoop.execute { self.handler.value.close(because: reason) }
    }

    /// Calls back, on the event loop, when the connection has ended.
    func whenClosed(_ callback: @escaping @Sendable () -> Void) {
        self.channel.closeFuture.whenComplete { _ in callback() }
    }

    /// Waits until the connection has ended.
    func closed() async {
        let end = OneShot<Void>()
        self.whenClosed { end.complete(.success(())) }
        // Fails only by cancellation: then there is nothing to wait for any more.
        do { try await end.value() } catch { return }
    }
}

/// What a new connection needs to know.
struct ConnectionSettings: Sendable {
    var handshake: Handshake
    var connectTimeout: Duration
    var commandsInFlightMax: Int
    var tls: NIOSSLContext?
}

// Opening the socket.
extension RedisConnection {
    /// Connects, with TLS if the settings have it, and waits for the handshake. Takes at most twice `connectTimeout`
    /// (socket, then handshake). Throws `.unavailable`, or what the server said to the handshake.
    static func open(
        _ endpoint: RedisEndpoint, settings: ConnectionSettings, on eventLoop: any EventLoop
    ) async throws -> RedisConnection {
        let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(TimeAmount(settings.connectTimeout))
        let initialize: @Sendable (any Channel) -> EventLoopFuture<RedisConnection> = { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls = settings.tls {
                    try channel.pipeline.syncOperations.addHandler(Self.tlsHandler(tls, for: endpoint))
                }
                return try RedisConnection(channel: channel, endpoint: endpoint, settings: settings)
            }
        }
        let connection: RedisConnection
        do {
            switch endpoint {
            case .tcp(let host, let port):
                connection =
                    try await SocketLiveness.apply(to: bootstrap)
                    // A command waits for its reply: it must not wait for company in the kernel.
                    .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .connect(host: host, port: port, channelInitializer: initialize)
            case .unix(let path):
                connection = try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: initialize)
            }
        } catch let error as RedisError {
            throw error
        } catch {
            throw RedisError(.unavailable, "cannot connect to \(endpoint): \(error)", underlying: error)
        }
        try await connection.ready()
        return connection
    }

    private static func tlsHandler(_ context: NIOSSLContext, for endpoint: RedisEndpoint) throws -> NIOSSLClientHandler
    {
        guard case .tcp(let host, _) = endpoint else {
            return try NIOSSLClientHandler(context: context, serverHostname: nil)
        }
        do {
            return try NIOSSLClientHandler(context: context, serverHostname: host)
        } catch let error as NIOSSLExtraError where error == .cannotUseIPAddressInSNI {
            // The certificate is then checked against the peer's address instead of a name.
            return try NIOSSLClientHandler(context: context, serverHostname: nil)
        }
    }
}

// TLS settings to a context.
extension RedisConfiguration.TLS {
    /// Reads the files, on NIO's thread pool. Throws `.invalidConfiguration`.
    func makeContext() async throws -> NIOSSLContext {
        try await NIOThreadPool.singleton.runIfActive {
            do {
                var configuration = TLSConfiguration.makeClientConfiguration()
                if let caPath = self.caPath { configuration.trustRoots = .file(caPath) }
                if let certificatePath = self.certificatePath, let keyPath = self.keyPath {
                    configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificatePath)
                        .map { .certificate($0) }
                    configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyPath, format: .pem))
                }
                switch self.verification {
                case .full: configuration.certificateVerification = .fullVerification
                case .none: configuration.certificateVerification = .none
                }
                return try NIOSSLContext(configuration: configuration)
            } catch {
                throw RedisError(.invalidConfiguration, "TLS: \(error)", underlying: error)
            }
        }
    }
}
