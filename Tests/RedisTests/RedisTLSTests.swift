// TLS against a real server that asks for a client certificate, too.

import LocalServers
import Logging
import Processes
import Redis
import TestSupport
import Testing

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

@Suite(.timeLimit(.minutes(2))) struct RedisTLSTests {
    @Test("rediss:// speaks TLS with a client certificate, and refuses a server that it cannot verify")
    func encrypted() async throws {
        let group = try PrivateRedisGroup()
        let (certificate, key) = ("\(group.directory)/cert.pem", "\(group.directory)/key.pem")
        try self.write(Self.certificate, to: certificate)
        try self.write(Self.key, to: key)
        let port = try PrivateRedisGroup.freePorts(1)[0]
        let address = "127.0.0.1:\(port)"
        let identity = "cert=\(certificate)&key=\(key)"
        let server = try await group.start(
            "tls", url: "rediss://\(address)?ca=\(certificate)&\(identity)",
            settings: [
                "bind 127.0.0.1", "port 0", "tls-port \(port)", "tls-cert-file \(certificate)",
                "tls-key-file \(key)", "tls-ca-cert-file \(certificate)",
            ])
        #expect(try await self.ping("rediss://\(address)?verify=none&\(identity)") == nil)
        // The system's authorities do not know it; a client without a certificate is refused; plain text is.
        #expect(try await self.ping("rediss://\(address)?\(identity)")?.code == .unavailable)
        #expect(try await self.ping("rediss://\(address)?ca=\(certificate)")?.code == .unavailable)
        #expect(try await self.ping("redis://\(address)") != nil)
        #expect(try await self.ping("rediss://\(address)?ca=/nonexistent")?.code == .invalidConfiguration)
        await server.stop()
    }

    /// Why a client with this URL cannot ping.
    private func ping(_ url: String) async throws -> RedisError? {
        var configuration = try RedisConfiguration(url: url)
        configuration.connectTimeout = .seconds(10)
        let client = RedisClient(configuration: configuration, logger: .quiet)
        var failure: RedisError?
        do { try await client.send(RedisCommand("PING")) } catch let error as RedisError { failure = error }
        await client.close()
        return failure
    }

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
    }

    /// Self-signed, for 127.0.0.1, valid for a hundred years; it guards nothing but this test.
    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBfjCCASWgAwIBAgIUFuel/JNy8fS87BINa20sXEzhKLgwCgYIKoZIzj0EAwIw
        HDEaMBgGA1UEAwwRcmVkaXMgdGVzdCBzZXJ2ZXIwIBcNMjYxMTIxMDMyNzEzWhgP
        MjEyNjEwMjgwMzI3MTNaMBwxGjAYBgNVBAMMEXJlZGlzIHRlc3Qgc2VydmVyMFkw
        EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZMJXA4CgBkg8mWVc5UMPtsbWNucsWkC8
        UTc1vM5/UEiZt21BHCDInA1BVXVEraOLijfMCs/bPxsxzH62kYsA/KNDMEEwDwYD
        VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMB0GA1UdDgQWBBQY2aiqwEjv
        tzdTPE8Nm8MP1fU9yTAKBggqhkjOPQQDAgNHADBEAiAPAj1BZZJ8UarkJGxVxt11
        jMKROaT0IYwOGWy5H+eZiQIgAkHFeijFgtYweyTdgRg8Fk5U5oKwoGmvlP+1UXJ/
        HTA=
        -----END CERTIFICATE-----

        """

    /// Its key. Not a secret.
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZnzs9PoHQyrSl1Rt
        K8ShlzYHI3LIsne3W+ZzT656MZmhRANCAARkwlcDgKAGSDyZZVzlQw+2xtY25yxa
        QLxRNzW8zn9QSJm3bUEcIMicDUFVdUSto4uKN8wKz9s/GzHMfraRiwD8
        -----END PRIVATE KEY-----

        """
}
