// URLs in and out, and what is refused. No server.

import Testing

@testable import Postgres

@Suite("A configuration")
struct ConfigurationTests {
    @Test("is read from a plain URL")
    func plain() throws {
        let configuration = try PostgresConfiguration(url: "postgres://ann:s%40crēt@db.example.com:6432/family")
        #expect(configuration.host == "db.example.com")
        #expect(configuration.port == 6432)
        #expect(configuration.user == "ann")
        #expect(configuration.password == "s@crēt")
        #expect(configuration.database == "family")
        #expect(configuration.tls == .prefer)
        #expect(configuration.connectTimeout == .seconds(5))
        #expect(configuration.statementTimeout == nil)
    }

    @Test("has libpq's defaults: port 5432, the database named like the user")
    func defaults() throws {
        let configuration = try PostgresConfiguration(url: "postgresql://ann@localhost")
        #expect(configuration.port == 5432)
        #expect(configuration.database == "ann")
        #expect(configuration.password == nil)
    }

    @Test("takes a socket's directory as a parameter or percent-encoded")
    func sockets() throws {
        let parameter = try PostgresConfiguration(url: "postgresql://ann@/x?host=/run/pg&port=5433")
        #expect(parameter.host == "/run/pg")
        #expect(parameter.port == 5433)
        let encoded = try PostgresConfiguration(url: "postgresql://ann@%2Frun%2Fpg:5433/x")
        #expect(encoded == parameter)
    }

    @Test("takes IPv6 addresses in brackets")
    func ipv6() throws {
        let configuration = try PostgresConfiguration(url: "postgresql://ann@[::1]:5433/x")
        #expect(configuration.host == "::1")
        #expect(configuration.port == 5433)
        #expect(configuration.url == "postgresql://ann@[::1]:5433/x")
    }

    @Test("reads every parameter")
    func parameters() throws {
        let configuration = try PostgresConfiguration(
            url: "postgres://ann@h/x?sslmode=verify-full&sslrootcert=/ca&sslcert=/c&sslkey=/k&connect_timeout=3"
                + "&statement_timeout=2min&application_name=worker%201")
        #expect(
            configuration.tls
                == .init(mode: .verifyFull, rootCertificate: "/ca", clientCertificate: "/c", clientKey: "/k"))
        #expect(configuration.connectTimeout == .seconds(3))
        #expect(configuration.statementTimeout == .seconds(120))
        #expect(configuration.applicationName == "worker 1")
    }

    @Test(
        "reads statement_timeout with PostgreSQL's units",
        arguments: [("250", 250), ("250ms", 250), ("5s", 5_000), ("1h", 3_600_000)])
    func timeouts(text: String, milliseconds: Int) throws {
        let configuration = try PostgresConfiguration(url: "postgres://a@h/x?statement_timeout=\(text)")
        #expect(configuration.statementTimeout == .milliseconds(milliseconds))
    }

    @Test("comes back from its own URL unchanged")
    func roundTrip() throws {
        var configuration = PostgresConfiguration(
            host: "/run/a b", port: 1, database: "fam/ily?", user: "a@b:c", password: "p%/@:?&=#")
        configuration.tls = .init(mode: .require, rootCertificate: "/ca file")
        configuration.connectTimeout = .seconds(7)
        configuration.statementTimeout = .milliseconds(1_500)
        configuration.applicationName = "ä & b"
        #expect(try PostgresConfiguration(url: configuration.url) == configuration)
    }

    @Test("shows its password in no description")
    func redaction() throws {
        let configuration = PostgresConfiguration(host: "h", database: "d", user: "u", password: "hunter2")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", configuration.redactedURL, String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
            #expect(text.contains("***"))
        }
    }

    @Test(
        "refuses a bad URL and names what is wrong",
        arguments: [
            ("mysql://a@h/x", "postgres://"), ("postgres://a@/x", "host"), ("postgres://h/x", "user"),
            ("postgres://a@h:x/x", "port"), ("postgres://a@h:70000/x", "port"), ("postgres://a@h,i/x", "host"),
            ("postgres://a@h/x?colour=red", "colour"), ("postgres://a@h/x?sslmode=maybe", "sslmode"),
            ("postgres://a@h/x?sslmode=require&sslmode=require", "sslmode"), ("postgres://a@h/x?host=i", "host"),
            ("postgres://a@h/x?statement_timeout=soon", "statement_timeout"),
            ("postgres://a@h/x?connect_timeout=0", "connect_timeout"), ("postgres://a@h/x?options=-c%20a", "options"),
            ("postgres://a:%zz@h/x", "password"), ("postgres://a@h/%FF", "path"), ("postgres://a@h/a%00b", "database"),
            ("postgres://a@[::1/x", "host"), ("postgres://a@h/x?sslmode", "sslmode"),
            ("postgres://a@h/\(String(repeating: "x", count: 64))", "database"),
        ])
    func refusals(url: String, name: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(url: url) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(name) == true, "\(error?.message ?? "")")
    }
}
