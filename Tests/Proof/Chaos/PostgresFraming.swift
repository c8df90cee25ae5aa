// PostgreSQL's protocol, version 3. A request is what goes up to a Sync or a Query; its reply ends with ReadyForQuery.
// The startup is a request, too: `connect`, answered by the first ReadyForQuery, with the authentication in between.

internal import NIOCore

struct PostgresFraming: Framing {
    /// The platform's database; others are a family's, or the server's own `postgres`.
    let platform: String
    /// Which of them the connection is to; known from the startup on.
    private var place = "platform"
    private var hasStarted = false
    /// The text of each prepared statement.
    private var prepared: [String: String] = [:]
    /// What the request is made of so far.
    private var pending = ByteBuffer()
    private var text: String?

    private static let sslRequest: Int32 = 80_877_103
    private static let encryptionRequest: Int32 = 80_877_104
    private static let cancelRequest: Int32 = 80_877_102
    /// No message of ours is longer.
    private static let lengthMax = 256 << 20

    init(platform: String) { self.platform = platform }

    mutating func nextFromClient(_ bytes: inout ByteBuffer) throws(FramingError) -> ClientUnit? {
        guard self.hasStarted else { return try self.startup(&bytes) }
        while let (type, message) = try Self.message(&bytes) {
            switch type {
            case UInt8(ascii: "Q"):
                return .request(self.request(Self.string(in: message, at: 5)?.text ?? ""), message)
            case UInt8(ascii: "P"):
                if let (name, after) = Self.string(in: message, at: 5),
                    let (text, _) = Self.string(in: message, at: after)
                {
                    self.prepared[name] = text
                    self.text = text
                }
                self.pending.writeImmutableBuffer(message)
            case UInt8(ascii: "B"):
                if let (_, after) = Self.string(in: message, at: 5), let (name, _) = Self.string(in: message, at: after)
                {
                    self.text = self.prepared[name] ?? self.text
                }
                self.pending.writeImmutableBuffer(message)
            case UInt8(ascii: "D"), UInt8(ascii: "E"), UInt8(ascii: "C"), UInt8(ascii: "H"):
                self.pending.writeImmutableBuffer(message)
            case UInt8(ascii: "S"):
                self.pending.writeImmutableBuffer(message)
                let request = self.request(self.text ?? "Sync")
                let all = self.pending
                self.pending = ByteBuffer()
                self.text = nil
                return .request(request, all)
            default:
                // A password, the end, COPY's data.
                return .aside(message)
            }
        }
        return nil
    }

    mutating func nextFromServer(_ bytes: inout ByteBuffer) throws(FramingError) -> ServerUnit? {
        guard let (type, message) = try Self.message(&bytes) else { return nil }
        switch type {
        case UInt8(ascii: "Z"): return .end(message)
        case UInt8(ascii: "A"), UInt8(ascii: "N"): return .aside(message)
        default: return .part(message)
        }
    }

    private mutating func startup(_ bytes: inout ByteBuffer) throws(FramingError) -> ClientUnit? {
        guard let length: Int32 = bytes.getInteger(at: bytes.readerIndex),
            let code: Int32 = bytes.getInteger(at: bytes.readerIndex + 4),
            let message = bytes.readSlice(length: Int(length))
        else { return nil }
        switch code {
        case Self.sslRequest, Self.encryptionRequest:
            return .refusal(ByteBuffer(string: "N"))
        case Self.cancelRequest:
            return .aside(message)
        default:
            self.hasStarted = true
            let words = message.getString(at: message.readerIndex + 8, length: message.readableBytes - 8) ?? ""
            let parameters = words.split(separator: "\0", omittingEmptySubsequences: false)
            if let key = parameters.firstIndex(of: "database"), key + 1 < parameters.endIndex {
                let database = String(parameters[key + 1])
                self.place =
                    database == self.platform ? "platform" : database.hasPrefix("family_") ? "family" : "server"
            }
            return .request(StoreRequest(name: "\(self.place)/connect"), message)
        }
    }

    private func request(_ text: String) -> StoreRequest {
        StoreRequest(name: "\(self.place)/\(StatementNames.name(of: text))")
    }

    /// One message with its type and length.
    private static func message(_ bytes: inout ByteBuffer) throws(FramingError) -> (UInt8, ByteBuffer)? {
        guard let type: UInt8 = bytes.getInteger(at: bytes.readerIndex),
            let length: Int32 = bytes.getInteger(at: bytes.readerIndex + 1)
        else { return nil }
        guard length >= 4, length <= Self.lengthMax else {
            throw FramingError(description: "a message of \(length) bytes")
        }
        return bytes.readSlice(length: Int(length) + 1).map { (type, $0) }
    }

    /// A text up to its zero byte, at an offset into the message, and the offset after it.
    private static func string(in message: ByteBuffer, at offset: Int) -> (text: String, after: Int)? {
        let start = message.readerIndex + offset
        guard let view = message.viewBytes(at: start, length: message.writerIndex - start),
            let end = view.firstIndex(of: 0), let text = message.getString(at: start, length: end - start)
        else { return nil }
        return (text, end + 1 - message.readerIndex)
    }
}
