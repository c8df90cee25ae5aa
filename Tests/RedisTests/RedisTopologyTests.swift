// Sockets, sentinels and a cluster: real servers that each test starts and stops.

import LocalServers
import Logging
import Processes
import TestSupport
import Testing

@testable import Redis

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

@Suite(.timeLimit(.minutes(3))) struct RedisTopologyTests {
    private func client(_ url: String) throws -> RedisClient {
        RedisClient(configuration: try RedisConfiguration(url: url), logger: .quiet)
    }

    @Test("a Unix socket works like a port, in the database that the URL names")
    func unixSocket() async throws {
        let group = try PrivateRedisGroup()
        let url = "redis+unix://\(group.directory)/redis.sock"
        let server = try await group.start(
            "socket", url: url, settings: ["port 0", "unixsocket \(group.directory)/redis.sock"])
        let client = try self.client(url + "?db=3")
        try await client.send(RedisCommand("SET", "a", "1"))
        #expect(try await client.send(RedisCommand("CLIENT", "INFO")).string?.contains(" db=3 ") == true)
        await client.close()
        await server.stop()
    }

    @Test("a server killed and started again is found again without anyone asking")
    func restart() async throws {
        let group = try PrivateRedisGroup()
        let url = "redis://127.0.0.1:\(try PrivateRedisGroup.freePorts(1)[0])"
        let settings = ["bind 127.0.0.1", "port \(url.split(separator: ":").last ?? "")"]
        let first = try await group.start("restart", url: url, settings: settings)
        let client = try self.client(url)
        var reconnections = client.reconnections().makeAsyncIterator()
        try await client.send(RedisCommand("PING"))
        #expect(await reconnections.next() == 1)
        first.kill(SIGKILL)
        _ = await first.wait()
        let second = try await group.start("restart", url: url, settings: settings)
        #expect(await reconnections.next() == 2)
        #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
        await client.close()
        await second.stop()
    }

    @Test("after a failover the client writes to the master that the sentinel names")
    func sentinel() async throws {
        let group = try PrivateRedisGroup()
        let ports = try PrivateRedisGroup.freePorts(3)
        let urls = ports.map { "redis://127.0.0.1:\($0)" }
        let common = ["bind 127.0.0.1", "repl-diskless-sync-delay 0"]
        let master = try await group.start("master", url: urls[0], settings: common + ["port \(ports[0])"])
        let replica = try await group.start(
            "replica", url: urls[1], settings: common + ["port \(ports[1])", "replicaof 127.0.0.1 \(ports[0])"])
        let observer = try await group.start(
            "sentinel", url: urls[2], sentinel: true,
            settings: [
                "bind 127.0.0.1", "port \(ports[2])", "sentinel monitor main 127.0.0.1 \(ports[0]) 1",
                "sentinel down-after-milliseconds main 300", "sentinel failover-timeout main 3000",
            ])
        let watcher = try self.client(urls[2])
        try await eventually("the sentinel knows the replica", within: .seconds(60)) {
            let replicas = try await watcher.send(RedisCommand("SENTINEL", "REPLICAS", "main")).requireArray()
            let fields = replicas.first?.array?.compactMap(\.string) ?? []
            return fields.contains("ok") && fields.contains("slave")
        }
        // A sentinel that is not there comes first: the next one is asked.
        let client = try self.client(
            "redis+sentinel://127.0.0.1:\(try PrivateRedisGroup.freePorts(1)[0]),127.0.0.1:\(ports[2])/main")
        try await client.send(RedisCommand("SET", "before", "1"))
        #expect(try await client.send(RedisCommand("WAIT", "1", "5000")).int == 1)
        master.kill(SIGKILL)
        _ = await master.wait()
        try await eventually("a write succeeds on the new master", within: .seconds(60)) {
            do {
                try await client.send(RedisCommand("SET", "after", "1"))
                return true
            } catch let error as RedisError where error.canRetry {
                return false
            }
        }
        #expect(try await client.send(RedisCommand("GET", "before")).string == "1")
        #expect(try await client.send(RedisCommand("INFO", "server")).string?.contains("tcp_port:\(ports[1])") == true)
        await client.close()
        await watcher.close()
        await observer.stop()
        await replica.stop()
    }

    @Test("a sentinel that does not know the master's name makes the client unavailable, and says so")
    func unknownMaster() async throws {
        let group = try PrivateRedisGroup()
        let port = try PrivateRedisGroup.freePorts(1)[0]
        let observer = try await group.start(
            "sentinel", url: "redis://127.0.0.1:\(port)", sentinel: true, settings: ["bind 127.0.0.1", "port \(port)"])
        var configuration = try RedisConfiguration(url: "redis+sentinel://127.0.0.1:\(port)/main")
        configuration.connectTimeout = .seconds(10)
        let client = RedisClient(configuration: configuration, logger: .quiet)
        let error = await #expect(throws: RedisError.self) { try await client.send(RedisCommand("PING")) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("does not know 'main'") == true, "\(error?.message ?? "")")
        await client.close()
        await observer.stop()
    }

    @Test("a cluster's commands go to the nodes that own their keys, and follow redirections")
    func cluster() async throws {
        let group = try PrivateRedisGroup()
        let ports = try PrivateRedisGroup.freePorts(3)
        var servers: [ChildProcess] = []
        var nodes: [RedisClient] = []
        for port in ports {
            let url = "redis://127.0.0.1:\(port)"
            servers.append(
                try await group.start(
                    "node\(port)", url: url,
                    settings: [
                        "bind 127.0.0.1", "port \(port)", "cluster-enabled yes", "cluster-config-file nodes-\(port)",
                        "appendonly no",
                    ]))
            nodes.append(try self.client(url))
        }
        let ranges = [(0, 5460), (5461, 10_922), (10_923, 16_383)]
        for (index, node) in nodes.enumerated() {
            let (first, last) = ranges[index]
            try await node.send(RedisCommand("CLUSTER", "ADDSLOTSRANGE", String(first), String(last)))
            // Epochs of their own, or they would have to be settled first.
            try await node.send(RedisCommand("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1)))
        }
        for port in ports.dropFirst() {
            try await nodes[0].send(RedisCommand("CLUSTER", "MEET", "127.0.0.1", String(port)))
        }
        for node in nodes {
            try await eventually("every node sees the whole cluster", within: .seconds(60)) {
                let info = try await node.send(RedisCommand("CLUSTER", "INFO")).requireString()
                return info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
                    && info.contains("cluster_known_nodes:3")
            }
        }

        let cluster = try self.client("redis+cluster://127.0.0.1:\(ports[0]),127.0.0.1:\(ports[1])")
        let keys = (0..<300).map { "key\($0)" }
        let stored = try await cluster.pipeline(keys.map { RedisCommand("SET", $0, "v-" + $0) })
        #expect(stored.allSatisfy { $0 == .status("OK") })
        let read = try await cluster.pipeline(keys.map { RedisCommand("GET", $0) })
        #expect(read.map(\.string) == keys.map { "v-" + $0 })
        for node in nodes { #expect(try await node.send(RedisCommand("DBSIZE")).requireInt() > 50) }
        let script = RedisScript(name: "both", source: "return redis.call('MSET', KEYS[1], 1, KEYS[2], ARGV[1])")
        for tag in ["a", "b", "c", "d", "e"] {
            try await cluster.run(script, keys: ["{\(tag)}1", "{\(tag)}2"]) { $0.append(7) }
            #expect(try await cluster.send(RedisCommand("GET", "{\(tag)}2")).int == 7)
        }

        // While a slot moves, its new keys are answered by ASK; after it moved, by MOVED.
        let slot = String(ClusterSlots.slot(of: Array("moving".utf8)[...]))
        let owner = try #require(ranges.firstIndex { $0.0...$0.1 ~= Int(slot) ?? -1 })
        let target = (owner + 1) % 3
        let ownerID = try await nodes[owner].send(RedisCommand("CLUSTER", "MYID")).requireString()
        let targetID = try await nodes[target].send(RedisCommand("CLUSTER", "MYID")).requireString()
        try await nodes[target].send(RedisCommand("CLUSTER", "SETSLOT", slot, "IMPORTING", ownerID))
        try await nodes[owner].send(RedisCommand("CLUSTER", "SETSLOT", slot, "MIGRATING", targetID))
        #expect(try await cluster.send(RedisCommand("SET", "moving", "asked")) == .status("OK"))
        #expect(
            try await nodes[target].pipeline([RedisCommand("ASKING"), RedisCommand("GET", "moving")])[1].string
                == "asked")
        for node in [target, owner] {
            try await nodes[node].send(RedisCommand("CLUSTER", "SETSLOT", slot, "NODE", targetID))
        }
        #expect(try await cluster.send(RedisCommand("GET", "moving")).string == "asked")

        await cluster.close()
        for node in nodes { await node.close() }
        for server in servers { await server.stop() }
    }
}
