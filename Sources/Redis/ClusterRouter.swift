// Commands to the nodes of a cluster: one `RedisNode` a master, a slot map, redirections followed.
//
// Replicas are not read from. Invariants: (1) one refresh of the map at a time; whoever needs it waits for that one;
// (2) a command is sent again only after MOVED or ASK, which say that it did not run.

import Synchronization

final class ClusterRouter: Sendable {
    /// Redirections that one command follows. In a healthy cluster one is enough; two while a slot moves.
    static let redirectionsMax = 5

    private struct State {
        var map: ClusterMap?
        var nodes: [RedisEndpoint: RedisNode] = [:]
        var isRefreshing = false
        var waiting: [OneShot<Void>] = []
        var isClosed = false
    }

    private let seeds: [RedisEndpoint]
    private let servers: RedisServers
    private let state = Mutex(State())

    init(seeds: [RedisEndpoint], servers: RedisServers) {
        self.seeds = seeds
        self.servers = servers
    }

    /// Sends each command to its node; the commands of one node keep their order and share a flush.
    func execute(_ commands: [RedisCommand], timeout: Duration?) async throws -> [RedisValue] {
        try await self.ensureMap()
        var groups: [RedisEndpoint: [Int]] = [:]
        for (index, command) in commands.enumerated() {
            groups[try self.endpoint(for: command), default: []].append(index)
        }
        if groups.count == 1, let endpoint = groups.keys.first {
            return try await self.execute(commands, at: endpoint, timeout: timeout)
        }
        return try await withThrowingTaskGroup(of: ([Int], [RedisValue]).self) { tasks in
            for (endpoint, indices) in groups {
                tasks.addTask {
                    (indices, try await self.execute(indices.map { commands[$0] }, at: endpoint, timeout: timeout))
                }
            }
            var replies = [RedisValue](repeating: .null, count: commands.count)
            for try await (indices, values) in tasks {
                for (index, value) in zip(indices, values) { replies[index] = value }
            }
            return replies
        }
    }

    func close() async {
        let (nodes, waiting) = self.state.withLock { state in
            state.isClosed = true
            defer {
                state.nodes = [:]
                state.waiting = []
            }
            return (Array(state.nodes.values), state.waiting)
        }
        for waiter in waiting { waiter.complete(.failure(RedisError(.closed, "the client was closed"))) }
        for node in nodes { await node.close(because: RedisError(.closed, "the client was closed")) }
    }

    // MARK: one node

    private func execute(
        _ commands: [RedisCommand], at endpoint: RedisEndpoint, timeout: Duration?
    ) async throws -> [RedisValue] {
        var replies: [RedisValue]
        do {
            replies = try await self.node(at: endpoint).execute(commands, timeout: timeout)
        } catch let error as RedisError where error.code == .connectionLost || error.code == .unavailable {
            // Perhaps it was replaced by its replica: whoever tries again shall find that one.
            self.refresh()
            throw error
        }
        for index in replies.indices {
            guard let error = replies[index].error, let redirection = ClusterRedirection(error, from: endpoint) else {
                continue
            }
            replies[index] = try await self.follow(redirection, with: commands[index], timeout: timeout)
        }
        return replies
    }

    private func follow(
        _ redirection: ClusterRedirection, with command: RedisCommand, timeout: Duration?
    ) async throws -> RedisValue {
        var redirection = redirection
        var followed = 0
        while true {
            let reply: RedisValue
            let endpoint: RedisEndpoint
            switch redirection {
            case .moved(let slot, let owner):
                endpoint = owner
                self.state.withLock { $0.map?.setOwner(owner, ofSlot: slot) }
                self.refresh()
                reply = try await self.node(at: owner).execute([command], timeout: timeout)[0]
            case .ask(let importer):
                endpoint = importer
                reply = try await self.node(at: importer)
                    .execute([RedisCommand("ASKING"), command], timeout: timeout)[1]
            }
            followed += 1
            // After too many the redirection itself is the answer: an error reply that says "try again".
            guard followed < Self.redirectionsMax, let error = reply.error,
                let next = ClusterRedirection(error, from: endpoint)
            else { return reply }
            redirection = next
        }
    }

    private func node(at endpoint: RedisEndpoint) throws(RedisError) -> RedisNode {
        let node: RedisNode? = self.state.withLock { state in
            if state.isClosed { return nil }
            if let node = state.nodes[endpoint] { return node }
            let node = self.servers.node(at: endpoint)
            state.nodes[endpoint] = node
            return node
        }
        guard let node else { throw RedisError(.closed, "the client was closed") }
        return node
    }

    private func endpoint(for command: RedisCommand) throws(RedisError) -> RedisEndpoint {
        let slot = command.routingKey.map(ClusterSlots.slot)
        let endpoint = self.state.withLock { state in
            // A command without a key goes anywhere; always to the same node, so that order is kept.
            slot.flatMap { state.map?.owner(ofSlot: $0) }
                ?? state.map?.masters.min { $0.description < $1.description }
        }
        guard let endpoint else { throw RedisError(.unavailable, "no node of the cluster owns a slot") }
        return endpoint
    }

    // MARK: the map

    private func ensureMap() async throws {
        let waiter: Result<OneShot<Void>, RedisError>? = self.state.withLock { state in
            if state.isClosed { return .failure(RedisError(.closed, "the client was closed")) }
            if state.map != nil { return nil }
            guard state.waiting.count < self.servers.configuration.commandsInFlightMax else {
                return .failure(RedisError(.overloaded, "too many callers wait for the cluster's slot map"))
            }
            let waiter = OneShot<Void>()
            state.waiting.append(waiter)
            return .success(waiter)
        }
        guard let waiter = try waiter?.get() else { return }
        self.refresh()
        try await waiter.value()
    }

    /// Reads the map anew, unless that is being done.
    private func refresh() {
        let isMine = self.state.withLock { state in
            guard !state.isRefreshing, !state.isClosed else { return false }
            state.isRefreshing = true
            return true
        }
        guard isMine else { return }
        // Owned by `isRefreshing`: one at a time; ends after asking each known node once, each bounded by its timeouts.
        Task {
            let result: Result<ClusterMap, any Error>
            do { result = .success(try await self.fetchMap()) } catch { result = .failure(error) }
            await self.refreshed(result)
        }
    }

    private func fetchMap() async throws -> ClusterMap {
        let nodes = self.state.withLock { $0.nodes }
        let live = nodes.filter { $0.value.isConnected }.map(\.key)
        var candidates = live
        for endpoint in self.seeds + Array(nodes.keys) where !candidates.contains(endpoint) {
            candidates.append(endpoint)
        }
        var failures: [String] = []
        for endpoint in candidates {
            do {
                let reply = try await self.node(at: endpoint).execute(
                    [RedisCommand("CLUSTER", "SLOTS")], timeout: self.servers.configuration.commandTimeout)[0]
                let map = try ClusterMap(slotsReply: reply, asked: endpoint)
                if !map.masters.isEmpty { return map }
                failures.append("\(endpoint) knows no slots")
            } catch let error as RedisError {
                guard error.code != .closed else { throw error }
                failures.append("\(endpoint): \(error)")
            }
        }
        throw RedisError(.unavailable, "no node named the cluster's slots: \(failures.joined(separator: "; "))")
    }

    private func refreshed(_ result: Result<ClusterMap, any Error>) async {
        let (waiting, leaving) = self.state.withLock { state in
            state.isRefreshing = false
            var leaving: [RedisNode] = []
            if case .success(let map) = result {
                state.map = map
                let needed = map.masters.union(self.seeds)
                leaving = state.nodes.filter { !needed.contains($0.key) }.map(\.value)
                state.nodes = state.nodes.filter { needed.contains($0.key) }
            }
            defer { state.waiting = [] }
            return (state.waiting, leaving)
        }
        for waiter in waiting { waiter.complete(result.map { _ in () }) }
        for node in leaving {
            // Not `.closed`: the client lives, and a caller who tries again finds the new owner.
            await node.close(because: RedisError(.connectionLost, "\(node.name) left the cluster"))
        }
    }
}
