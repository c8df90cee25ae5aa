// A Lua script and its SHA-1, by which Redis knows it once it was sent. Loading is `RedisClient.run`'s business.

import Crypto

/// A Lua script that runs on the server, atomically.
public struct RedisScript: Sendable, Hashable {
    /// For logs and errors.
    public let name: String
    /// The Lua source.
    public let source: String
    /// The source's SHA-1 in lower-case hexadecimal: the argument of `EVALSHA`. An identifier, not a safeguard.
    public let sha1: String

    /// Computes the digest, once.
    public init(name: String, source: String) {
        self.name = name
        self.source = source
        let digits = Array("0123456789abcdef".utf8)
        let digest = Insecure.SHA1.hash(data: Array(source.utf8))
        self.sha1 = String(
            decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
