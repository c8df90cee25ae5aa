// TLS against a real server with a certificate of an authority of its own: what each `sslmode` takes and refuses, and
// whether the reason is plain to whoever reads the error.

import Logging
import TestSupport
import Testing

@testable import Postgres

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

@Suite("TLS", .timeLimit(.minutes(20)))
struct PostgresTLSTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test("each sslmode takes the server that it may, and says why it refuses another")
    func modes() async throws {
        let servers = try await TestServers.start()
        let plain = try PostgresConfiguration(url: servers.databaseURL)
        #expect(try await refusal(of: plain, .require).message.contains("server does not support SSL"))
        try await turnTLSOn(plain)
        try await eventually("the server has read its new settings") {
            try await failure(of: plain, .require) == nil
        }

        try await with(plain, .require) { connection in
            let session = try await connection.query(
                "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            #expect(try session[0].string(at: 0) == "t")
            #expect(try session[0].string(at: 1).hasPrefix("TLSv1."))
            // Many records: what OpenSSL holds back is not forgotten.
            let long = try await connection.query("SELECT repeat('x', 3000000) FROM generate_series(1, 3)")
            #expect(try long.map { try $0.string(at: 0).utf8.count } == [3_000_000, 3_000_000, 3_000_000])
            // A cancel request is a connection of its own, and not encrypted.
            let late = try await postgresError {
                try await connection.query("SELECT pg_sleep(608)", timeout: .milliseconds(50))
            }
            #expect(late.code == .timeout)
            #expect(try await connection.query("SELECT 1").count == 1)
        }

        let authority = try write(Self.authority, to: "\(servers.directory)/authority.pem")
        let other = try write(Self.otherAuthority, to: "\(servers.directory)/other.pem")
        var named = plain
        named.host = "localhost"
        let trusting = PostgresConfiguration.TLS(mode: .verifyFull, rootCertificate: authority)
        #expect(try await failure(of: named, trusting) == nil)
        // The certificate is for the name, not for the address; `verify-ca` does not mind.
        #expect(try await refusal(of: plain, trusting).message.contains("does not match host name \"127.0.0.1\""))
        #expect(try await failure(of: plain, .init(mode: .verifyCA, rootCertificate: authority)) == nil)
        let stranger = try await refusal(of: named, .init(mode: .verifyFull, rootCertificate: other))
        #expect(stranger.message.contains("certificate verify failed"))
        let missing = try await refusal(of: named, .init(mode: .verifyFull, rootCertificate: "/nonexistent.pem"))
        #expect(missing.message.contains("\"/nonexistent.pem\" does not exist"))

        let unencrypted = try await refusal(of: plain, .disable)
        #expect(unencrypted.sqlState == .invalidAuthorization)
        #expect(unencrypted.message.contains("no encryption"))
        #expect(!unencrypted.canRetry)
        await servers.stop()
    }

    // MARK: Means

    private func with(
        _ configuration: PostgresConfiguration, _ tls: PostgresConfiguration.TLS,
        _ body: @Sendable (PostgresConnection) async throws -> Void
    ) async throws {
        var configuration = configuration
        configuration.tls = tls
        configuration.connectTimeout = .seconds(60)
        // Through the URL, as settings come.
        let connection = try await PostgresConnection.connect(
            PostgresConfiguration(url: configuration.url), logger: logger)
        do {
            try await body(connection)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Why there is no connection; nil if there is one.
    private func failure(
        of configuration: PostgresConfiguration, _ tls: PostgresConfiguration.TLS
    ) async throws -> PostgresError? {
        do {
            try await with(configuration, tls) { try await $0.query("SELECT 1") }
            return nil
        } catch let error as PostgresError where error.code == .connectionFailed {
            return error
        }
    }

    private func refusal(
        of configuration: PostgresConfiguration, _ tls: PostgresConfiguration.TLS
    ) async throws -> PostgresError {
        try #require(try await failure(of: configuration, tls))
    }

    /// Gives the server its key, its certificate, and a rule by which only TLS comes in; by its own hand, for the files
    /// must belong to the user that it runs as.
    private func turnTLSOn(_ configuration: PostgresConfiguration) async throws {
        try await with(configuration, .prefer) { connection in
            for (name, text) in [
                ("test.key", Self.key), ("test.crt", Self.certificate),
                ("pg_hba.conf", "hostssl all all 127.0.0.1/32 scram-sha-256"),
            ] {
                let lines = try quoteLiteral(text)
                try await connection.execute(
                    script: """
                        COPY (SELECT unnest(string_to_array(\(lines), chr(10))))
                        TO PROGRAM 'umask 077 && cat > \(name)'
                        """)
            }
            for (setting, value) in [("ssl_key_file", "test.key"), ("ssl_cert_file", "test.crt"), ("ssl", "on")] {
                try await connection.execute(script: "ALTER SYSTEM SET \(setting) = '\(value)'")
            }
            try await connection.query("SELECT pg_reload_conf()")
        }
    }

    private func write(_ text: String, to path: String) throws -> String {
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
        return path
    }

    /// An authority; its key is lost. Valid for a hundred years, as the others here.
    private static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBoDCCAUegAwIBAgIULGF2y91JkgO559zn7RPqba3E+dEwCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwacG9zdGdyZXMgdGVzdCBhdXRob3JpdHkgY2EwIBcNMjYxMTIx
        MTE1MzA3WhgPMjEyNjEwMjgxMTUzMDdaMCUxIzAhBgNVBAMMGnBvc3RncmVzIHRl
        c3QgYXV0aG9yaXR5IGNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3wmdgoyM
        TYr/I6gBWijhQlHdGhApZfDmwLaD13csP8Odfp6qchRBYbh900sfdT01WZXLlD7b
        V3qPKHuQNAo2tKNTMFEwHQYDVR0OBBYEFFRq5WtozxQ49/eE/jaQ9DoVTkCbMB8G
        A1UdIwQYMBaAFFRq5WtozxQ49/eE/jaQ9DoVTkCbMA8GA1UdEwEB/wQFMAMBAf8w
        CgYIKoZIzj0EAwIDRwAwRAIgWynRZUBSE6C1tkiLh+sa3XZT7AEB2umMRyjj+zcR
        GYgCIBMqno8DS502fjDoZm4zWXg6GEMr7urYefwV5tXJws0H
        -----END CERTIFICATE-----

        """

    /// One that has signed nothing.
    private static let otherAuthority = """
        -----BEGIN CERTIFICATE-----
        MIIBpzCCAU2gAwIBAgIUJ6Rcfq3JKkwMJQosud84gBz8hWMwCgYIKoZIzj0EAwIw
        KDEmMCQGA1UEAwwdcG9zdGdyZXMgdGVzdCBhdXRob3JpdHkgb3RoZXIwIBcNMjYx
        MTIxMTE1MzA3WhgPMjEyNjEwMjgxMTUzMDdaMCgxJjAkBgNVBAMMHXBvc3RncmVz
        IHRlc3QgYXV0aG9yaXR5IG90aGVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
        U9j6adr9RN7ZhA8rBS53pbUSMyb9bxGHrss8HfxoWE0N4OJ8wR1I5kYjk64rug/P
        6n60dC9gR9bCCIjF9DQbiKNTMFEwHQYDVR0OBBYEFN7amrRm+rcd9Fc5G7BIvpcx
        gv6KMB8GA1UdIwQYMBaAFN7amrRm+rcd9Fc5G7BIvpcxgv6KMA8GA1UdEwEB/wQF
        MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgA/GNGunmEiDuusu6INQPl4zZvZzSaL6K
        Xm+xnF/rTNECIQCuEsZmtXU39zPZsQFC+htz6XGhXnY7aRXBKKry8Vs67g==
        -----END CERTIFICATE-----

        """

    /// Signed by the first, for `localhost`.
    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBnzCCAUagAwIBAgIUA2NQmQ18xEy2pACJHzc3jfVpdJcwCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwacG9zdGdyZXMgdGVzdCBhdXRob3JpdHkgY2EwIBcNMjYxMTIx
        MTE1MzA3WhgPMjEyNjEwMjgxMTUzMDdaMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDBZ
        MBMGByqGSM49AgEGCCqGSM49AwEHA0IABMX19TdLGESrw+ujTB2zpsrlluQ30FM4
        aZu4jJCnAm+0YElvwSA3d8RaUQ9/whgBYfMI4z2HbnvW//pITgN8CyCjYzBhMBQG
        A1UdEQQNMAuCCWxvY2FsaG9zdDAJBgNVHRMEAjAAMB0GA1UdDgQWBBSM+05zyg/F
        OJ8jIS3IfPdlL6AxMTAfBgNVHSMEGDAWgBRUauVraM8UOPf3hP42kPQ6FU5AmzAK
        BggqhkjOPQQDAgNHADBEAiB76Uhcthmkla1/AWiga1/cKM+cYont6xN9i8w79LAA
        pAIgNgxFPMAPSkz7dsahu+x+mn0NZFwHhEXFTkvOjJewUHo=
        -----END CERTIFICATE-----
        """

    /// Its key. Not a secret.
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcRBXwmXhLUFl4Ro5
        DIvbXxI9jOmj4X0dhZiGwioNdA2hRANCAATF9fU3SxhEq8Pro0wds6bK5ZbkN9BT
        OGmbuIyQpwJvtGBJb8EgN3fEWlEPf8IYAWHzCOM9h2571v/6SE4DfAsg
        -----END PRIVATE KEY-----
        """
}
