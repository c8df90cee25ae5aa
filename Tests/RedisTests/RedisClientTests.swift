// The client against a real server.

import Logging
import NIOCore
import Redis
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct RedisClientTests {
    /// Runs a test with a client and a prefix of its own for keys, which are removed afterwards.
    private func withClient(_ body: (RedisClient, String) async throws -> Void) async throws {
        let configuration = try RedisConfiguration(url: try await TestServers.shared().redisURL)
        let client = RedisClient(configuration: configuration, logger: .quiet)
        let prefix = "redis-test:\(UInt64.random(in: 0 ... .max)):"
        do {
            try await body(client, prefix)
        } catch {
            await client.close()
            throw error
        }
        let keys = try await client.send(RedisCommand("KEYS", prefix + "*")).requireArray()
        for key in keys { try await client.send(RedisCommand("DEL", try key.requireString())) }
        await client.close()
    }

    /// Waits until the server holds the connection with this id in a blocking command.
    private func waitUntilBlocked(_ id: Int, _ client: RedisClient) async throws {
        try await eventually("the command blocks") {
            let line = try await client.send(RedisCommand("CLIENT", "LIST", "ID", String(id))).requireString()
            return line.contains("cmd=blpop") && line.contains("flags=b")
        }
    }

    @Test("bytes of every value survive the way there and back")
    func binary() async throws {
        try await self.withClient { client, prefix in
            let bytes = (0...255).map { UInt8($0) } + Array("\r\n$-1\r\n".utf8)
            var command = RedisCommand("SET", prefix + "bytes")
            command.append(bytes)
            try await client.send(command)
            #expect(try await client.send(RedisCommand("GET", prefix + "bytes")) == .bytes(bytes))
        }
    }

    @Test("concurrent callers each get their own reply")
    func concurrency() async throws {
        try await self.withClient { client, prefix in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for caller in 0..<200 {
                    tasks.addTask {
                        for round in 0..<20 {
                            let text = "\(caller)-\(round)"
                            let reply = try await client.send(RedisCommand("ECHO", text))
                            #expect(reply.string == text)
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            #expect(client.connectionGeneration == 1)
        }
    }

    @Test("a pipeline's replies are in order, errors among them")
    func pipeline() async throws {
        try await self.withClient { client, prefix in
            var commands = (0..<1_000).map { _ in RedisCommand("INCR", prefix + "n") }
            commands.append(RedisCommand("LPUSH", prefix + "n", "x"))
            let replies = try await client.pipeline(commands)
            #expect(replies.dropLast().map(\.int) == (1...1_000).map { $0 })
            #expect(replies.last?.error?.prefix == "WRONGTYPE")
            #expect(try await client.pipeline([]).isEmpty)
        }
    }

    @Test("a transaction that is refused does nothing and says why; one that fails has done the rest")
    func transactions() async throws {
        try await self.withClient { client, prefix in
            let done = try await client.run(transactions: [
                [RedisCommand("SET", prefix + "a", "1"), RedisCommand("INCR", prefix + "a")],
                [RedisCommand("GET", prefix + "a")],
            ])
            #expect(done == [[.status("OK"), .integer(2)], [.bytes(Array("2".utf8))]])
            let refused = await #expect(throws: RedisError.self) {
                try await client.run(transactions: [[RedisCommand("SET", prefix + "b", "1"), RedisCommand("NOSUCH")]])
            }
            #expect(refused?.description.contains("unknown command") == true)
            #expect(try await client.send(RedisCommand("GET", prefix + "b")) == .null)
            let failed = await #expect(throws: RedisError.self) {
                try await client.run(transactions: [
                    [RedisCommand("LPUSH", prefix + "a", "x"), RedisCommand("SET", prefix + "b", "1")]
                ])
            }
            #expect(failed?.description.contains("WRONGTYPE") == true)
            #expect(try await client.send(RedisCommand("GET", prefix + "b")) == .bytes(Array("1".utf8)))
        }
    }

    @Test("an error reply is thrown, with its error word")
    func serverError() async throws {
        try await self.withClient { client, prefix in
            try await client.send(RedisCommand("SET", prefix + "s", "x"))
            let error = await #expect(throws: RedisError.self) {
                try await client.send(RedisCommand("INCR", prefix + "s"))
            }
            #expect(error?.code == .server)
            #expect(error?.prefix == "ERR")
            #expect(error?.canRetry == false)
        }
    }

    @Test("a script that the server does not know is sent once, then known by its digest")
    func script() async throws {
        try await self.withClient { client, prefix in
            let script = RedisScript(
                name: "add", source: "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1]), ARGV[2]} -- \(prefix)")
            let exists = RedisCommand("SCRIPT", "EXISTS", script.sha1)
            #expect(try await client.send(exists) == .array([.integer(0)]))
            for expected in [5, 10] {
                let reply = try await client.run(script, keys: [prefix + "k"]) { command in
                    command.append(5)
                    command.append([0, 255])
                }
                #expect(try reply.requireArray()[1].int == expected)
                #expect(try reply.requireArray()[2].bytes == [0, 255])
            }
            #expect(try await client.send(exists) == .array([.integer(1)]))
            let refused = RedisScript(name: "no", source: "return redis.error_reply('FENCED old epoch')")
            let error = await #expect(throws: RedisError.self) { try await client.run(refused, keys: []) }
            #expect(error?.prefix == "FENCED")
        }
    }

    @Test("a killed connection fails who waits, and the client mends itself")
    func killed() async throws {
        try await self.withClient { client, prefix in
            let victim = client.makeDedicatedClient()
            let id = try await victim.send(RedisCommand("CLIENT", "ID")).requireInt()
            var reconnections = victim.reconnections().makeAsyncIterator()
            async let blocked: RedisValue = victim.send(RedisCommand("BLPOP", prefix + "never", "0"), timeout: nil)
            try await self.waitUntilBlocked(id, client)
            try await client.send(RedisCommand("CLIENT", "KILL", "ID", String(id)))
            do {
                _ = try await blocked
                Issue.record("the reply cannot have come")
            } catch let error as RedisError {
                #expect(error.code == .connectionLost)
                #expect(error.canRetry)
            }
            // By itself: nobody asks for a connection.
            #expect(await reconnections.next() == 2)
            #expect(try await victim.send(RedisCommand("PING")) == .status("PONG"))
            #expect(victim.connectionGeneration == 2)
            await victim.close()
        }
    }

    @Test("a command that blocks on a dedicated client does not hold up the shared one")
    func dedicated() async throws {
        try await self.withClient { client, prefix in
            let waiter = client.makeDedicatedClient()
            let id = try await waiter.send(RedisCommand("CLIENT", "ID")).requireInt()
            async let popped = waiter.send(RedisCommand("BLPOP", prefix + "list", "0"), timeout: nil)
            try await self.waitUntilBlocked(id, client)
            try await client.send(RedisCommand("RPUSH", prefix + "list", "x"))
            #expect(try await popped == .array([.bytes(Array((prefix + "list").utf8)), .bytes([120])]))
            await waiter.close()
        }
    }

    @Test("a cancelled caller leaves at once, and the connection stays in step")
    func cancellation() async throws {
        try await self.withClient { client, prefix in
            let waiter = client.makeDedicatedClient()
            let id = try await waiter.send(RedisCommand("CLIENT", "ID")).requireInt()
            let task = Task { try await waiter.send(RedisCommand("BLPOP", prefix + "list", "0"), timeout: nil) }
            try await self.waitUntilBlocked(id, client)
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            async let next = waiter.send(RedisCommand("ECHO", "next"))
            try await client.send(RedisCommand("RPUSH", prefix + "list", "x"))
            #expect(try await next.string == "next")
            #expect(waiter.connectionGeneration == 1)
            await waiter.close()
        }
    }

    @Test("a command over its time limit drops the connection, and the next one has a new one")
    func timeout() async throws {
        try await self.withClient { client, prefix in
            let waiter = client.makeDedicatedClient()
            let error = await #expect(throws: RedisError.self) {
                try await waiter.send(RedisCommand("BLPOP", prefix + "never", "0"), timeout: .milliseconds(20))
            }
            #expect(error?.code == .timeout)
            let answer = try await waiter.send(RedisCommand("PING"))
            #expect(answer == .status("PONG"))
            #expect(waiter.connectionGeneration == 2)
            await waiter.close()
        }
    }

    @Test("a closed client refuses everything and ends its stream")
    func closed() async throws {
        try await self.withClient { client, prefix in
            let other = client.makeDedicatedClient()
            let id = try await other.send(RedisCommand("CLIENT", "ID")).requireInt()
            let stream = other.reconnections()
            async let blocked = other.send(RedisCommand("BLPOP", prefix + "never", "0"), timeout: nil)
            try await self.waitUntilBlocked(id, client)
            await other.close()
            for await generation in stream { Issue.record("no connection after the end: \(generation)") }
            do {
                _ = try await blocked
                Issue.record("the reply cannot have come")
            } catch let error as RedisError {
                #expect(error.code == .closed)
            }
            let error = await #expect(throws: RedisError.self) { try await other.send(RedisCommand("PING")) }
            #expect(error?.code == .closed)
        }
    }

    @Test("without a server a command fails as unavailable, and may be tried again")
    func unavailable() async throws {
        var configuration = try RedisConfiguration(url: "redis+unix:///nonexistent/redis.sock")
        configuration.connectTimeout = .milliseconds(50)
        let client = RedisClient(configuration: configuration, logger: .quiet)
        let error = await #expect(throws: RedisError.self) { try await client.send(RedisCommand("PING")) }
        #expect(error?.code == .unavailable)
        #expect(error?.canRetry == true)
        await client.close()
    }

    @Test("a wrong password is told at once, without waiting for a better one")
    func wrongPassword() async throws {
        var configuration = try RedisConfiguration(url: try await TestServers.shared().redisURL)
        configuration.credentials = .init(username: "nobody", password: "wrong")
        configuration.connectTimeout = .seconds(60)
        let client = RedisClient(configuration: configuration, logger: .quiet)
        let error = await #expect(throws: RedisError.self) { try await client.send(RedisCommand("PING")) }
        #expect(error?.code == .server)
        #expect(error?.prefix == "WRONGPASS")
        await client.close()
    }
}

extension Logger {
    static var quiet: Logger { Logger(label: "redis-tests") { _ in SwiftLogNoOpLogHandler() } }
}
