// Where a database is and how to reach it. It validates itself and turns into a URL and back
// (`PostgresConfiguration+URL.swift`); it opens nothing. Invariant: no description of it shows the password; only
// `password` and `url` do.

/// The address, credentials and settings of one database.
public struct PostgresConfiguration: Sendable, Hashable {
    /// How the connection is encrypted and whom it trusts; libpq's `sslmode` and its files.
    public struct TLS: Sendable, Hashable {
        public enum Mode: String, Sendable, Hashable, CaseIterable {
            case disable, allow, prefer, require
            case verifyCA = "verify-ca"
            case verifyFull = "verify-full"
        }

        public var mode: Mode
        /// Path of the certificate authorities' file (`sslrootcert`).
        public var rootCertificate: String?
        /// Path of the client's certificate (`sslcert`).
        public var clientCertificate: String?
        /// Path of the client's key (`sslkey`).
        public var clientKey: String?

        public init(
            mode: Mode, rootCertificate: String? = nil, clientCertificate: String? = nil, clientKey: String? = nil
        ) {
            self.mode = mode
            self.rootCertificate = rootCertificate
            self.clientCertificate = clientCertificate
            self.clientKey = clientKey
        }

        public static let disable = TLS(mode: .disable)
        /// Encrypted where the server can, trusting whoever answers. The default, as libpq's.
        public static let prefer = TLS(mode: .prefer)
        public static let require = TLS(mode: .require)
    }

    /// A name, an IP address, or the directory of a Unix socket.
    public var host: String
    public var port: Int
    public var database: String
    public var user: String
    public var password: String?
    public var tls: TLS
    /// From the first look-up to the server's welcome.
    public var connectTimeout: Duration
    /// The server's `statement_timeout` for the session; nil leaves the server's own.
    public var statementTimeout: Duration?
    public var applicationName: String?
    /// How many statements a connection keeps prepared; 0 turns that off (for a pooler in transaction mode). Not part
    /// of the URL.
    public var statementCacheSize: Int

    public static let defaultPort = 5432
    public static let defaultConnectTimeout: Duration = .seconds(5)
    public static let defaultStatementCacheSize = 256

    public init(
        host: String,
        port: Int = PostgresConfiguration.defaultPort,
        database: String,
        user: String,
        password: String? = nil,
        tls: TLS = .prefer,
        connectTimeout: Duration = PostgresConfiguration.defaultConnectTimeout,
        statementTimeout: Duration? = nil,
        applicationName: String? = nil,
        statementCacheSize: Int = PostgresConfiguration.defaultStatementCacheSize
    ) {
        self.host = host
        self.port = port
        self.database = database
        self.user = user
        self.password = password
        self.tls = tls
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.applicationName = applicationName
        self.statementCacheSize = statementCacheSize
    }

    /// Whether `host` is a directory (or abstract name) of a Unix socket.
    var isUnixSocket: Bool { host.hasPrefix("/") || host.hasPrefix("@") }

    /// Checks what libpq would misunderstand.
    ///
    /// - Throws: `PostgresError(.invalidConfiguration)` naming the field and the rule.
    public func validate() throws(PostgresError) {
        func refuse(_ message: String) -> PostgresError { PostgresError(.invalidConfiguration, message) }
        if host.isEmpty { throw refuse("host must not be empty") }
        if host.contains(",") { throw refuse("host must be one host, not a list") }
        if !(1...65_535).contains(port) { throw refuse("port must be between 1 and 65535, not \(port)") }
        if user.isEmpty { throw refuse("user must not be empty") }
        if database.isEmpty { throw refuse("database must not be empty") }
        if database.utf8.count > identifierBytesMax {
            throw refuse("database must have at most \(identifierBytesMax) bytes, not \(database.utf8.count)")
        }
        if connectTimeout <= .zero { throw refuse("connect_timeout must be positive") }
        if let statementTimeout, statementTimeout < .milliseconds(1) || statementTimeout > .milliseconds(Int32.max) {
            throw refuse("statement_timeout must be between 1 ms and \(Int32.max) ms")
        }
        let texts: [(String, String?)] = [
            ("host", host), ("database", database), ("user", user), ("password", password),
            ("application_name", applicationName), ("sslrootcert", tls.rootCertificate),
            ("sslcert", tls.clientCertificate), ("sslkey", tls.clientKey),
        ]
        for (name, text) in texts where text?.utf8.contains(0) == true {
            throw refuse("\(name) must not contain NUL")
        }
    }

    /// libpq's keywords and values.
    ///
    /// - Parameter addresses: the host's numeric addresses where we looked them up; libpq would block to do it.
    func parameters(addresses: [String]) -> [(keyword: String, value: String)] {
        var list: [(keyword: String, value: String)] = [
            // With several addresses, libpq wants the name as often.
            ("host", addresses.isEmpty ? host : Array(repeating: host, count: addresses.count).joined(separator: ",")),
            ("port", String(port)),
            ("dbname", database),
            ("user", user),
            ("sslmode", tls.mode.rawValue),
            ("client_encoding", "UTF8"),
            // Kerberos encryption is probed by default, with blocking look-ups and a round trip.
            ("gssencmode", "disable"),
        ]
        list += Self.liveness
        if !addresses.isEmpty { list.append(("hostaddr", addresses.joined(separator: ","))) }
        if let password { list.append(("password", password)) }
        if let applicationName { list.append(("application_name", applicationName)) }
        if let path = tls.rootCertificate { list.append(("sslrootcert", path)) }
        if let path = tls.clientCertificate { list.append(("sslcert", path)) }
        if let path = tls.clientKey { list.append(("sslkey", path)) }
        if let statementTimeout {
            list.append(("options", Self.options(statementTimeout: statementTimeout)))
        }
        return list
    }

    /// A machine that vanished, or that takes nothing more of what is sent, is noticed within 20 s, not after hours:
    /// silence is probed after 10 s and then every 5 s; the kernel gives up when nothing was acknowledged for 15 s, or
    /// (a platform without TCP_USER_TIMEOUT, where libpq skips that one) after two lost probes. A server whose kernel
    /// answers although it hangs is not noticed so: that is what a statement's `timeout` is for.
    static let liveness: [(keyword: String, value: String)] = [
        ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "2"),
        ("tcp_user_timeout", "15000"),
    ]

    static func options(statementTimeout: Duration) -> String {
        "-c statement_timeout=\(statementTimeout.wholeMilliseconds)"
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { redactedURL }
    public var debugDescription: String { redactedURL }
    public var customMirror: Mirror { Mirror(self, children: ["url": redactedURL]) }
}

extension Duration {
    /// In milliseconds, rounded up, so that a short wait does not become none.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        return product.addingReportingOverflow((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000).partialValue
    }
}
