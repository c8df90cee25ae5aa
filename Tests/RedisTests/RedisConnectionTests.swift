// One connection on an in-memory channel: flushes, order, bounds, deadlines, ends; no server and no clock.

import NIOCore
import NIOEmbedded
import Testing

@testable import Redis

@Suite struct RedisConnectionTests {
    /// A connection whose other end is the test. Everything happens on the test's thread.
    private struct Line {
        let channel = EmbeddedChannel()
        let connection: RedisConnection

        init(inFlightMax: Int = 100, ready: Bool = true) throws {
            let configuration = RedisConfiguration(topology: .standalone(.unix(path: "/x")))
            self.connection = try RedisConnection(
                channel: self.channel, endpoint: .unix(path: "/x"),
                settings: ConnectionSettings(
                    handshake: Handshake(configuration: configuration), connectTimeout: .seconds(2),
                    commandsInFlightMax: inFlightMax, tls: nil))
            try self.channel.connect(to: SocketAddress(unixDomainSocketPath: "/x")).wait()
            if ready {
                #expect(try self.sent() == "*1\r\n$4\r\nPING\r\n")
                try self.answer("+PONG\r\n")
            }
        }

        func submit(_ commands: RedisCommand..., timeout: Duration? = nil) throws -> OneShot<[RedisValue]>? {
            try self.connection.submit(CommandEncoder.encode(commands), timeout: timeout)
        }

        func sent() throws -> String? {
            try self.channel.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) }
        }

        func answer(_ text: String) throws { try self.channel.writeInbound(ByteBuffer(string: text)) }

        func finish() { _ = try? self.channel.finish(acceptAlreadyClosed: true) }
    }

    private func code(_ promise: OneShot<[RedisValue]>?) -> RedisError.Code? {
        guard case .failure(let error) = promise?.outcome else { return nil }
        return (error as? RedisError)?.code
    }

    private func values(_ promise: OneShot<[RedisValue]>?) throws -> [RedisValue]? { try promise?.outcome?.get() }

    @Test("commands of one tick leave in one write, and replies return in their order")
    func pipelining() throws {
        let line = try Line()
        defer { line.finish() }
        let first = try line.submit(RedisCommand("GET", "a"))
        let second = try line.submit(RedisCommand("GET", "b"), RedisCommand("GET", "c"))
        #expect(try line.sent() == nil)
        line.channel.embeddedEventLoop.run()
        let wire = "abc".map { "*2\r\n$3\r\nGET\r\n$1\r\n\($0)\r\n" }.joined()
        #expect(try line.sent() == wire)
        #expect(try line.sent() == nil)
        try line.answer(":1\r\n:2\r\n:")
        #expect(try self.values(first) == [.integer(1)])
        #expect(second?.outcome == nil)
        try line.answer("3\r\n")
        #expect(try self.values(second) == [.integer(2), .integer(3)])
    }

    @Test("the reply of a caller who left is discarded in order")
    func cancellation() throws {
        let line = try Line()
        defer { line.finish() }
        let first = try line.submit(RedisCommand("GET", "a"))
        let second = try line.submit(RedisCommand("GET", "b"))
        line.channel.embeddedEventLoop.run()
        first?.complete(.failure(CancellationError()))
        try line.answer(":1\r\n:2\r\n")
        #expect(throws: CancellationError.self) { try self.values(first) }
        #expect(try self.values(second) == [.integer(2)])
    }

    @Test("no more commands are in flight than the limit says, and replies make room")
    func bound() throws {
        let line = try Line(inFlightMax: 2)
        defer { line.finish() }
        _ = try line.submit(RedisCommand("A"), RedisCommand("B"))
        let error = #expect(throws: RedisError.self) { _ = try line.submit(RedisCommand("C")) }
        #expect(error?.code == .overloaded)
        line.channel.embeddedEventLoop.run()
        try line.answer("+a\r\n")
        #expect(throws: Never.self) { _ = try line.submit(RedisCommand("C")) }
    }

    @Test("a lost connection fails all who wait, sent or not, and takes nothing more")
    func loss() throws {
        let line = try Line()
        let sent = try line.submit(RedisCommand("A"))
        line.channel.embeddedEventLoop.run()
        let unsent = try line.submit(RedisCommand("B"))
        line.channel.pipeline.fireChannelInactive()
        #expect(self.code(sent) == .connectionLost)
        #expect(self.code(unsent) == .connectionLost)
        #expect(try line.submit(RedisCommand("C")) == nil)
        line.finish()
    }

    @Test("nonsense from the server fails all who wait and closes the connection")
    func nonsense() throws {
        let line = try Line()
        defer { line.finish() }
        let first = try line.submit(RedisCommand("A"))
        let second = try line.submit(RedisCommand("B"))
        line.channel.embeddedEventLoop.run()
        try line.answer(":1\r\nHTTP/1.1\r\n")
        #expect(try self.values(first) == [.integer(1)])
        #expect(self.code(second) == .protocolViolation)
        #expect(!line.channel.isActive)
    }

    @Test("an overdue reply is a timeout for its caller, a lost connection for the others")
    func timeout() throws {
        let line = try Line()
        defer { line.finish() }
        let patient = try line.submit(RedisCommand("BLPOP"), timeout: nil)
        let impatient = try line.submit(RedisCommand("A"), timeout: .seconds(5))
        let later = try line.submit(RedisCommand("B"), timeout: .seconds(500))
        let loop = line.channel.embeddedEventLoop
        loop.run()
        loop.advanceTime(to: .now() + .seconds(1))
        #expect(impatient?.outcome == nil)
        loop.advanceTime(to: .now() + .seconds(10))
        #expect(self.code(impatient) == .timeout)
        #expect(self.code(patient) == .connectionLost)
        #expect(self.code(later) == .connectionLost)
        #expect(!line.channel.isActive)
    }

    @Test("an answered command's deadline does no harm")
    func answeredInTime() throws {
        let line = try Line()
        defer { line.finish() }
        let first = try line.submit(RedisCommand("A"), timeout: .seconds(5))
        let second = try line.submit(RedisCommand("B"), timeout: .seconds(50))
        let loop = line.channel.embeddedEventLoop
        loop.run()
        try line.answer("+a\r\n")
        loop.advanceTime(to: .now() + .seconds(10))
        #expect(try self.values(first) == [.status("a")])
        #expect(line.channel.isActive)
        loop.advanceTime(to: .now() + .seconds(100))
        #expect(self.code(second) == .timeout)
    }

    @Test("whoever hears of the end finds the connection closed to new commands", arguments: ["timeout", "READONLY"])
    func closedBeforeTold(ending: String) throws {
        let line = try Line()
        defer { line.finish() }
        let first = try line.submit(RedisCommand("A"), timeout: .seconds(5))
        let loop = line.channel.embeddedEventLoop
        loop.run()
        let late = try line.submit(RedisCommand("B"))
        if ending == "timeout" {
            loop.advanceTime(to: .now() + .seconds(10))
            #expect(self.code(first) == .timeout)
        } else {
            try line.answer("-READONLY x\r\n")
            #expect(try self.values(first)?.first?.error?.prefix == "READONLY")
        }
        #expect(self.code(late) == .connectionLost)
        #expect(try line.submit(RedisCommand("C")) == nil)
    }

    @Test("READONLY reaches its caller and drops the connection")
    func failover() throws {
        let line = try Line()
        defer { line.finish() }
        let first = try line.submit(RedisCommand("SET"))
        let second = try line.submit(RedisCommand("GET"))
        line.channel.embeddedEventLoop.run()
        try line.answer("-READONLY You can't write against a read only replica.\r\n:2\r\n")
        #expect(try self.values(first)?.first?.error?.prefix == "READONLY")
        #expect(self.code(second) == .connectionLost)
        #expect(!line.channel.isActive)
    }

    @Test("a handshake without an answer ends at its time limit")
    func silentHandshake() throws {
        let line = try Line(ready: false)
        defer { line.finish() }
        line.channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(!line.channel.isActive)
        let error = #expect(throws: RedisError.self) { try line.connection.readiness.outcome?.get() }
        #expect(error?.code == .unavailable)
    }
}
