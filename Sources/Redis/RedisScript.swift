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

    /// An `EVAL` with the whole text, for transactions: one that a server does not know by its SHA-1 would be the only
    /// command that is not done. `arguments` appends the script's `ARGV`.
    public func evaluation(keys: [String], arguments: (inout RedisCommand) -> Void) -> RedisCommand {
        self.command("EVAL", self.source, keys: keys, arguments: arguments)
    }

    /// `EVALSHA`, by which a server runs what it knows.
    func call(keys: [String], arguments: (inout RedisCommand) -> Void) -> RedisCommand {
        self.command("EVALSHA", self.sha1, keys: keys, arguments: arguments)
    }

    private func command(
        _ name: String, _ script: String, keys: [String], arguments: (inout RedisCommand) -> Void
    ) -> RedisCommand {
        var command = RedisCommand(name, key: keys.first)
        command.append(script)
        command.append(keys.count)
        command.append(contentsOf: keys)
        arguments(&command)
        return command
    }
}
