// Asking sentinels where the master is. Once per connection attempt: a failover shows as a lost connection.

import NIOCore

enum SentinelResolver {
    /// Asks the sentinels in turn; the first that knows the name decides. Throws `.unavailable` if none answers.
    ///
    /// What it returns may be stale: the handshake with the master asks for its `ROLE`.
    static func master(
        named name: String, of sentinels: [RedisEndpoint], settings: ConnectionSettings, on eventLoop: any EventLoop
    ) async throws -> RedisEndpoint {
        var failures: [String] = []
        for sentinel in sentinels {
            do {
                let connection = try await RedisConnection.open(sentinel, settings: settings, on: eventLoop)
                defer { connection.close(because: RedisError(.closed, "the sentinel has answered")) }
                let question = try CommandEncoder.encode([RedisCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)])
                guard let promise = try connection.submit(question, timeout: settings.connectTimeout) else {
                    throw RedisError(.connectionLost, "the sentinel hung up")
                }
                if let master = try self.address(in: try await promise.value()[0].throwingErrors()) { return master }
                failures.append("\(sentinel) does not know '\(name)'")
            } catch let error as RedisError {
                failures.append("\(sentinel): \(error)")
            }
        }
        throw RedisError(.unavailable, "no sentinel named a master: \(failures.joined(separator: "; "))")
    }

    /// `[host, port]`, or null for a name that the sentinel does not watch.
    static func address(in reply: RedisValue) throws(RedisError) -> RedisEndpoint? {
        if reply.isNull { return nil }
        let parts = try reply.requireArray()
        guard parts.count == 2 else { throw RedisError(.unexpectedReply, "a master's address is host and port") }
        return .tcp(host: try parts[0].requireString(), port: try parts[1].requireInt())
    }
}
