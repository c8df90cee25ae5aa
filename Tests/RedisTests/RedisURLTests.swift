// URLs in, settings out; no server.

import Testing

@testable import Redis

@Suite struct RedisURLTests {
    @Test(
        "a URL becomes an endpoint, credentials and a database",
        arguments: [
            ("redis://localhost", "localhost", 6379, nil as String?, nil as String?, 0),
            ("redis://10.0.0.1:7000/3", "10.0.0.1", 7000, nil, nil, 3),
            ("REDIS://h/?db=4", "h", 6379, nil, nil, 4),
            ("redis://:secret@h:1", "h", 1, nil, "secret", 0),
            ("redis://u%40x:p%3A%2f%25@h", "h", 6379, "u@x", "p:/%", 0),
            ("redis://u:a@b@h", "h", 6379, "u", "a@b", 0),
            ("redis://[::1]:6380/0", "::1", 6380, nil, nil, 0),
            ("redis://[fe80::1]", "fe80::1", 6379, nil, nil, 0),
        ])
    func standalone(
        url: String, host: String, port: Int, user: String?, password: String?, database: Int
    ) throws {
        let configuration = try RedisConfiguration(url: url)
        #expect(configuration.topology == .standalone(.tcp(host: host, port: port)))
        #expect(configuration.credentials?.username == user)
        #expect(configuration.credentials?.password == password)
        #expect(configuration.database == database)
        #expect(configuration.tls == nil)
    }

    @Test("a socket URL has a path and takes the database as a parameter", arguments: ["redis+unix", "unix"])
    func socket(scheme: String) throws {
        let configuration = try RedisConfiguration(url: "\(scheme)://:p@/run/my%20redis.sock?db=2")
        #expect(configuration.topology == .standalone(.unix(path: "/run/my redis.sock")))
        #expect(configuration.database == 2)
        #expect(configuration.credentials?.password == "p")
    }

    @Test("TLS parameters are read, and verification is full by default")
    func tls() throws {
        let plain = try RedisConfiguration(url: "rediss://h")
        #expect(plain.tls == RedisConfiguration.TLS())
        #expect(plain.tls?.verification == .full)
        let full = try RedisConfiguration(url: "rediss://h?ca=/a%20b.pem&cert=/c.pem&key=/k.pem&verify=none")
        #expect(full.tls?.caPath == "/a b.pem")
        #expect(full.tls?.certificatePath == "/c.pem")
        #expect(full.tls?.keyPath == "/k.pem")
        #expect(full.tls?.verification == RedisConfiguration.TLS.Verification.none)
    }

    @Test("sentinel and cluster URLs list their hosts")
    func lists() throws {
        let sentinel = try RedisConfiguration(
            url: "rediss+sentinel://u:p@a:1,[::1]:2,c/my%20master/3?sentinel_password=s")
        let hosts: [RedisEndpoint] = [
            .tcp(host: "a", port: 1), .tcp(host: "::1", port: 2), .tcp(host: "c", port: 26379),
        ]
        #expect(sentinel.topology == .sentinel(hosts, masterName: "my master"))
        #expect(sentinel.database == 3)
        #expect(sentinel.sentinelCredentials == .init(password: "s"))
        #expect(sentinel.tls != nil)
        let cluster = try RedisConfiguration(url: "redis+cluster://a:1,b")
        #expect(cluster.topology == .cluster([.tcp(host: "a", port: 1), .tcp(host: "b", port: 6379)]))
    }

    @Test(
        "a wrong URL is refused by an error that names the part",
        arguments: [
            ("localhost:6379", "scheme"), ("http://h", "unknown scheme 'http'"), ("redis://", "host is missing"),
            ("redis://h:0", "port"), ("redis://h:99999", "port"), ("redis://h:x", "port"),
            ("redis://h/x", "database"), ("redis://h/-1", "database"), ("redis://h/1/2", "path"),
            ("redis://h/1?db=1", "both"), ("redis://h?tineout=5", "'tineout'"), ("redis://h?ca=/x", "'ca'"),
            ("redis://h?db", "'db' has no value"), ("redis://h?db=1&db=2", "twice"),
            ("redis://user@h", "user:password"), ("redis://user:@h", "password is empty"),
            ("redis://::1:6379", "brackets"), ("redis://[::1", "']'"), ("redis://h%zz", "hexadecimal"),
            ("redis://h%ff", "UTF-8"), ("redis://h#x", "%23"), ("redis+unix://h/path", "no host"),
            ("redis+unix:///", "path"), ("redis+sentinel://a:1", "master's name"),
            ("redis+cluster://a/1", "database 0"),
            ("redis+cluster://a,,b", "host is missing"), ("rediss://h?verify=maybe", "'verify'"),
            ("rediss://h?cert=/c", "'cert' and 'key'"),
        ])
    func wrong(url: String, part: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.canRetry == false)
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test(
        "a redacted URL keeps everything but the password",
        arguments: [
            ("redis://u:secret@h:1/2", "redis://u:***@h:1/2"), ("rediss://:secret@[::1]", "rediss://:***@[::1]:6379"),
            ("unix:///a?db=1", "redis+unix:///a?db=1"),
            ("redis+sentinel://:secret@a:1,b/m/1", "redis+sentinel://:***@a:1,b:26379/m/1"),
            ("redis+cluster://a,b:1", "redis+cluster://a:6379,b:1"),
        ])
    func redaction(url: String, redacted: String) throws {
        #expect(try RedisConfiguration(url: url).redactedURL == redacted)
    }

    @Test("a URL's error never quotes the password")
    func secrecy() {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: "redis://u:hunter%2@h") }
        #expect(error?.debugDescription.contains("hunter") == false)
    }
}
