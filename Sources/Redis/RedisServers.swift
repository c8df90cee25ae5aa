// Makes nodes: what differs between one server, a sentinel's master and a cluster's node is how a connection is opened.

import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Settings and shared parts of all connections of one client.
final class RedisServers: Sendable {
    let configuration: RedisConfiguration
    let logger: Logger
    let announcer = ConnectionAnnouncer()
    /// All connections of one client are served by one thread.
    let eventLoop: any EventLoop
    let executor: EventLoopExecutor
    /// Built at the first connection (it reads files), then kept: it is expensive.
    private let tls = Mutex<NIOSSLContext?>(nil)

    init(configuration: RedisConfiguration, logger: Logger, eventLoop: (any EventLoop)? = nil) {
        let eventLoop = eventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
        self.configuration = configuration
        self.logger = logger
        self.eventLoop = eventLoop
        self.executor = EventLoopExecutor(eventLoop)
    }

    /// A node for a fixed address.
    func node(at endpoint: RedisEndpoint) -> RedisNode {
        self.node(named: endpoint.description) { servers, _ in endpoint }
    }

    /// A node for the master that sentinels name.
    func node(masterNamed name: String, of sentinels: [RedisEndpoint]) -> RedisNode {
        self.node(named: "master '\(name)'") { servers, eventLoop in
            try await SentinelResolver.master(
                named: name, of: sentinels,
                settings: try await servers.settings(Handshake(sentinelOf: servers.configuration)), on: eventLoop)
        }
    }

    private func node(
        named name: String, resolve: @escaping @Sendable (RedisServers, any EventLoop) async throws -> RedisEndpoint
    ) -> RedisNode {
        RedisNode(
            name: name, configuration: self.configuration, logger: self.logger, eventLoop: self.eventLoop,
            connector: { eventLoop in
                let endpoint = try await resolve(self, eventLoop)
                let settings = try await self.settings(Handshake(configuration: self.configuration))
                return try await RedisConnection.open(endpoint, settings: settings, on: eventLoop)
            },
            connected: { self.announcer.announce() })
    }

    private func settings(_ handshake: Handshake) async throws -> ConnectionSettings {
        var settings = ConnectionSettings(
            handshake: handshake, connectTimeout: self.configuration.connectTimeout,
            commandsInFlightMax: self.configuration.commandsInFlightMax, tls: nil)
        if let tls = self.configuration.tls {
            if let context = self.tls.withLock({ $0 }) {
                settings.tls = context
            } else {
                let context = try await tls.makeContext()
                self.tls.withLock { $0 = context }
                settings.tls = context
            }
        }
        return settings
    }
}

/// Counts a client's connections and tells whoever wants to know.
final class ConnectionAnnouncer: Sendable {
    private struct State {
        var generation = 0
        var listeners: [Int: AsyncStream<Int>.Continuation] = [:]
        var nextListener = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    var generation: Int { self.state.withLock { $0.generation } }

    func announce() {
        let (generation, listeners) = self.state.withLock { state in
            state.generation += 1
            return (state.generation, Array(state.listeners.values))
        }
        for listener in listeners { listener.yield(generation) }
    }

    /// Only the newest number is kept for a slow reader: it is the only one that matters.
    func stream() -> AsyncStream<Int> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        let id: Int? = self.state.withLock { state in
            guard !state.isClosed else { return nil }
            state.nextListener += 1
            state.listeners[state.nextListener] = continuation
            return state.nextListener
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: id) }
        }
        return stream
    }

    func close() {
        let listeners = self.state.withLock { state in
            state.isClosed = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }
}
