// Bytes out and bytes in, against RESP written by hand; no server.

import NIOCore
import Testing

@testable import Redis

@Suite struct CommandTests {
    private func wire(_ commands: RedisCommand...) throws -> [UInt8] {
        var encoded = try CommandEncoder.encode(commands)
        #expect(encoded.count == commands.count)
        var bytes = encoded.bytes
        encoded = EncodedCommands(bytes: ByteBuffer(), count: 0)
        return bytes.readBytes(length: bytes.readableBytes) ?? []
    }

    @Test("arguments of every kind are bulk strings on the wire")
    func formatting() throws {
        var command = RedisCommand("SET", "ключ", "")
        command.append([0, 13, 10, 255])
        command.append(0)
        command.append(Int.min)
        command.append(Int.max)
        [UInt8]("raw".utf8).withUnsafeBytes { command.append(bytes: $0) }
        command.append(contentsOf: ["a", "b"])
        let expected: [UInt8] =
            Array("*10\r\n$3\r\nSET\r\n$8\r\nключ\r\n$0\r\n\r\n$4\r\n".utf8) + [0, 13, 10, 255]
            + Array("\r\n$1\r\n0\r\n$20\r\n-9223372036854775808\r\n$19\r\n9223372036854775807\r\n".utf8)
            + Array("$3\r\nraw\r\n$1\r\na\r\n$1\r\nb\r\n".utf8)
        #expect(try self.wire(command) == expected)
        #expect(command.argumentCount == 10)
    }

    @Test("a command of only empty arguments can be formatted")
    func emptiness() throws {
        #expect(try self.wire(RedisCommand("", "")) == Array("*2\r\n$0\r\n\r\n$0\r\n\r\n".utf8))
    }

    @Test("several commands are formatted in order")
    func order() throws {
        let bytes = try self.wire(RedisCommand("PING"), RedisCommand("GET", "a"))
        #expect(bytes == Array("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n".utf8))
    }

    @Test("the routing key is the first argument, unless one is named")
    func routing() {
        #expect(RedisCommand("PING").routingKey == nil)
        #expect(RedisCommand("GET", "a", "b").routingKey.map(Array.init) == Array("a".utf8))
        var script = RedisCommand("EVALSHA", key: "{k}1")
        script.append("sha")
        script.append(1)
        script.append("{k}1")
        #expect(script.routingKey.map(Array.init) == Array("{k}1".utf8))
        let eval = script.replacingHead(name: "EVAL", first: "return 1")
        #expect(eval.routingKey.map(Array.init) == Array("{k}1".utf8))
        var expected = RedisCommand("EVAL", key: "{k}1")
        expected.append(contentsOf: ["return 1", "1", "{k}1"])
        #expect(eval == expected)
    }

    @Test("a script's digest is its SHA-1 in hexadecimal")
    func digest() {
        #expect(RedisScript(name: "one", source: "return 1").sha1 == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
    }
}

@Suite struct ReplyParserTests {
    private static let stream: [UInt8] =
        Array("+OK\r\n:-7\r\n-WRONGTYPE no\r\n$-1\r\n*-1\r\n$0\r\n\r\n$4\r\n".utf8) + [0, 13, 10, 255]
        + Array("\r\n*0\r\n*3\r\n:1\r\n*2\r\n$1\r\na\r\n*1\r\n-ERR in\r\n$-1\r\n*2\r\n*0\r\n*0\r\n:9\r\n".utf8)

    private static let replies: [RedisValue] = [
        .status("OK"), .integer(-7), .error(RedisServerError(message: "WRONGTYPE no")), .null, .null, .bytes([]),
        .bytes([0, 13, 10, 255]), .array([]),
        .array([
            .integer(1), .array([.bytes([97]), .array([.error(RedisServerError(message: "ERR in"))])]), .null,
        ]),
        .array([.array([]), .array([])]), .integer(9),
    ]

    private func parse(_ fragments: [ArraySlice<UInt8>]) throws -> [RedisValue] {
        let parser = try ReplyParser()
        var replies: [RedisValue] = []
        for fragment in fragments {
            try fragment.withUnsafeBytes { try parser.feed($0) }
            while let reply = try parser.next() { replies.append(reply) }
        }
        return replies
    }

    @Test("every reply survives every cut of the stream in two")
    func cuts() throws {
        let stream = Self.stream
        for cut in 0...stream.count {
            #expect(try self.parse([stream[..<cut], stream[cut...]]) == Self.replies, "cut at \(cut)")
        }
    }

    @Test("every reply survives fragments of any one size", arguments: 1...20)
    func sizes(size: Int) throws {
        let stream = Self.stream
        let fragments = stride(from: 0, to: stream.count, by: size).map { stream[$0..<min($0 + size, stream.count)] }
        #expect(try self.parse(fragments) == Self.replies)
    }

    @Test("a reply of a megabyte comes whole")
    func large() throws {
        let body = [UInt8](repeating: 120, count: 1_000_000)
        let stream = Array("$1000000\r\n".utf8) + body + Array("\r\n:1\r\n".utf8)
        let fragments = stride(from: 0, to: stream.count, by: 65_536).map {
            stream[$0..<min($0 + 65_536, stream.count)]
        }
        #expect(try self.parse(fragments) == [.bytes(body), .integer(1)])
    }

    @Test(
        "what is not RESP2 is a protocol violation",
        arguments: [
            "HTTP/1.1 400 Bad Request\r\n", "%1\r\n", "\0\r\n", "$2\r\nabc\r\n", "*1\r\n$0\r\nab", "$3\r\nabc\n\r",
        ])
    func nonsense(text: String) throws {
        let error = #expect(throws: RedisError.self) { try self.parse([Array(text.utf8)[...]]) }
        #expect(error?.code == .protocolViolation)
    }

    @Test("replies before nonsense are delivered")
    func mixed() throws {
        let parser = try ReplyParser()
        try Array(":1\r\nx\r\n".utf8).withUnsafeBytes { try parser.feed($0) }
        #expect(try parser.next() == .integer(1))
        #expect(throws: RedisError.self) { try parser.next() }
    }

    @Test("an unfinished reply is freed with its parser")
    func unfinished() throws {
        #expect(try self.parse([Array("*3\r\n:1\r\n*2\r\n$5\r\nab".utf8)[...]]).isEmpty)
    }
}

@Suite struct RedisValueTests {
    @Test("accessors convert what can be converted")
    func conversion() throws {
        #expect(RedisValue.bytes(Array("42".utf8)).int == 42)
        #expect(RedisValue.status("OK").string == "OK")
        #expect(RedisValue.integer(5).string == "5")
        #expect(RedisValue.null.array == nil)
        #expect(try RedisValue.array([.null]).requireArray() == [.null])
        #expect(try RedisValue.bytes([1]).requireBytes() == [1])
        #expect(try RedisValue.integer(3).requireInt() == 3)
    }

    @Test("an accessor throws an error reply as the server's, and another shape as unexpected")
    func failure() {
        let server = #expect(throws: RedisError.self) {
            try RedisValue.error(RedisServerError(message: "OOM full")).requireInt()
        }
        #expect(server?.code == .server)
        #expect(server?.prefix == "OOM")
        let shape = #expect(throws: RedisError.self) { try RedisValue.bytes(Array("secret".utf8)).requireArray() }
        #expect(shape?.code == .unexpectedReply)
        #expect(shape?.debugDescription.contains("secret") == false)
    }
}

@Suite struct RedisErrorTests {
    @Test(
        "an error word decides whether trying again can help",
        arguments: [
            ("LOADING Redis is loading", true), ("READONLY You can't write", true), ("MASTERDOWN Link", true),
            ("TRYAGAIN Multiple keys", true), ("CLUSTERDOWN Hash slot", true), ("BUSY Redis is busy", true),
            ("OOM command not allowed", true), ("WRONGTYPE Operation", false), ("ERR syntax error", false),
            ("NOSCRIPT No matching", false), ("WRONGPASS invalid", false), ("no word at all", false),
        ])
    func retries(message: String, canRetry: Bool) {
        #expect(RedisServerError(message: message).canRetry == canRetry)
        #expect(RedisError(RedisServerError(message: message)).canRetry == canRetry)
    }

    @Test("a transaction that EXEC itself discards is refused for what EXEC found")
    func discarded() {
        let full = RedisValue.error(
            RedisServerError(message: "EXECABORT Transaction discarded because of: OOM command not allowed"))
        #expect(full.sayingWhyDiscarded().error?.prefix == "OOM")
        let queued = RedisValue.error(
            RedisServerError(message: "EXECABORT Transaction discarded because of previous errors."))
        #expect(queued.sayingWhyDiscarded() == queued)
        #expect(RedisValue.integer(1).sayingWhyDiscarded() == .integer(1))
    }

    @Test("each code says whether trying again can help")
    func codes() {
        let retryable = RedisError.Code.allCases.filter { RedisError.canRetry($0, prefix: nil) }
        #expect(Set(retryable) == [.unavailable, .connectionLost, .timeout, .overloaded])
    }

    @Test("the description leaves out the arguments that Redis repeats")
    func redaction() {
        let error = RedisError(
            RedisServerError(message: "ERR unknown command 'X', with args beginning with: 'secret' "))
        #expect(error.description == "redis server: ERR unknown command 'X'")
        #expect(error.debugDescription.contains("secret"))
    }

    @Test("a prefix is the first word, if it is in capitals")
    func prefixes() {
        #expect(RedisServerError(message: "NOSCRIPT x").prefix == "NOSCRIPT")
        #expect(RedisServerError(message: "FENCED").prefix == "FENCED")
        #expect(RedisServerError(message: "Some text").prefix == nil)
        #expect(RedisServerError(message: "").prefix == nil)
    }
}

@Suite struct ClusterSlotsTests {
    @Test("the CRC has the values of the specification")
    func crc() {
        #expect(ClusterSlots.crc16(Array("123456789".utf8)[...]) == 0x31C3)
        #expect(ClusterSlots.crc16([]) == 0)
    }

    @Test(
        "a key's slot is that of its hash tag, if it has one",
        arguments: [
            ("foo", 12182), ("bar", 5061), ("{foo}.bar", 12182), ("x{foo}{bar}", 12182), ("", 0),
        ])
    func slots(key: String, slot: Int) { #expect(ClusterSlots.slot(of: Array(key.utf8)[...]) == slot) }

    @Test("an empty hash tag is no hash tag")
    func emptyTag() {
        for key in ["{}foo", "a{}{foo}"] {
            #expect(
                ClusterSlots.slot(of: Array(key.utf8)[...])
                    == Int(ClusterSlots.crc16(Array(key.utf8)[...])) % ClusterSlots.count)
        }
    }

    private static let asked = RedisEndpoint.tcp(host: "seed", port: 1)

    @Test("a slot map knows each range's master, also one that does not know its own name")
    func map() throws {
        func range(_ first: Int64, _ last: Int64, _ host: RedisValue, _ port: Int64) -> RedisValue {
            .array([.integer(first), .integer(last), .array([host, .integer(port), .bytes([120])])])
        }
        let reply = RedisValue.array([
            range(0, 99, .bytes(Array("a".utf8)), 7000), range(100, 199, .bytes([]), 7001),
            range(300, 300, .null, 7002),
        ])
        let map = try ClusterMap(slotsReply: reply, asked: Self.asked)
        #expect(map.owner(ofSlot: 99) == .tcp(host: "a", port: 7000))
        #expect(map.owner(ofSlot: 100) == .tcp(host: "seed", port: 7001))
        #expect(map.owner(ofSlot: 300) == .tcp(host: "seed", port: 7002))
        #expect(map.owner(ofSlot: 200) == nil)
        #expect(map.masters.count == 3)
        let wrong = RedisValue.array([range(0, 16_384, .null, 1)])
        #expect(throws: RedisError.self) { try ClusterMap(slotsReply: wrong, asked: Self.asked) }
    }

    @Test("redirections are read, with names, IPv6 addresses and without a host")
    func redirections() {
        func read(_ message: String) -> ClusterRedirection? {
            ClusterRedirection(RedisServerError(message: message), from: Self.asked)
        }
        #expect(read("MOVED 3999 127.0.0.1:6381") == .moved(slot: 3999, to: .tcp(host: "127.0.0.1", port: 6381)))
        #expect(read("ASK 1 ::1:7") == .ask(.tcp(host: "::1", port: 7)))
        #expect(read("MOVED 1 :7") == .moved(slot: 1, to: .tcp(host: "seed", port: 7)))
        #expect(read("MOVED x y") == nil)
        #expect(read("MOVED 99999 a:1") == nil)
        #expect(read("ERR other") == nil)
    }
}
