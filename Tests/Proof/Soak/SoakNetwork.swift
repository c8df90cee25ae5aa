// Faults of the way between one pool of workers and its servers.

import LocalServers

/// The proxies that one pool reaches its servers by.
struct SoakNetwork: Sendable {
    private let proxy: ChaosProxy
    let databaseURL: String
    let redisURL: String

    static func start(_ stack: SoakStack) async throws -> SoakNetwork {
        let proxy = try await ChaosProxy.start(
            ChaosProxy.Upstream(stack), platform: SoakStack.database, logger: stack.logger)
        return SoakNetwork(
            proxy: proxy, databaseURL: proxy.postgresURL(stack.databaseURL), redisURL: proxy.redisURL(stack.redisURL))
    }

    private init(proxy: ChaosProxy, databaseURL: String, redisURL: String) {
        self.proxy = proxy
        self.databaseURL = databaseURL
        self.redisURL = redisURL
    }

    func close() async throws { try await self.proxy.stop() }

    /// All connections end; for some seconds new ones do, too.
    func cut(_ random: inout SeededRandom) async throws {
        let connections = await self.proxy.connections()
        let isRefusing = random.chance(0.5)
        await self.proxy.cut(refusing: isRefusing)
        if isRefusing { try? await Task.sleep(for: random.seconds(0.5...8)) }
        await self.proxy.heal()
        if connections == 0 { throw SoakNemesis.NotSeen("there was no connection") }
    }

    func slow(_ random: inout SeededRandom) async throws {
        let connections = await self.proxy.connections()
        await self.proxy.delay(random.seconds(0.02...0.4))
        try? await Task.sleep(for: random.seconds(3...10))
        await self.proxy.heal()
        if connections == 0 { throw SoakNemesis.NotSeen("there was no connection") }
    }

    /// Nothing passes, in one direction or in both, and nobody is told; at times for longer than a lease.
    func silence(_ random: inout SeededRandom) async throws {
        let connections = await self.proxy.connections()
        let directions: [Set<Direction>] = [[.toServer], [.toClient], [.toServer, .toClient]]
        await self.proxy.blackhole(random.one(of: directions))
        try? await Task.sleep(for: random.seconds(2...14))
        // What was held may arrive now, or be lost with its connection.
        if random.chance(0.5) { await self.proxy.cut() }
        await self.proxy.heal()
        if connections == 0 { throw SoakNemesis.NotSeen("there was no connection") }
    }
}

extension ChaosProxy.Upstream {
    fileprivate init(_ stack: SoakStack) {
        self.redisPort = { stack.redis.url.flatMap { LoopbackURL.port(of: $0) } }
        self.postgresPort = { stack.postgres.url.flatMap { LoopbackURL.port(of: $0) } }
    }
}
