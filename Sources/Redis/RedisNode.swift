// One server that we stay connected to: the shell of `ReconnectStateMachine`, and the callers who wait for it.
//
// It never re-sends: a command is given to one connection, once. Invariants: (1) the state machine, the connection and
// the waiting callers change together, under one lock; (2) continuations are resumed and sockets touched outside it.

import Logging
import NIOCore
import Synchronization

final class RedisNode: Sendable {
    /// Finds the server and says how to greet it; called for every attempt.
    typealias Connector = @Sendable (any EventLoop) async throws -> RedisConnection

    private struct State {
        var machine = ReconnectStateMachine()
        var connection: RedisConnection?
        var waiting: [UInt64: OneShot<RedisConnection>] = [:]
        var nextWaiter: UInt64 = 0
        var lastFailure: RedisError?
        var closeReason: RedisError?
    }

    let name: String
    private let configuration: RedisConfiguration
    private let connector: Connector
    private let connected: @Sendable () -> Void
    private let logger: Logger
    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    /// Connects at the first demand. `connected` is called at each new connection, before anyone can use it.
    init(
        name: String, configuration: RedisConfiguration, logger: Logger, eventLoop: any EventLoop,
        connector: @escaping Connector,
        connected: @escaping @Sendable () -> Void
    ) {
        self.name = name
        self.configuration = configuration
        self.connector = connector
        self.connected = connected
        self.logger = logger
        self.eventLoop = eventLoop
    }

    deinit {
        self.state.withLock { $0.connection }?.close(because: RedisError(.closed, "the client was released"))
    }

    var isConnected: Bool { self.state.withLock { $0.connection != nil } }

    /// Sends commands in one flush and waits for their replies; error replies are values. `timeout` counts from when
    /// they are handed to the connection; before that they wait up to `connectTimeout` for one.
    func execute(_ commands: [RedisCommand], timeout: Duration?) async throws -> [RedisValue] {
        let encoded = try CommandEncoder.encode(commands)
        let deadline = NIODeadline.now() + TimeAmount(self.configuration.connectTimeout)
        while true {
            let connection = try await self.connection(until: deadline)
            if let promise = try connection.submit(encoded, timeout: timeout) { return try await promise.value() }
            // It ended between the look-up and here, and nothing was sent.
            self.lost(connection)
        }
    }

    /// Stops for good: callers who wait, and all later ones, are told the reason. Returns when the socket is closed.
    func close(because error: RedisError) async {
        let (connection, waiting) = self.state.withLock { state in
            state.machine.close()
            state.closeReason = state.closeReason ?? error
            defer {
                state.connection = nil
                state.waiting = [:]
            }
            return (state.connection, Array(state.waiting.values))
        }
        for waiter in waiting { waiter.complete(.failure(error)) }
        connection?.close(because: error)
        await connection?.closed()
    }

    // MARK: waiting for a connection

    private enum LookUp {
        case ready(RedisConnection)
        case wait(UInt64, OneShot<RedisConnection>, ReconnectStateMachine.Action)
        case fail(RedisError)
    }

    private func connection(until deadline: NIODeadline) async throws -> RedisConnection {
        let found: LookUp = self.state.withLock { state in
            if let connection = state.connection { return .ready(connection) }
            if let reason = state.closeReason { return .fail(reason) }
            guard state.waiting.count < self.configuration.commandsInFlightMax else {
                return .fail(RedisError(.overloaded, "too many callers wait for a connection to \(self.name)"))
            }
            let waiter = OneShot<RedisConnection>()
            state.nextWaiter += 1
            state.waiting[state.nextWaiter] = waiter
            return .wait(state.nextWaiter, waiter, state.machine.demand())
        }
        switch found {
        case .ready(let connection): return connection
        case .fail(let error): throw error
        case .wait(let id, let waiter, let action):
            let timer = self.eventLoop.scheduleTask(deadline: deadline) { self.giveUp(id) }
            self.perform(action)
            defer {
                timer.cancel()
                self.state.withLock { _ = $0.waiting.removeValue(forKey: id) }
            }
            return try await waiter.value()
        }
    }

    private func giveUp(_ id: UInt64) {
        let (waiter, failure) = self.state.withLock { ($0.waiting.removeValue(forKey: id), $0.lastFailure) }
        let reason = failure.map { ": \($0.description)" } ?? ""
        waiter?.complete(
            .failure(RedisError(.unavailable, "no connection to \(self.name) in time\(reason)", underlying: failure)))
    }

    // MARK: performing the machine's actions

    private func perform(_ action: ReconnectStateMachine.Action) {
        switch action {
        case .connect:
            // Owned by the node's state: there is one at a time, and it ends within the bounds of `connector`.
            Task { [weak self, connector, eventLoop] in
                let result: Result<RedisConnection, any Error>
                do { result = .success(try await connector(eventLoop)) } catch { result = .failure(error) }
                guard let self else {
                    if case .success(let connection) = result {
                        connection.close(because: RedisError(.closed, "the client was released"))
                    }
                    return
                }
                self.attemptEnded(result)
            }
        case .wait(let delay):
            self.eventLoop.scheduleTask(in: TimeAmount(delay)) { [weak self] in
                guard let self else { return }
                self.perform(self.state.withLock { $0.machine.backoffElapsed() })
            }
        case .publish, .discard, .none:
            break
        }
    }

    private func attemptEnded(_ result: Result<RedisConnection, any Error>) {
        switch result {
        case .success(let connection):
            self.publish(connection)
        case .failure(let error):
            let failure =
                error as? RedisError
                ?? RedisError(.unavailable, "cannot connect to \(self.name): \(error)", underlying: error)
            let jitter = Double.random(in: 0..<1)
            let (action, refused) = self.state.withLock { state in
                state.lastFailure = failure
                // What time will not heal (a wrong password) is told at once to those who wait; we keep trying, as
                // somebody may mend it.
                let refused = failure.canRetry ? [] : Array(state.waiting.values)
                if !failure.canRetry { state.waiting = [:] }
                return (state.machine.connectFailed(jitter: jitter), refused)
            }
            for waiter in refused { waiter.complete(.failure(failure)) }
            guard case .wait = action else { return }  // Closed meanwhile: nobody wants to know.
            self.logger.warning(
                "cannot connect to Redis",
                metadata: ["redis.server": "\(self.name)", "error": "\(failure)", "retry": "\(action)"])
            self.perform(action)
        }
    }

    private func publish(_ connection: RedisConnection) {
        // Before anyone can use it, so that whoever gets a reply from it can see that it is new.
        self.connected()
        let (action, waiting) = self.state.withLock { state in
            let action = state.machine.connectSucceeded()
            guard case .publish = action else { return (action, [OneShot<RedisConnection>]()) }
            state.connection = connection
            state.lastFailure = nil
            defer { state.waiting = [:] }
            // In the order in which they came: their commands keep it.
            return (action, state.waiting.sorted { $0.key < $1.key }.map(\.value))
        }
        guard case .publish(let generation) = action else {
            return connection.close(because: RedisError(.closed, "the client was closed"))
        }
        self.logger.debug(
            "connected to Redis",
            metadata: ["redis.server": "\(connection.endpoint)", "connection": "\(generation)"])
        connection.whenClosed { [weak self, weak connection] in
            if let connection { self?.lost(connection) }
        }
        for waiter in waiting { waiter.complete(.success(connection)) }
    }

    /// Forgets this connection, if it is the current one, and plans the next.
    private func lost(_ connection: RedisConnection) {
        let jitter = Double.random(in: 0..<1)
        let action = self.state.withLock { state in
            guard state.connection === connection else { return ReconnectStateMachine.Action.none }
            state.connection = nil
            return state.machine.connectionLost(generation: state.machine.generation, jitter: jitter)
        }
        guard action != .none else { return }
        self.logger.notice("lost the connection to Redis", metadata: ["redis.server": "\(connection.endpoint)"])
        self.perform(action)
    }
}
