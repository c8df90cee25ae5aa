// Where Redis is and how to talk to it: the settings, with defaults. `RedisURL.swift` reads them from a URL.

/// The address of one server.
public enum RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A host name, IPv4 or IPv6 address (without brackets) and a port.
    case tcp(host: String, port: Int)
    /// The path of a Unix-domain socket.
    case unix(path: String)

    /// `host:port`, `[address]:port` or the path.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }
}

/// How a `RedisClient` finds and addresses its server.
public struct RedisConfiguration: Sendable, Hashable {
    /// How the servers are arranged.
    public enum Topology: Sendable, Hashable {
        /// One server.
        case standalone(RedisEndpoint)
        /// The master that these sentinels name, asked anew at each connection.
        case sentinel([RedisEndpoint], masterName: String)
        /// A cluster, discovered from these nodes.
        case cluster([RedisEndpoint])
    }

    /// TLS settings; paths are of PEM files, read at the first connection.
    public struct TLS: Sendable, Hashable {
        /// How the server's certificate is checked.
        public enum Verification: String, Sendable, Hashable {
            /// Chain and host name.
            case full
            /// Not at all: encryption without knowing with whom.
            case none
        }
        /// The authorities to trust; `nil` for the system's.
        public var caPath: String?
        /// The client's certificate chain, if the server asks for one.
        public var certificatePath: String?
        /// The key of that certificate.
        public var keyPath: String?
        /// How the server's certificate is checked.
        public var verification: Verification = .full

        /// The system's authorities, full verification, no client certificate.
        public init() {}
    }

    /// A user and password for `AUTH`.
    public struct Credentials: Sendable, Hashable {
        /// The ACL user; `nil` for the default user.
        public var username: String?
        /// The password.
        public var password: String

        /// Credentials of a user, or of the default user.
        public init(username: String? = nil, password: String) {
            self.username = username
            self.password = password
        }
    }

    /// How the servers are arranged.
    public var topology: Topology

    /// Whether keys of one command must share a slot.
    public var isCluster: Bool {
        switch self.topology {
        case .cluster: true
        case .standalone, .sentinel: false
        }
    }

    /// For the data servers.
    public var credentials: Credentials?
    /// For the sentinels themselves.
    public var sentinelCredentials: Credentials?
    /// TLS, for every connection, sentinels included; `nil` for none.
    public var tls: TLS?
    /// The database number. A cluster has only 0.
    public var database: Int
    /// What `CLIENT LIST` shows; no spaces.
    public var clientName: String?
    /// How long a connection may take until it is ready, and how long a command waits for one.
    public var connectTimeout: Duration = .seconds(2)
    /// How long a command waits for its reply. A connection with an overdue reply is dropped.
    public var commandTimeout: Duration = .seconds(5)
    /// Commands that may be waiting for their replies on one connection, and callers that may wait for one.
    public var commandsInFlightMax = 16_384

    /// Settings for servers arranged like this.
    public init(topology: Topology) {
        self.topology = topology
        self.database = 0
    }

    /// Reads a URL:
    /// `redis://[user:password@]host[:port][/db]`, `redis+unix:///path[?db=n]` (or `unix://`),
    /// `redis+sentinel://[user:password@]host[:port],…/master-name[/db]`, `redis+cluster://host[:port],…`;
    /// `rediss…` for TLS, with `?ca=`, `cert=`, `key=` (paths) and `verify=full|none`; sentinels also take
    /// `sentinel_user=` and `sentinel_password=`. Parts are percent-decoded, IPv6 addresses stand in brackets.
    ///
    /// Throws `.invalidConfiguration`, naming the part that is wrong, never the password.
    public init(url: String) throws(RedisError) {
        self = try RedisURL.parse(url)
    }

    /// The URL of these settings, without passwords: for logs. It cannot be used to connect where there is one.
    public var redactedURL: String {
        RedisURL.redacted(self)
    }
}
