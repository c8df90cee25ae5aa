// The settings of the HTTP API, with defaults. They are checked before anything listens.

internal import Hummingbird

/// How the API listens and whom it believes.
public struct ControlPlaneConfiguration: Sendable {
    public var host: String
    /// 0: a free one, told by `onRunning` of `makeControlPlane`.
    public var port: Int
    /// Bearer tokens that are accepted; several, so that one can be replaced without an outage.
    public var tokens: [String]
    /// Secrets of Stripe's webhook endpoint; several, for the same reason. None: webhooks are answered with 503, and
    /// Stripe sends them again.
    public var stripeSecrets: [String]
    /// False: `POST /v1/families` answers 403.
    public var signUpsAllowed: Bool
    /// The largest body of a batch of jobs, in bytes. Other bodies have smaller bounds of their own.
    public var bodyBytesMax: Int
    /// How long a request may take in all: a store that does not answer gives a 503 after this time.
    public var requestTimeout: Duration
    /// How many connections may be open; further ones wait to be accepted.
    public var connectionsMax: Int

    public init(
        host: String = "127.0.0.1", port: Int = 8080, tokens: [String], stripeSecrets: [String] = [],
        signUpsAllowed: Bool = true, bodyBytesMax: Int = 8 * 1024 * 1024, requestTimeout: Duration = .seconds(8),
        connectionsMax: Int = 4096
    ) {
        self.host = host
        self.port = port
        self.tokens = tokens
        self.stripeSecrets = stripeSecrets
        self.signUpsAllowed = signUpsAllowed
        self.bodyBytesMax = bodyBytesMax
        self.requestTimeout = requestTimeout
        self.connectionsMax = connectionsMax
    }

    /// A setting that cannot be.
    public struct Invalid: Error, Sendable, Hashable, CustomStringConvertible {
        public let setting: String
        public let rule: String
        public var description: String { "\(self.setting) \(self.rule)" }
    }

    /// - Throws: `Invalid` naming the setting and the rule.
    public func validate() throws(Invalid) {
        guard !self.host.isEmpty else { throw Invalid(setting: "host", rule: "must not be empty") }
        guard (0...65_535).contains(self.port) else { throw Invalid(setting: "port", rule: "must be 0 to 65535") }
        guard !self.tokens.isEmpty else { throw Invalid(setting: "tokens", rule: "must have at least one token") }
        guard self.tokens.allSatisfy(BearerAuthentication.isToken) else {
            throw Invalid(setting: "tokens", rule: "must be of letters, digits, '-', '.', '_', '~', '+', '/', '='")
        }
        guard self.bodyBytesMax >= RequestLimits.jobBytesMax else {
            throw Invalid(setting: "bodyBytesMax", rule: "must be at least \(RequestLimits.jobBytesMax)")
        }
        guard self.requestTimeout > .zero else {
            throw Invalid(setting: "requestTimeout", rule: "must be more than 0")
        }
        guard self.connectionsMax >= 1 else { throw Invalid(setting: "connectionsMax", rule: "must be at least 1") }
    }
}
