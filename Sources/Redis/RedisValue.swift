// A reply, as a Swift value: RESP2's six shapes and nothing else. It holds copies; no C memory lives in it.

/// A reply of Redis.
public enum RedisValue: Sendable, Hashable {
    /// The null bulk string or the null array.
    case null
    /// `:1`
    case integer(Int64)
    /// `+OK`
    case status(String)
    /// A bulk string, binary-safe.
    case bytes([UInt8])
    /// An array, possibly of arrays (hiredis 0.14 parses seven levels).
    case array([RedisValue])
    /// An error reply. `RedisClient.send` throws it; pipelines and script results carry it.
    case error(RedisServerError)

    /// The text of a status or of a bulk string (invalid UTF-8 is repaired), or the digits of an integer.
    public var string: String? {
        switch self {
        case .status(let text): text
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .integer(let number): String(number)
        case .null, .array, .error: nil
        }
    }

    /// An integer, or a bulk string or status that is one in decimal.
    public var int: Int? {
        switch self {
        case .integer(let number): Int(exactly: number)
        case .status(let text): Int(text)
        case .bytes(let bytes): Int(String(decoding: bytes, as: UTF8.self))
        case .null, .array, .error: nil
        }
    }

    /// The elements of an array.
    public var array: [RedisValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The bytes of a bulk string or of a status.
    public var bytes: [UInt8]? {
        switch self {
        case .bytes(let bytes): bytes
        case .status(let text): Array(text.utf8)
        case .null, .integer, .array, .error: nil
        }
    }

    /// Whether this is a null reply.
    public var isNull: Bool { self == .null }

    /// The error reply, if it is one.
    public var error: RedisServerError? {
        guard case .error(let error) = self else { return nil }
        return error
    }
}

// Accessors that throw. An error reply is thrown as `.server`, another shape as `.unexpectedReply`.
extension RedisValue {
    /// `int`, or `.unexpectedReply`.
    public func requireInt(file: String = #fileID, line: Int = #line) throws(RedisError) -> Int {
        try self.require(self.int, "an integer", file: file, line: line)
    }

    /// `string`, or `.unexpectedReply`.
    public func requireString(file: String = #fileID, line: Int = #line) throws(RedisError) -> String {
        try self.require(self.string, "a string", file: file, line: line)
    }

    /// `bytes`, or `.unexpectedReply`.
    public func requireBytes(file: String = #fileID, line: Int = #line) throws(RedisError) -> [UInt8] {
        try self.require(self.bytes, "a bulk string", file: file, line: line)
    }

    /// `array`, or `.unexpectedReply`. Null is not an empty array.
    public func requireArray(file: String = #fileID, line: Int = #line) throws(RedisError) -> [RedisValue] {
        try self.require(self.array, "an array", file: file, line: line)
    }

    /// The value itself, unless it is an error reply, which is thrown as `.server`.
    public func throwingErrors(file: String = #fileID, line: Int = #line) throws(RedisError) -> RedisValue {
        if case .error(let error) = self { throw RedisError(error, file: file, line: line) }
        return self
    }

    /// Of an `EXEC` that found the server out of memory, say, the error that it found. Others are as they were.
    func sayingWhyDiscarded() -> RedisValue {
        guard case .error(let error) = self, error.prefix == "EXECABORT",
            let why = error.message.firstRange(of: "because of: ")
        else { return self }
        return .error(RedisServerError(message: String(error.message[why.upperBound...])))
    }

    private func require<T>(_ part: T?, _ wanted: String, file: String, line: Int) throws(RedisError) -> T {
        if let part { return part }
        if case .error(let error) = self { throw RedisError(error, file: file, line: line) }
        throw RedisError(
            .unexpectedReply, "expected \(wanted), got \(self.shape)", file: file, line: line)
    }

    /// What it is, without its contents.
    public var shape: String {
        switch self {
        case .null: "null"
        case .integer: "an integer"
        case .status: "a status"
        case .bytes(let bytes): "a bulk string of \(bytes.count) bytes"
        case .array(let elements): "an array of \(elements.count)"
        case .error: "an error"
        }
    }
}
