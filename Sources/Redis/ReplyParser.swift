// Bytes to replies, by hiredis' reader.
//
// hiredis calls back for each element it finds; the callbacks build `RedisValue`s at once, so a reply is converted once
// and no `redisReply` is ever allocated. Invariants: (1) a parser belongs to one connection's event loop and is not
// Sendable; (2) after it threw once it is never fed again, its connection ends.

import CHiredis

/// A RESP2 parser that may be fed any fragmentation of the stream.
final class ReplyParser {
    /// Bytes that a single unfinished reply may hold. Redis' own limit for one bulk string is 512 MiB.
    static let unparsedBytesMax = 1024 * 1024 * 1024

    private let reader: UnsafeMutablePointer<redisReader>
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let builder = ReplyBuilder()

    /// Throws `.overloaded` if hiredis cannot allocate its reader.
    init() throws(RedisError) {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        functions.initialize(to: replyFunctions())
        guard let reader = redisReaderCreateWithFunctions(functions) else {
            functions.deallocate()
            throw RedisError(.overloaded, "hiredis could not allocate a reader")
        }
        // The default (16 KiB) would free and allocate the buffer at nearly every read of a busy connection.
        reader.pointee.maxbuf = 1024 * 1024
        // The builder outlives the reader: both belong to this object.
        reader.pointee.privdata = Unmanaged.passUnretained(self.builder).toOpaque()
        self.functions = functions
        self.reader = reader
    }

    deinit {
        redisReaderFree(self.reader)
        self.functions.deallocate()
    }

    /// Takes a copy of the bytes. Throws `.protocolViolation` if an unfinished reply grows over its bound.
    func feed(_ bytes: UnsafeRawBufferPointer) throws(RedisError) {
        guard self.reader.pointee.len - self.reader.pointee.pos + bytes.count <= Self.unparsedBytesMax else {
            throw RedisError(.protocolViolation, "a reply is larger than \(Self.unparsedBytesMax) bytes")
        }
        let characters = bytes.bindMemory(to: CChar.self)
        guard redisReaderFeed(self.reader, characters.baseAddress, characters.count) == REDIS_OK else {
            throw self.readerError()
        }
    }

    /// The next whole reply, or `nil` if more bytes are needed. Throws `.protocolViolation`.
    func next() throws(RedisError) -> RedisValue? {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(self.reader, &reply) == REDIS_OK else { throw self.readerError() }
        return reply == nil ? nil : self.builder.take()
    }

    private func readerError() -> RedisError {
        RedisError(.protocolViolation, self.builder.refusal ?? String(cString: chiredis_reader_error(self.reader)))
    }
}

/// Builds one reply from hiredis' calls, which come in the order of the stream: an array before its elements.
private final class ReplyBuilder {
    private struct Level {
        var missing: Int
        var elements: [RedisValue]
    }

    /// Room made in advance for an array. A wrong count in the stream must not allocate by itself.
    static let reservedElementsMax = 4096

    private var levels: [Level] = []
    private var finished: RedisValue?
    /// Why a callback refused an element; hiredis says "out of memory" then.
    var refusal: String?

    func open(_ count: Int) {
        guard count > 0 else { return self.add(.array([])) }
        var level = Level(missing: count, elements: [])
        level.elements.reserveCapacity(min(count, Self.reservedElementsMax))
        self.levels.append(level)
    }

    func add(_ value: RedisValue) {
        var value = value
        while let last = self.levels.indices.last {
            self.levels[last].elements.append(value)
            self.levels[last].missing -= 1
            guard self.levels[last].missing == 0 else { return }
            value = .array(self.levels.removeLast().elements)
        }
        self.finished = value
    }

    func take() -> RedisValue? {
        defer { self.finished = nil }
        return self.finished
    }
}

/// The callbacks. Each returns the reader's `privdata`: hiredis wants any pointer that is not null, and never reads it.
private func replyFunctions() -> redisReplyObjectFunctions {
    redisReplyObjectFunctions(
        createString: { task, text, length in
            let bytes = UnsafeBufferPointer(start: text, count: length)
            // hiredis (0.14, 1.2) passes over the two bytes behind a bulk string without a look, though it has waited
            // for them. What is no line break there was not the end: all that follows would be read wrongly.
            let end = UnsafeBufferPointer(start: text.map { $0 + length }, count: 2)
            if let task, task.pointee.type == REDIS_REPLY_STRING, !end.elementsEqual([0x0D, 0x0A]) {
                return refuse(task, "a bulk string does not end where it was said to")
            }
            return build(task) { builder, type in
                switch type {
                case REDIS_REPLY_STATUS:
                    builder.add(.status(String(decoding: UnsafeRawBufferPointer(bytes), as: UTF8.self)))
                case REDIS_REPLY_ERROR:
                    let message = String(decoding: UnsafeRawBufferPointer(bytes), as: UTF8.self)
                    builder.add(.error(RedisServerError(message: message)))
                default:
                    builder.add(.bytes([UInt8](UnsafeRawBufferPointer(bytes))))
                }
            }
        },
        createArray: { task, count in build(task) { builder, _ in builder.open(Int(count)) } },
        createInteger: { task, number in build(task) { builder, _ in builder.add(.integer(number)) } },
        createNil: { task in build(task) { builder, _ in builder.add(.null) } },
        freeObject: { _ in }
    )
}

/// A null result: hiredis ends with an error.
private func refuse(_ task: UnsafePointer<redisReadTask>, _ why: String) -> UnsafeMutableRawPointer? {
    guard let builder = task.pointee.privdata else { return nil }
    Unmanaged<ReplyBuilder>.fromOpaque(builder).takeUnretainedValue().refusal = why
    return nil
}

private func build(
    _ task: UnsafePointer<redisReadTask>?, _ body: (ReplyBuilder, Int32) -> Void
) -> UnsafeMutableRawPointer? {
    // A null result is hiredis' "out of memory": it ends the connection.
    guard let task, let builder = task.pointee.privdata else { return nil }
    body(Unmanaged<ReplyBuilder>.fromOpaque(builder).takeUnretainedValue(), task.pointee.type)
    return builder
}
