// Transactions that a real server refuses: at the last moment, as a replica, and to a user who may have none. Each test
// has a server of its own, whose settings it changes.

import LocalServers
import Processes
import TestSupport
import Testing

@testable import Redis

@Suite(.timeLimit(.minutes(3))) struct TransactionTests {
    /// Runs a test with a client, and one beside it that an operator could have.
    private func withServer(
        _ body: (_ url: String, RedisClient, _ other: RedisClient) async throws -> Void
    ) async throws {
        let group = try PrivateRedisGroup()
        let port = try PrivateRedisGroup.freePorts(1)[0]
        let url = "redis://127.0.0.1:\(port)"
        let server = try await group.start("transactions", url: url, settings: ["bind 127.0.0.1", "port \(port)"])
        let clients = try (0..<2).map { _ in
            RedisClient(configuration: try RedisConfiguration(url: url), logger: .quiet)
        }
        for client in clients { try await client.send(RedisCommand("PING")) }
        do {
            try await body(url, clients[0], clients[1])
        } catch {
            for client in clients { await client.close() }
            throw error
        }
        for client in clients { await client.close() }
        await server.stop()
    }

    @Test("memory that is full only at EXEC is told as full memory, and nothing was done")
    func fullAtExec() async throws {
        try await self.withServer { _, client, other in
            // One by one: a transaction that goes out at once leaves no moment to fill the memory in.
            try await client.send(RedisCommand("MULTI"))
            #expect(try await client.send(RedisCommand("RPUSH", "list", "a")) == .status("QUEUED"))
            try await other.send(RedisCommand("CONFIG", "SET", "maxmemory", "1"))
            let reply = try await client.pipeline([RedisCommand("EXEC")])[0]
            #expect(reply.error?.prefix == "EXECABORT")
            let told = reply.sayingWhyDiscarded()
            #expect(told.error?.prefix == "OOM")
            #expect(told.error?.canRetry == true)
            #expect(try await other.send(RedisCommand("EXISTS", "list")) == .integer(0))

            let refused = await #expect(throws: RedisError.self) {
                try await client.run(transactions: [[RedisCommand("RPUSH", "list", "a")]])
            }
            #expect(refused?.prefix == "OOM")
            try await other.send(RedisCommand("CONFIG", "SET", "maxmemory", "0"))
            let done = try await client.run(transactions: [[RedisCommand("RPUSH", "list", "a")]])
            #expect(done == [[.integer(1)]])
        }
    }

    @Test("a server that became a replica does nothing of a transaction, which may be tried again")
    func replica() async throws {
        try await self.withServer { _, client, other in
            // Of a master that is not there: it stays without data, and stays a replica.
            try await other.send(RedisCommand("REPLICAOF", "127.0.0.1", "1"))
            let refused = await #expect(throws: RedisError.self) {
                try await client.run(transactions: [[RedisCommand("RPUSH", "list", "a")]])
            }
            #expect(refused?.canRetry == true)
            try await other.send(RedisCommand("REPLICAOF", "NO", "ONE"))
            let done = try await client.run(transactions: [[RedisCommand("RPUSH", "list", "a")]])
            #expect(done == [[.integer(1)]])
        }
    }

    @Test("who may not MULTI, or not EXEC, is known before anything is sent", arguments: ["multi", "exec"])
    func forbidden(_ command: String) async throws {
        try await self.withServer { url, client, other in
            #expect(try await client.allowsTransactions())
            let rules = ["on", ">secret", "~*", "+@all", "-\(command)"]
            var make = RedisCommand("ACL", "SETUSER", "limited")
            make.append(contentsOf: rules)
            try await other.send(make)
            let url = url.replacing("redis://", with: "redis://limited:secret@")
            let limited = RedisClient(configuration: try RedisConfiguration(url: url), logger: .quiet)
            let answers = [try await limited.allowsTransactions(), try await limited.allowsTransactions()]
            #expect(answers == [false, false])
            // Its connection is in no transaction.
            #expect(try await limited.send(RedisCommand("RPUSH", "list", "a")) == .integer(1))
            // It is asked again when the connection is another: an operator may have given the right meanwhile.
            try await other.send(RedisCommand("ACL", "SETUSER", "limited", "+\(command)"))
            try await other.send(RedisCommand("CLIENT", "KILL", "USER", "limited"))
            try await eventually("it is allowed") { (try? await limited.allowsTransactions()) == true }
            await limited.close()
        }
    }
}
