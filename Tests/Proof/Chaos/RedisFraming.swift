// RESP 2: a command is an array of bulk strings; each has one reply.

internal import JobQueue
internal import NIOCore

struct RedisFraming: Framing {
    /// Names of scripts by their SHA-1 and by their text.
    private static let scripts = DispatchIndex.scriptNames

    mutating func nextFromClient(_ bytes: inout ByteBuffer) throws(FramingError) -> ClientUnit? {
        let start = bytes.readerIndex
        guard let first: UInt8 = bytes.getInteger(at: start) else { return nil }
        guard first == UInt8(ascii: "*") else { throw FramingError(description: "a command that is no array") }
        guard let (count, afterCount) = try Self.number(in: bytes, at: start + 1) else { return nil }
        var index = afterCount
        var words: [String] = []
        for _ in 0..<max(0, count) {
            guard let (length, text) = try Self.number(in: bytes, at: index + 1) else { return nil }
            guard length >= 0, text + length + 2 <= bytes.writerIndex else { return nil }
            // EVAL, the script, how many keys, the first key. Ids are no UTF-8.
            if words.count < 4 { words.append(bytes.getString(at: text, length: length) ?? "") }
            index = text + length + 2
        }
        guard let all = bytes.readSlice(length: index - start) else { return nil }
        return .request(StoreRequest(name: "redis/" + Self.name(words)), all)
    }

    mutating func nextFromServer(_ bytes: inout ByteBuffer) throws(FramingError) -> ServerUnit? {
        guard let end = try Self.end(of: bytes, at: bytes.readerIndex),
            let reply = bytes.readSlice(length: end - bytes.readerIndex)
        else { return nil }
        return .end(reply)
    }

    private static func name(_ words: [String]) -> String {
        guard let command = words.first?.uppercased() else { return "empty" }
        switch command {
        case "EVALSHA", "EVAL":
            // EVAL has the text instead of its digest: it is sent after a NOSCRIPT, and in a transaction.
            let name = (words.count > 1 ? Self.scripts[words[1]] : nil) ?? "script"
            return (command == "EVAL" ? "EVAL " : "") + name + (words.count > 3 ? Self.place(words[3]) : "")
        case "BLPOP": return command + (words.count > 1 ? Self.place(words[1]) : "")
        case "CLIENT", "CONFIG", "SCRIPT", "FUNCTION": return words.prefix(2).joined(separator: " ").uppercased()
        default: return command
        }
    }

    /// `(diagnostics)`, of the key `{chorewheel:diagnostics}:d:1:`.
    private static func place(_ key: String) -> String {
        guard key.hasPrefix("{"), let end = key.firstIndex(of: "}"), let colon = key[..<end].firstIndex(of: ":") else {
            return ""
        }
        return "(\(key[key.index(after: colon)..<end]))"
    }

    /// A number up to the end of its line, and where the next line begins.
    private static func number(in bytes: ByteBuffer, at index: Int) throws(FramingError) -> (Int, Int)? {
        guard let end = Self.lineEnd(in: bytes, at: index) else { return nil }
        guard let number = bytes.getString(at: index, length: end - index).flatMap({ Int($0) }) else {
            throw FramingError(description: "a length that is no number")
        }
        return (number, end + 2)
    }

    /// Where the CR of the line is.
    private static func lineEnd(in bytes: ByteBuffer, at index: Int) -> Int? {
        guard index <= bytes.writerIndex else { return nil }
        let view = bytes.viewBytes(at: index, length: bytes.writerIndex - index) ?? ByteBufferView()
        guard let end = view.firstIndex(of: 13), end + 1 < bytes.writerIndex else { return nil }
        return end
    }

    /// Where the reply that begins at the index ends; nil: not all of it is here.
    private static func end(of bytes: ByteBuffer, at index: Int) throws(FramingError) -> Int? {
        guard let type: UInt8 = bytes.getInteger(at: index) else { return nil }
        switch type {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"):
            return Self.lineEnd(in: bytes, at: index + 1).map { $0 + 2 }
        case UInt8(ascii: "$"):
            guard let (length, text) = try Self.number(in: bytes, at: index + 1) else { return nil }
            guard length >= 0 else { return text }
            return text + length + 2 <= bytes.writerIndex ? text + length + 2 : nil
        case UInt8(ascii: "*"):
            guard let (count, first) = try Self.number(in: bytes, at: index + 1) else { return nil }
            var next = first
            for _ in 0..<max(0, count) {
                guard let end = try Self.end(of: bytes, at: next) else { return nil }
                next = end
            }
            return next
        default:
            throw FramingError(description: "a reply of the unknown type \(type)")
        }
    }
}
