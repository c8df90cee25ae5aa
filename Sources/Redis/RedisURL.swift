// Redis URLs to settings and back (without secrets). By hand: Foundation's URL knows neither lists of hosts nor
// `redis+unix`, and would link ICU for it. Errors name the part, and never quote a part that may hold a password.

enum RedisURL {
    private enum Kind {
        case standalone, unix, sentinel, cluster
    }

    /// Redis' own default is 16 databases; this is only to tell a number from a mistake.
    static let databaseMax = 65_535

    private static let schemes: [String: (kind: Kind, tls: Bool)] = [
        "redis": (.standalone, false), "rediss": (.standalone, true),
        "redis+unix": (.unix, false), "unix": (.unix, false),
        "redis+sentinel": (.sentinel, false), "rediss+sentinel": (.sentinel, true),
        "redis+cluster": (.cluster, false), "rediss+cluster": (.cluster, true),
    ]

    static func parse(_ url: String) throws(RedisError) -> RedisConfiguration {
        guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else {
            throw self.invalid("it has no scheme; write redis://host:port")
        }
        let scheme = url[..<colon].lowercased()
        guard let (kind, tls) = self.schemes[scheme] else {
            throw self.invalid(
                "unknown scheme '\(scheme)'; known: \(self.schemes.keys.sorted().joined(separator: ", "))")
        }
        var rest = url[url.index(colon, offsetBy: 3)...]
        guard !rest.contains("#") else { throw self.invalid("'#' must be written %23") }
        var parameters: [String: String] = [:]
        if let question = rest.firstIndex(of: "?") {
            parameters = try self.parameters(rest[rest.index(after: question)...])
            rest = rest[..<question]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<slash]
        let path = rest[slash...]
        var credentials: RedisConfiguration.Credentials?
        if let at = authority.lastIndex(of: "@") {
            credentials = try self.credentials(authority[..<at])
            authority = authority[authority.index(after: at)...]
        }

        var configuration = try self.topology(kind, authority: authority, path: path, parameters: &parameters)
        configuration.credentials = credentials
        if tls { configuration.tls = try self.tls(&parameters) }
        if kind == .sentinel, let password = parameters.removeValue(forKey: "sentinel_password") {
            configuration.sentinelCredentials = .init(
                username: parameters.removeValue(forKey: "sentinel_user"), password: password)
        }
        if let unknown = parameters.keys.sorted().first {
            throw self.invalid("parameter '\(unknown)' is not known for \(scheme)://")
        }
        return configuration
    }

    static func redacted(_ configuration: RedisConfiguration) -> String {
        let s = configuration.tls == nil ? "" : "s"
        let user = configuration.credentials.map { ($0.username.map(self.encoded) ?? "") + ":***@" } ?? ""
        let database = configuration.database == 0 ? "" : "/\(configuration.database)"
        switch configuration.topology {
        case .standalone(.tcp(let host, let port)):
            return "redis\(s)://\(user)\(RedisEndpoint.tcp(host: host, port: port))\(database)"
        case .standalone(.unix(let path)):
            let query = configuration.database == 0 ? "" : "?db=\(configuration.database)"
            return "redis+unix://\(user)\(self.encoded(path))\(query)"
        case .sentinel(let sentinels, let name):
            return "redis\(s)+sentinel://\(user)\(self.list(sentinels))/\(self.encoded(name))\(database)"
        case .cluster(let nodes):
            return "redis\(s)+cluster://\(user)\(self.list(nodes))"
        }
    }

    private static func list(_ endpoints: [RedisEndpoint]) -> String {
        endpoints.map(\.description).joined(separator: ",")
    }

    // MARK: parts

    private static func topology(
        _ kind: Kind, authority: Substring, path: Substring, parameters: inout [String: String]
    ) throws(RedisError) -> RedisConfiguration {
        var segments = path.split(separator: "/", omittingEmptySubsequences: true)
        var configuration: RedisConfiguration
        switch kind {
        case .unix:
            guard authority.isEmpty else { throw self.invalid("a socket has no host; write redis+unix:///path") }
            guard path.count > 1 else { throw self.invalid("the path of the socket is missing") }
            configuration = RedisConfiguration(
                topology: .standalone(.unix(path: try self.decoded(path, "the path of the socket"))))
            segments = []
        case .standalone:
            configuration = RedisConfiguration(topology: .standalone(try self.endpoint(authority, defaultPort: 6379)))
        case .sentinel:
            guard let name = segments.first else {
                throw self.invalid("the master's name is missing; write redis+sentinel://host:port/name")
            }
            configuration = RedisConfiguration(
                topology: .sentinel(
                    try self.endpoints(authority, defaultPort: 26379),
                    masterName: try self.decoded(name, "the master's name")))
            segments.removeFirst()
        case .cluster:
            configuration = RedisConfiguration(topology: .cluster(try self.endpoints(authority, defaultPort: 6379)))
        }
        guard segments.count <= 1 else { throw self.invalid("the path has more parts than a database number") }
        let named = parameters.removeValue(forKey: "db")
        if let segment = segments.first {
            guard named == nil else { throw self.invalid("the database stands both in the path and in 'db'") }
            configuration.database = try self.database(String(segment))
        } else if let named {
            configuration.database = try self.database(named)
        }
        guard kind != .cluster || configuration.database == 0 else {
            throw self.invalid("a cluster has only database 0")
        }
        return configuration
    }

    private static func tls(_ parameters: inout [String: String]) throws(RedisError) -> RedisConfiguration.TLS {
        var tls = RedisConfiguration.TLS()
        tls.caPath = parameters.removeValue(forKey: "ca")
        tls.certificatePath = parameters.removeValue(forKey: "cert")
        tls.keyPath = parameters.removeValue(forKey: "key")
        if let text = parameters.removeValue(forKey: "verify") {
            guard let verification = RedisConfiguration.TLS.Verification(rawValue: text) else {
                throw self.invalid("parameter 'verify' is 'full' or 'none', not '\(text)'")
            }
            tls.verification = verification
        }
        guard (tls.certificatePath == nil) == (tls.keyPath == nil) else {
            throw self.invalid("parameters 'cert' and 'key' go together")
        }
        return tls
    }

    private static func database(_ text: String) throws(RedisError) -> Int {
        guard let number = Int(text), (0...self.databaseMax).contains(number) else {
            throw self.invalid("the database is a number from 0 to \(self.databaseMax), not '\(text)'")
        }
        return number
    }

    private static func credentials(_ text: Substring) throws(RedisError) -> RedisConfiguration.Credentials {
        guard let colon = text.firstIndex(of: ":") else {
            throw self.invalid("before '@' stands user:password, or :password for the default user")
        }
        let username = try self.decoded(text[..<colon], "the user")
        let password = try self.decoded(text[text.index(after: colon)...], "the password")
        guard !password.isEmpty else { throw self.invalid("the password is empty") }
        return .init(username: username.isEmpty ? nil : username, password: password)
    }

    private static func endpoints(_ text: Substring, defaultPort: Int) throws(RedisError) -> [RedisEndpoint] {
        var endpoints: [RedisEndpoint] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            endpoints.append(try self.endpoint(part, defaultPort: defaultPort))
        }
        return endpoints
    }

    private static func endpoint(_ text: Substring, defaultPort: Int) throws(RedisError) -> RedisEndpoint {
        var host = text
        var portText: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw self.invalid("'[' without ']' in the host") }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw self.invalid("after ']' stands a port or nothing") }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            portText = text[text.index(after: colon)...]
            guard portText?.contains(":") == false else {
                throw self.invalid("an IPv6 address stands in brackets: [::1]:6379")
            }
        }
        let name = try self.decoded(host, "the host")
        guard !name.isEmpty else { throw self.invalid("the host is missing") }
        guard let portText else { return .tcp(host: name, port: defaultPort) }
        guard let port = Int(portText), (1...65_535).contains(port) else {
            throw self.invalid("the port is a number from 1 to 65535, not '\(portText)'")
        }
        return .tcp(host: name, port: port)
    }

    private static func parameters(_ query: Substring) throws(RedisError) -> [String: String] {
        var parameters: [String: String] = [:]
        for part in query.split(separator: "&") {
            guard let equals = part.firstIndex(of: "=") else { throw self.invalid("parameter '\(part)' has no value") }
            let name = try self.decoded(part[..<equals], "a parameter's name")
            let value = try self.decoded(part[part.index(after: equals)...], "parameter '\(name)'")
            guard parameters.updateValue(value, forKey: name) == nil else {
                throw self.invalid("parameter '\(name)' is given twice")
            }
        }
        return parameters
    }

    private static func invalid(_ message: String) -> RedisError {
        RedisError(.invalidConfiguration, "Redis URL: \(message)")
    }
}

// Percent encoding (RFC 3986, section 2.1).
extension RedisURL {
    private static func decoded(_ text: Substring, _ what: String) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(self.digit), let low = rest.popFirst().flatMap(self.digit) else {
                throw RedisError(
                    .invalidConfiguration, "Redis URL: '%' without two hexadecimal digits in \(what)")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self), !decoded.utf8.contains(0) else {
            throw RedisError(.invalidConfiguration, "Redis URL: \(what) is not UTF-8 text")
        }
        return decoded
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
