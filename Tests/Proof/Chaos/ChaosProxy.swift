// A proxy between real processes and their Redis and PostgreSQL: two ports on loopback, one behind which each server
// is. Whoever is given these ports' URLs cannot tell, until something is to go wrong.

internal import LocalServers
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import TestSupport

/// The proxies of one process under test, or of one pool of processes, and the switchboard over both.
final class ChaosProxy: Sendable {
    /// Where the real servers are now; nil: away, and connections are ended at once.
    struct Upstream: Sendable {
        var redisPort: @Sendable () -> Int?
        var postgresPort: @Sendable () -> Int?

        init(_ servers: TestServers) {
            self.redisPort = { servers.redis.url.flatMap { LoopbackURL.port(of: $0) } }
            self.postgresPort = { servers.postgres.url.flatMap { LoopbackURL.port(of: $0) } }
        }
    }

    let redisPort: Int
    let postgresPort: Int
    private let group: MultiThreadedEventLoopGroup
    private let board: NIOLoopBound<Switchboard>
    private let listeners: [any Channel]

    private init(
        group: MultiThreadedEventLoopGroup, board: NIOLoopBound<Switchboard>, redis: any Channel, postgres: any Channel
    ) throws {
        guard let redisPort = redis.localAddress?.port, let postgresPort = postgres.localAddress?.port else {
            throw ProofFailure("the proxy has no ports")
        }
        self.group = group
        self.board = board
        self.redisPort = redisPort
        self.postgresPort = postgresPort
        self.listeners = [redis, postgres]
    }

    /// Starts listening.
    ///
    /// - Parameter platform: The platform's database, so that requests are named by where they go.
    static func start(_ upstream: Upstream, platform: String, logger: Logger) async throws -> ChaosProxy {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let board = try await loop.submit {
            NIOLoopBound(
                Switchboard(loop: loop) {
                    logger.warning("the proxy does not understand", metadata: ["what": "\($0)"])
                },
                eventLoop: loop)
        }.get()
        let redis = try await Self.listen(loop, board, upstream.redisPort) { RedisFraming() }
        let postgres = try await Self.listen(loop, board, upstream.postgresPort) { PostgresFraming(platform: platform) }
        return try ChaosProxy(group: group, board: board, redis: redis, postgres: postgres)
    }

    private static func listen(
        _ loop: any EventLoop, _ board: NIOLoopBound<Switchboard>, _ upstream: @escaping @Sendable () -> Int?,
        framing: @escaping @Sendable () -> any Framing
    ) async throws -> any Channel {
        try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { client in
                client.eventLoop.makeCompletedFuture {
                    let board = board.value
                    guard !board.isRefusing, let port = upstream() else {
                        client.close(promise: nil)
                        return
                    }
                    let line = ProxyLine(client: client, framing: framing(), switchboard: board)
                    board.added(line)
                    try client.pipeline.syncOperations.addHandler(LineHandler(line, .client))
                    let bound = NIOLoopBound(line, eventLoop: loop)
                    ClientBootstrap(group: loop)
                        .channelInitializer { server in
                            server.eventLoop.makeCompletedFuture {
                                try server.pipeline.syncOperations.addHandler(LineHandler(bound.value, .server))
                            }
                        }
                        .connect(host: "127.0.0.1", port: port)
                        .whenComplete { result in
                            switch result {
                            case .success(let server): bound.value.opened(server)
                            case .failure: bound.value.close()
                            }
                        }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    /// Closes everything.
    func stop() async throws {
        for listener in self.listeners { try await listener.close() }
        await self.cut()
        try await self.group.shutdownGracefully()
    }

    /// The same URL, through the proxy.
    func redisURL(_ url: String) -> String { LoopbackURL.replacingPort(of: url, by: self.redisPort) }
    func postgresURL(_ url: String) -> String { LoopbackURL.replacingPort(of: url, by: self.postgresPort) }

    /// Who decides about each request from now on; nil: all pass.
    func setJudge(_ judge: (any RequestJudge)?) async { await self.onLoop { $0.theJudge = judge } }

    // MARK: Weather

    /// Cuts all connections.
    ///
    /// - Parameter refusing: New ones, too, until `heal`.
    func cut(refusing: Bool = false) async { await self.onLoop { $0.cut(refusing: refusing) } }

    /// From now on everything takes this much longer, in each direction.
    func delay(_ delay: Duration) async {
        let amount = TimeAmount(delay)
        await self.onLoop { $0.setDelay(amount) }
    }

    /// Nothing passes in these directions, and nobody is told; what was sent arrives with `heal`.
    func blackhole(_ directions: Set<Direction> = Set(Direction.allCases)) async {
        await self.onLoop { $0.blackhole(directions) }
    }

    /// Fair weather: connections are taken, nothing is delayed, what was held arrives.
    func heal() async { await self.onLoop { $0.heal() } }

    /// Connections that are open.
    func connections() async -> Int { await self.onLoop { $0.lineCount } }

    private func onLoop<Value: Sendable>(_ body: @escaping @Sendable (Switchboard) -> Value) async -> Value {
        await withUnsafeContinuation { continuation in
            self.group.next().execute { continuation.resume(returning: body(self.board.value)) }
        }
    }
}

/// What is to be known of our servers' URLs: `scheme://user:password@127.0.0.1:port/rest`.
enum LoopbackURL {
    static func port(of url: String) -> Int? { Self.portRange(in: url).flatMap { Int(url[$0]) } }

    static func replacingPort(of url: String, by port: Int) -> String {
        guard let range = Self.portRange(in: url) else { return url }
        return url[..<range.lowerBound] + "\(port)" + url[range.upperBound...]
    }

    private static func portRange(in url: String) -> Range<String.Index>? {
        guard let host = url.firstRange(of: "@127.0.0.1:") else { return nil }
        let end = url[host.upperBound...].firstIndex { !$0.isNumber } ?? url.endIndex
        return host.upperBound..<end
    }
}
