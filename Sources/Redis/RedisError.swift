// The one error type of this module.
//
// It says what went wrong (`code`), which of Redis' own error words came with it (`prefix`), and whether trying again
// can help. It is not how cancellation is told: that is `CancellationError`, thrown as it is.

/// A failure of a Redis command, of the connection below it, or of the configuration.
public struct RedisError: Error, Sendable {
    /// What kind of failure it was.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The server answered with an error; `prefix` has its first word. Trying again may help: see `canRetry`.
        case server
        /// No connection within `connectTimeout`. The command was not sent.
        case unavailable
        /// The connection ended while the reply was awaited. The command may or may not have run.
        case connectionLost
        /// No reply within the command's timeout; the connection was dropped. The command may or may not have run.
        case timeout
        /// A named bound (commands in flight, waiting callers, bytes of a command) was reached. Nothing was sent.
        case overloaded
        /// The peer does not speak RESP2; the connection was dropped.
        case protocolViolation
        /// A URL or a setting is wrong. Trying again cannot help.
        case invalidConfiguration
        /// The reply is well formed but not of the shape that the caller asked for.
        case unexpectedReply
        /// The client was closed.
        case closed
    }

    /// What kind of failure it was.
    public let code: Code
    /// The server's error word, such as `NOSCRIPT` or `OOM`; `nil` where the server said none.
    public let prefix: String?
    /// One sentence for people. It may quote what the server said; `description` cuts the arguments out.
    public let message: String
    /// Whether the same command can succeed later without anyone changing it.
    public let canRetry: Bool
    /// The error below, of NIO or of TLS, if there was one.
    public let underlying: (any Error)?
    /// Where it was made.
    public let file: String
    /// Where it was made.
    public let line: Int

    init(
        _ code: Code, _ message: String, prefix: String? = nil, underlying: (any Error)? = nil,
        file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.prefix = prefix
        self.message = message
        self.canRetry = Self.canRetry(code, prefix: prefix)
        self.underlying = underlying
        self.file = file
        self.line = line
    }

    /// An error reply, as an error to throw.
    public init(_ error: RedisServerError, file: String = #fileID, line: Int = #line) {
        self.init(.server, error.message, prefix: error.prefix, file: file, line: line)
    }

    /// Whether trying again can help, decided from the code and the server's error word alone.
    public static func canRetry(_ code: Code, prefix: String?) -> Bool {
        switch code {
        case .server: prefix.map(RedisServerError.retryablePrefixes.contains) ?? false
        case .unavailable, .connectionLost, .timeout, .overloaded: true
        case .protocolViolation, .invalidConfiguration, .unexpectedReply, .closed: false
        }
    }
}

extension RedisError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Code and message without values: an unknown command's arguments, which Redis repeats, are cut.
    public var description: String {
        "redis \(self.code.rawValue): \(RedisServerError.redact(self.message))"
    }

    /// Everything, values included: not for logs.
    public var debugDescription: String {
        let underlying = self.underlying.map { ", underlying: \($0)" } ?? ""
        return "redis \(self.code.rawValue): \(self.message)\(underlying) (\(self.file):\(self.line))"
    }
}

/// An error reply (`-ERR …`) as a value: pipelines and scripts return it beside other replies.
public struct RedisServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The whole text after the `-`.
    public let message: String

    /// An error reply with this text.
    public init(message: String) { self.message = message }

    /// The first word, if it looks like one of Redis' error words (`WRONGTYPE`, `ERR`): upper case, at the start.
    public var prefix: String? {
        let word = self.message.utf8.prefix { $0 != UInt8(ascii: " ") }
        let isWord = word.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
        return isWord && !word.isEmpty ? String(Substring(word)) : nil
    }

    /// Whether the same command can succeed later without anyone changing it.
    public var canRetry: Bool { RedisError.canRetry(.server, prefix: self.prefix) }

    /// The message without the arguments that Redis repeats.
    public var description: String { Self.redact(self.message) }

    /// Error words that tell of the server's state, not of the command
    /// (Redis 7.0, `src/server.c`, `createSharedObjects`).
    static let retryablePrefixes: Set<String> = [
        "LOADING", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN",  // starting, failing over, resharding
        "BUSY", "UNBLOCKED", "NOREPLICAS",  // a script holds the server; roles changed; too few replicas
        "OOM", "MISCONF",  // full memory or disk: heals when the queue drains or the operator acts
        "MOVED", "ASK",  // more redirections than `ClusterRouter.redirectionsMax`: the cluster is being rearranged
    ]

    /// Error words after which this server is of no use to us: it is not the master any more.
    static let failoverPrefixes: Set<String> = ["READONLY", "UNBLOCKED"]

    static func redact(_ message: String) -> String {
        // "ERR unknown command 'X', with args beginning with: 'secret' …"
        let marker = ", with args beginning with"
        var text = message[...]
        while !text.isEmpty {
            if text.hasPrefix(marker) { return String(message[..<text.startIndex]) }
            text.removeFirst()
        }
        return message
    }
}
