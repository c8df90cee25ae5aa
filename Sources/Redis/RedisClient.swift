// What the rest of the house uses: commands in, replies out, over connections that mend themselves.
//
// It never sends a command twice on its own, except after `MOVED`, `ASK` and `NOSCRIPT`, which say that it did not run.

public import Logging
internal import Synchronization

/// A client of one Redis server, of a sentinel's master, or of a cluster.
///
/// It connects at first use and reconnects by itself.
///
/// **Order**: commands that one caller sends one after the other run in that order; so do those of one pipeline
/// (in a cluster: those for the same node). Commands of concurrent callers share one connection and its flushes.
///
/// **Errors**: `RedisError`. `.unavailable` and `.overloaded` mean that nothing was sent; after `.connectionLost` and
/// `.timeout` a command may have run, and the caller decides whether to send it again.
///
/// **Cancellation**: a cancelled caller gets `CancellationError` at once. A command that was sent runs all the same.
public final class RedisClient: Sendable {
    private enum Backend: Sendable {
        case single(RedisNode)
        case cluster(ClusterRouter)
    }

    /// The settings it was made with.
    public let configuration: RedisConfiguration
    private let servers: RedisServers
    private let backend: Backend
    private let transactionRight = Mutex(TransactionRight())

    /// What the server said of transactions, and on which connection.
    private struct TransactionRight {
        var generation = 0
        var isGiven = false
    }

    /// Makes a client; connects to nothing yet.
    public convenience init(configuration: RedisConfiguration, logger: Logger) {
        self.init(servers: RedisServers(configuration: configuration, logger: logger))
    }

    private init(servers: RedisServers) {
        let configuration = servers.configuration
        self.configuration = configuration
        self.servers = servers
        switch configuration.topology {
        case .standalone(let endpoint):
            self.backend = .single(self.servers.node(at: endpoint))
        case .sentinel(let sentinels, let name):
            self.backend = .single(self.servers.node(masterNamed: name, of: sentinels))
        case .cluster(let seeds):
            self.backend = .cluster(ClusterRouter(seeds: seeds, servers: self.servers))
        }
    }

    /// Sends a command and waits for its reply, up to `commandTimeout`. An error reply is thrown as `.server`.
    @discardableResult
    public func send(_ command: RedisCommand) async throws -> RedisValue {
        try await self.send(command, timeout: self.configuration.commandTimeout)
    }

    /// Sends a command with a time limit of its own, `nil` for none: for commands that block on the server.
    ///
    /// A blocking command holds up everything behind it on its connection: use `makeDedicatedClient()`. When the limit
    /// passes, the connection is dropped, so let it be longer than the server's own.
    @discardableResult
    public func send(_ command: RedisCommand, timeout: Duration?) async throws -> RedisValue {
        try await self.execute([command], timeout: timeout)[0].throwingErrors()
    }

    /// Sends commands in one flush; as many replies, in order. Error replies are values (`.error`), not thrown.
    ///
    /// Not a transaction. No more than `commandsInFlightMax` commands, else `.overloaded`.
    public func pipeline(_ commands: [RedisCommand]) async throws -> [RedisValue] {
        guard !commands.isEmpty else { return [] }
        return try await self.execute(commands, timeout: self.configuration.commandTimeout)
    }

    /// Runs a script: `EVALSHA`, and once `EVAL` if the server does not know it. An error reply is thrown as `.server`.
    ///
    /// `arguments` appends the script's `ARGV`. In a cluster the first key decides the node, and all keys must share
    /// its hash tag.
    @discardableResult
    public func run(
        _ script: RedisScript, keys: [String], arguments: (inout RedisCommand) -> Void = { _ in }
    ) async throws -> RedisValue {
        let command = script.call(keys: keys, arguments: arguments)
        let reply = try await self.execute([command], timeout: self.configuration.commandTimeout)[0]
        guard reply.error?.prefix == "NOSCRIPT" else { return try reply.throwingErrors() }
        return try await self.send(command.replacingHead(name: "EVAL", first: script.source))
    }

    /// Runs a script several times, in one pipeline. See the other `run`.
    ///
    /// - Returns: Their replies. An error reply of any is thrown; the others were run all the same.
    @discardableResult
    public func run(
        _ script: RedisScript, keys: [String], times: Int, arguments: (Int, inout RedisCommand) -> Void
    ) async throws -> [RedisValue] {
        let commands = (0..<times).map { call in
            script.call(keys: keys) { arguments(call, &$0) }
        }
        var replies = try await self.pipeline(commands)
        for (call, reply) in replies.enumerated() {
            replies[call] =
                reply.error?.prefix == "NOSCRIPT"
                ? try await self.send(commands[call].replacingHead(name: "EVAL", first: script.source))
                : try reply.throwingErrors()
        }
        return replies
    }

    /// Whether `run(transactions:)` may be used: not in a cluster, whose nodes may each send a part elsewhere, and only
    /// by a user who may `MULTI` and `EXEC`. Asked once a connection.
    public func allowsTransactions() async throws -> Bool {
        guard !self.configuration.isCluster else { return false }
        let known = self.transactionRight.withLock { $0 }
        if known.generation == self.connectionGeneration, known.generation > 0 { return known.isGiven }
        // EXEC alone at first: a MULTI whose EXEC is refused would swallow all that follows on this connection.
        let alone = try await self.pipeline([RedisCommand("EXEC")])[0]
        let generation = self.connectionGeneration
        var isGiven = alone.error?.message.hasPrefix("ERR EXEC without MULTI") == true
        if isGiven {
            let empty = try await self.pipeline([RedisCommand("MULTI"), RedisCommand("EXEC")])
            isGiven = empty == [.status("OK"), .array([])]
        }
        self.transactionRight.withLock { $0 = TransactionRight(generation: generation, isGiven: isGiven) }
        return isGiven
    }

    /// Runs transactions in one pipeline: of each, all commands are done with nobody's between, or none is. A command
    /// that fails while they are done undoes no other. Only where `allowsTransactions` says so: what follows a `MULTI`
    /// that was refused is done by itself.
    ///
    /// - Returns: The replies to the commands of each. An error reply of any is thrown; the other transactions were run
    ///   all the same.
    @discardableResult
    public func run(transactions: [[RedisCommand]]) async throws -> [[RedisValue]] {
        let commands = transactions.flatMap { [RedisCommand("MULTI")] + $0 + [RedisCommand("EXEC")] }
        var replies = try await self.pipeline(commands)[...]
        return try transactions.map { commands in
            let own = replies.prefix(commands.count + 2)
            replies = replies.dropFirst(own.count)
            // Why a command was refused when it was queued. EXEC says no more than that one was.
            for queued in own.dropLast() { _ = try queued.throwingErrors() }
            let done = try (own.last ?? .null).sayingWhyDiscarded().throwingErrors().requireArray()
            return try done.map { try $0.throwingErrors() }
        }
    }

    /// Another client with the same settings and connections of its own, on the same thread: for commands that block.
    /// Close it, too.
    public func makeDedicatedClient() -> RedisClient {
        RedisClient(
            servers: RedisServers(
                configuration: self.configuration, logger: self.servers.logger, eventLoop: self.servers.eventLoop))
    }

    /// Runs tasks on the thread of this client's sockets: one that sends, waits and sends again never changes threads.
    ///
    /// For short and unblocking work alone: meanwhile no command of anybody goes out, and no reply comes in.
    public var executor: any TaskExecutor { self.servers.executor }

    /// How many connections it has made. It rises before the first command runs on a new connection, so a caller who
    /// sees the same number before and after knows that the connection was the same.
    public var connectionGeneration: Int { self.servers.announcer.generation }

    /// The new `connectionGeneration` after each successful connection from now on. A slow reader sees only the newest.
    /// Ends when the client is closed.
    public func reconnections() -> AsyncStream<Int> { self.servers.announcer.stream() }

    /// Closes its connections. Whoever waits gets `.closed`, and so does every later call.
    public func close() async {
        switch self.backend {
        case .single(let node): await node.close(because: RedisError(.closed, "the client was closed"))
        case .cluster(let router): await router.close()
        }
        self.servers.announcer.close()
    }

    private func execute(_ commands: [RedisCommand], timeout: Duration?) async throws -> [RedisValue] {
        switch self.backend {
        case .single(let node): try await node.execute(commands, timeout: timeout)
        case .cluster(let router): try await router.execute(commands, timeout: timeout)
        }
    }
}
