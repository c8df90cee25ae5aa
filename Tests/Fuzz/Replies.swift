// Bytes to replies: by the reader alone, and over a connection on which callers wait.

internal import NIOCore
internal import NIOEmbedded
@testable internal import Redis

/// How a stream ended for the reader.
private enum ReaderEnding { case more, violation }

private func read(_ pieces: [ArraySlice<UInt8>]) -> (replies: [RedisValue], ending: ReaderEnding) {
    var replies: [RedisValue] = []
    do {
        let parser = try ReplyParser()
        for piece in pieces {
            try piece.withUnsafeBytes { try parser.feed($0) }
            while let reply = try parser.next() { replies.append(reply) }
        }
    } catch {
        check((error as? RedisError)?.code == .protocolViolation, "the reader throws \(error)")
        return (replies, .violation)
    }
    return (replies, .more)
}

/// The reader by itself, cut and whole, and the replies written and read again.
func exploreReader(_ exploration: Exploration, _ expected: PlainReading) {
    for pieces in [[exploration.stream], exploration.pieces] {
        let (replies, ending) = read(pieces)
        check(replies == expected.replies, "\(replies) was to be \(expected.replies)")
        check(
            (ending == .violation) == (expected.ending == .malformed),
            "\(ending), and plainly \(expected.ending), after \(replies.count) replies")
    }
    let again = read([expected.replies.flatMap(\.wire)[...]])
    check(again.replies == expected.replies && again.ending == .more, "\(again) was to be \(expected.replies)")
    for reply in expected.replies { exploreCommand(reply) }
}

/// A reply that could be a command is one: written by the encoder, it is read as it was.
private func exploreCommand(_ reply: RedisValue) {
    guard let elements = reply.array, !elements.isEmpty else { return }
    let arguments = elements.compactMap { element -> [UInt8]? in
        if case .bytes(let bytes) = element { bytes } else { nil }
    }
    guard arguments.count == elements.count else { return }
    var command = RedisCommand(String(decoding: arguments[0], as: UTF8.self))
    for argument in arguments.dropFirst() { command.append(argument) }
    guard let encoded = try? CommandEncoder.encode([command]) else { return check(false, "\(command) is not encoded") }
    let name = RedisValue.bytes(Array(String(decoding: arguments[0], as: UTF8.self).utf8))
    let again = read([Array(encoded.bytes.readableBytesView)[...]])
    check(again.replies == [.array([name] + elements.dropFirst())], "\(again) was to be \(reply)")
}

/// What callers are to be told: `nil` is to be waited for.
private typealias Answer = Result<[RedisValue], RedisError>?

/// The stream over a connection, on which more or fewer callers wait than there are replies.
func exploreConnection(_ exploration: Exploration, _ expected: PlainReading) {
    let awaited = max(0, expected.replies.count + exploration.extraWaiting)
    // One command, two and three in turns.
    var counts: [Int] = []
    while counts.reduce(0, +) < awaited { counts.append(1 + counts.count % 3) }

    do {
        let line = try Line(counts)
        defer { line.finish() }
        for piece in exploration.pieces where line.channel.isActive { try line.receive(piece) }
        compare(line, with: expectedAnswers(counts, expected))
    } catch {
        check(false, "the connection threw \(error)")
    }
}

private func compare(_ line: Line, with expected: (answers: [Answer], isOpen: Bool)) {
    check(line.promises.count == expected.answers.count, "a caller was refused")
    check(line.channel.isActive == expected.isOpen, "the connection is to be \(expected.isOpen ? "open" : "closed")")
    for (promise, wanted) in zip(line.promises, expected.answers) {
        let given = promise.outcome
        switch (given, wanted) {
        case (nil, nil): continue
        case (.success(let replies), .success(let wanted)): check(replies == wanted, "\(replies) was to be \(wanted)")
        case (.failure(let error as RedisError), .failure(let wanted)):
            check(error.code == wanted.code, "\(error) was to be \(wanted)")
        default: check(false, "\(String(describing: given)) was to be \(String(describing: wanted))")
        }
    }
}

/// Which answers the callers are to have, and whether the connection goes on.
private func expectedAnswers(_ counts: [Int], _ expected: PlainReading) -> (answers: [Answer], isOpen: Bool) {
    let awaited = counts.reduce(0, +)
    var delivered: [RedisValue] = []
    var reason: RedisError.Code?
    for reply in expected.replies where reason == nil {
        if delivered.count == awaited {
            reason = .protocolViolation
        } else {
            delivered.append(reply)
            if let prefix = reply.error?.prefix, RedisServerError.failoverPrefixes.contains(prefix) {
                reason = .connectionLost
            }
        }
    }
    if reason == nil, expected.ending == .malformed { reason = .protocolViolation }
    var answers: [Answer] = []
    var start = 0
    for count in counts {
        if start + count <= delivered.count {
            answers.append(.success(Array(delivered[start..<(start + count)])))
        } else {
            answers.append(reason.map { .failure(RedisError($0, "")) })
        }
        start += count
    }
    return (answers, reason == nil)
}

/// A connection without a socket, and callers on it.
private struct Line {
    let channel = EmbeddedChannel()
    let connection: RedisConnection
    private(set) var promises: [OneShot<[RedisValue]>] = []

    /// A connection after its handshake, and a caller for each count of commands.
    init(_ counts: [Int]) throws {
        let configuration = RedisConfiguration(topology: .standalone(.unix(path: "/")))
        self.connection = try RedisConnection(
            channel: self.channel, endpoint: .unix(path: "/"),
            settings: ConnectionSettings(
                handshake: Handshake(configuration: configuration), connectTimeout: .seconds(1),
                commandsInFlightMax: .max, tls: nil))
        try self.channel.connect(to: SocketAddress(unixDomainSocketPath: "/")).wait()
        try self.receive(Array("+PONG\r\n".utf8)[...])
        for count in counts {
            let commands = try CommandEncoder.encode(Array(repeating: RedisCommand("PING"), count: count))
            if let promise = try self.connection.submit(commands, timeout: nil) { self.promises.append(promise) }
        }
        self.channel.embeddedEventLoop.run()
    }

    func receive(_ bytes: ArraySlice<UInt8>) throws {
        try self.channel.writeInbound(ByteBuffer(bytes: bytes))
        self.channel.embeddedEventLoop.run()
    }

    func finish() { _ = try? self.channel.finish(acceptAlreadyClosed: true) }
}
