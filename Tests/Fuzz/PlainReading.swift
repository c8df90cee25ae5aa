// RESP2 read a second time, as plainly as it can be written: slow, recursive, the whole stream at once. It knows
// nothing of hiredis but the one limit that is hiredis' own, the depth of arrays.

@testable internal import Redis

/// The replies of a stream.
struct PlainReading {
    enum Ending {
        /// The stream ends where a reply ends.
        case whole
        /// The stream ends within a reply.
        case unfinished
        /// What follows the replies is not RESP2.
        case malformed
    }

    private struct Stop: Error {
        let ending: Ending
    }

    /// Arrays in arrays; hiredis reads no more.
    static let depthMax = 8

    private(set) var replies: [RedisValue] = []
    private(set) var ending = Ending.whole
    private var rest: ArraySlice<UInt8>

    init(_ stream: ArraySlice<UInt8>) {
        self.rest = stream
        while !self.rest.isEmpty {
            do throws(Stop) {
                self.replies.append(try self.reply(depth: 0))
            } catch {
                self.ending = error.ending
                return
            }
        }
    }

    private mutating func reply(depth: Int) throws(Stop) -> RedisValue {
        guard let type = self.rest.popFirst() else { throw Stop(ending: .unfinished) }
        switch type {
        case UInt8(ascii: "+"): return .status(String(decoding: try self.line(), as: UTF8.self))
        case UInt8(ascii: "-"):
            return .error(RedisServerError(message: String(decoding: try self.line(), as: UTF8.self)))
        case UInt8(ascii: ":"): return .integer(try self.number())
        case UInt8(ascii: "$"):
            let length = try self.number()
            if length == -1 { return .null }
            guard length >= 0 else { throw Stop(ending: .malformed) }
            guard length <= self.rest.count, self.rest.count - Int(length) >= 2 else { throw Stop(ending: .unfinished) }
            let bytes = self.rest.prefix(Int(length))
            self.rest = self.rest.dropFirst(Int(length))
            guard self.rest.popFirst() == UInt8(ascii: "\r"), self.rest.popFirst() == UInt8(ascii: "\n") else {
                throw Stop(ending: .malformed)
            }
            return .bytes(Array(bytes))
        case UInt8(ascii: "*"):
            guard depth < Self.depthMax else { throw Stop(ending: .malformed) }
            let count = try self.number()
            if count == -1 { return .null }
            guard count >= 0, count <= Int64(Int32.max) else { throw Stop(ending: .malformed) }
            var elements: [RedisValue] = []
            for _ in 0..<count { elements.append(try self.reply(depth: depth + 1)) }
            return .array(elements)
        default: throw Stop(ending: .malformed)
        }
    }

    /// Up to a carriage return and a line feed, which are taken too.
    private mutating func line() throws(Stop) -> ArraySlice<UInt8> {
        for at in self.rest.indices.dropLast()
        where self.rest[at] == UInt8(ascii: "\r") && self.rest[at + 1] == UInt8(ascii: "\n") {
            let line = self.rest[..<at]
            self.rest = self.rest[(at + 2)...]
            return line
        }
        throw Stop(ending: .unfinished)
    }

    /// In decimal, without a needless sign or zero.
    private mutating func number() throws(Stop) -> Int64 {
        let text = String(decoding: try self.line(), as: UTF8.self)
        guard let number = Int64(text), String(number) == text else { throw Stop(ending: .malformed) }
        return number
    }
}

extension RedisValue {
    /// As a server would send it.
    var wire: [UInt8] {
        switch self {
        case .null: Array("$-1\r\n".utf8)
        case .integer(let number): Array(":\(number)\r\n".utf8)
        case .status(let text): Array("+\(text)\r\n".utf8)
        case .error(let error): Array("-\(error.message)\r\n".utf8)
        case .bytes(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
        case .array(let elements): elements.reduce(into: Array("*\(elements.count)\r\n".utf8)) { $0 += $1.wire }
        }
    }
}
