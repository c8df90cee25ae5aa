// Identifiers as Redis keeps them: 16 bytes, written without an array between.

internal import JobModel
internal import Redis

extension RedisCommand {
    /// Appends an identifier's 16 bytes.
    mutating func append(_ id: some UUIDIdentifier) {
        let words = (id.uuid.high.bigEndian, id.uuid.low.bigEndian)
        withUnsafeBytes(of: words) { self.append(bytes: $0) }
    }
}
