// `postgres://user:password@host:port/database?parameter=value`, both ways, without Foundation. What is written here
// is accepted by psql, which has no `statement_timeout` parameter: it is written as `options=-c statement_timeout=…`
// and read in both forms.

extension PostgresConfiguration {
    /// Reads a `postgres://` or `postgresql://` URL.
    ///
    /// Parameters: `host` (also a socket's directory), `port`, `user`, `password`, `dbname`, `sslmode`,
    /// `sslrootcert`, `sslcert`, `sslkey`, `connect_timeout` (seconds), `statement_timeout` (milliseconds, or with a
    /// unit: `250ms`, `5s`, `2min`, `1h`), `options` (only `-c statement_timeout=…`) and `application_name`. Without
    /// a path the database is named like the user.
    ///
    /// - Throws: `PostgresError(.invalidConfiguration)` naming the part and the rule, never the password.
    public init(url: String) throws(PostgresError) {
        var parts = try URLParts(url)
        let host = try parts.take("host", or: parts.host)
        let user = try parts.take("user", or: parts.user)
        let password = try parts.take("password", or: parts.password)
        let database = try parts.take("dbname", or: parts.database)
        let portText = try parts.take("port", or: parts.port)
        guard let host, !host.isEmpty else { throw Self.refusal("host is missing") }
        guard let user, !user.isEmpty else { throw Self.refusal("user is missing") }
        var port = Self.defaultPort
        if let portText {
            guard let number = Int(portText) else { throw Self.refusal("port must be a number") }
            port = number
        }
        self.init(host: host, port: port, database: database ?? user, user: user, password: password)
        try takeTLS(from: &parts)
        try takeTimeouts(from: &parts)
        applicationName = parts.parameters.removeValue(forKey: "application_name")
        if let unknown = parts.parameters.keys.sorted().first {
            throw Self.refusal("parameter '\(unknown)' is not known")
        }
        try validate()
    }

    private mutating func takeTLS(from parts: inout URLParts) throws(PostgresError) {
        if let text = parts.parameters.removeValue(forKey: "sslmode") {
            guard let mode = TLS.Mode(rawValue: text) else {
                let modes = TLS.Mode.allCases.map(\.rawValue).joined(separator: ", ")
                throw Self.refusal("sslmode must be one of \(modes)")
            }
            tls.mode = mode
        }
        tls.rootCertificate = parts.parameters.removeValue(forKey: "sslrootcert")
        tls.clientCertificate = parts.parameters.removeValue(forKey: "sslcert")
        tls.clientKey = parts.parameters.removeValue(forKey: "sslkey")
    }

    private mutating func takeTimeouts(from parts: inout URLParts) throws(PostgresError) {
        if let text = parts.parameters.removeValue(forKey: "connect_timeout") {
            guard let seconds = Int32(text), seconds > 0 else {
                throw Self.refusal("connect_timeout must be a positive number of seconds")
            }
            connectTimeout = .seconds(seconds)
        }
        if let text = parts.parameters.removeValue(forKey: "options") {
            let prefix = "-c statement_timeout="
            guard text.hasPrefix(prefix) else {
                throw Self.refusal("options may only be '\(prefix)…'")
            }
            statementTimeout = try Self.timeout(text.dropFirst(prefix.count))
        }
        if let text = parts.parameters.removeValue(forKey: "statement_timeout") {
            statementTimeout = try Self.timeout(text[...])
        }
    }

    /// A number of milliseconds, or a number with one of PostgreSQL's units. Zero means none, as in PostgreSQL.
    private static func timeout(_ text: Substring) throws(PostgresError) -> Duration? {
        let digits = text.prefix(while: { $0.isASCII && $0.isNumber })
        let milliseconds: [Substring: Int64] = ["": 1, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000]
        guard let number = Int32(digits), let factor = milliseconds[text.dropFirst(digits.count)] else {
            throw refusal("statement_timeout must be a number of milliseconds, or one with a unit: ms, s, min, h")
        }
        return number == 0 ? nil : .milliseconds(Int64(number) * factor)
    }

    fileprivate static func refusal(_ message: String) -> PostgresError {
        PostgresError(.invalidConfiguration, "database URL: \(message)")
    }

    /// The URL, with the password: for psql and for the environment of a child, never for a log.
    public var url: String { url(password: password) }

    /// The URL with `***` for the password.
    public var redactedURL: String { url(password: password == nil ? nil : "***", isMask: true) }

    private func url(password: String?, isMask: Bool = false) -> String {
        var text = "postgresql://\(Percent.encode(user))"
        if let password { text += ":\(isMask ? password : Percent.encode(password))" }
        text += "@"
        text += host.contains(":") ? "[\(Percent.encode(host, keeping: ":"))]" : Percent.encode(host)
        text += ":\(port)/\(Percent.encode(database))"
        var parameters: [(String, String)] = []
        if tls.mode != .prefer { parameters.append(("sslmode", tls.mode.rawValue)) }
        if let path = tls.rootCertificate { parameters.append(("sslrootcert", path)) }
        if let path = tls.clientCertificate { parameters.append(("sslcert", path)) }
        if let path = tls.clientKey { parameters.append(("sslkey", path)) }
        if connectTimeout != Self.defaultConnectTimeout {
            parameters.append(("connect_timeout", String((connectTimeout.wholeMilliseconds + 999) / 1_000)))
        }
        if let statementTimeout { parameters.append(("options", Self.options(statementTimeout: statementTimeout))) }
        if let applicationName { parameters.append(("application_name", applicationName)) }
        for (index, parameter) in parameters.enumerated() {
            text += "\(index == 0 ? "?" : "&")\(parameter.0)=\(Percent.encode(parameter.1))"
        }
        return text
    }
}

/// A URL cut into its decoded parts.
private struct URLParts {
    var user: String?
    var password: String?
    var host: String?
    var port: String?
    var database: String?
    var parameters: [String: String] = [:]

    init(_ url: String) throws(PostgresError) {
        guard let scheme = ["postgres://", "postgresql://"].first(where: { url.hasPrefix($0) }) else {
            throw PostgresConfiguration.refusal("it must begin with postgres:// or postgresql://")
        }
        var rest = url.dropFirst(scheme.count)
        if let mark = rest.firstIndex(of: "?") {
            try readParameters(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        if let slash = rest.firstIndex(of: "/") {
            database = try Self.decode(rest[rest.index(after: slash)...], "the path")
            rest = rest[..<slash]
        }
        if let at = rest.lastIndex(of: "@") {
            let credentials = rest[..<at]
            rest = rest[rest.index(after: at)...]
            if let colon = credentials.firstIndex(of: ":") {
                user = try Self.decode(credentials[..<colon], "user")
                password = try Self.decode(credentials[credentials.index(after: colon)...], "password")
            } else {
                user = try Self.decode(credentials, "user")
            }
        }
        try readAddress(rest)
    }

    private mutating func readAddress(_ text: Substring) throws(PostgresError) {
        var rest = text
        if rest.hasPrefix("[") {
            guard let bracket = rest.firstIndex(of: "]") else {
                throw PostgresConfiguration.refusal("host lacks a closing ']'")
            }
            host = try Self.decode(rest[rest.index(after: rest.startIndex)..<bracket], "host")
            rest = rest[rest.index(after: bracket)...]
            guard rest.isEmpty || rest.hasPrefix(":") else {
                throw PostgresConfiguration.refusal("after ']' only a port may follow")
            }
        } else {
            host = try Self.decode(rest.prefix(while: { $0 != ":" }), "host")
            rest = rest.drop(while: { $0 != ":" })
        }
        if rest.count > 1 { port = try Self.decode(rest.dropFirst(), "port") }
    }

    private mutating func readParameters(_ text: Substring) throws(PostgresError) {
        for pair in text.split(separator: "&") {
            guard let equals = pair.firstIndex(of: "=") else {
                throw PostgresConfiguration.refusal("parameter '\(pair)' has no value")
            }
            let name = try Self.decode(pair[..<equals], "a parameter's name") ?? ""
            let value = try Self.decode(pair[pair.index(after: equals)...], "parameter '\(name)'") ?? ""
            guard parameters.updateValue(value, forKey: name) == nil else {
                throw PostgresConfiguration.refusal("parameter '\(name)' is given twice")
            }
        }
    }

    /// The parameter if it is given, else the part; both at once is an error.
    mutating func take(_ name: String, or part: String?) throws(PostgresError) -> String? {
        guard let value = parameters.removeValue(forKey: name) else { return part }
        guard part == nil else { throw PostgresConfiguration.refusal("'\(name)' is given twice") }
        return value
    }

    /// Nil for an empty part.
    private static func decode(_ text: Substring, _ part: String) throws(PostgresError) -> String? {
        guard !text.isEmpty else { return nil }
        guard let decoded = Percent.decode(text) else {
            throw PostgresConfiguration.refusal("\(part) is not well percent-encoded UTF-8")
        }
        return decoded
    }
}

private enum Percent {
    /// Everything but the unreserved characters of RFC 3986 is encoded.
    static func encode(_ text: String, keeping extra: String = "") -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            case _ where extra.utf8.contains(byte):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Nil if an escape is cut short, not hexadecimal, or the result is not UTF-8.
    static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Hex.digit), let low = rest.popFirst().flatMap(Hex.digit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

enum Hex {
    /// The value of a hexadecimal digit.
    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
