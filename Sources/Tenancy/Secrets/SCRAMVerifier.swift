// What PostgreSQL stores of a password, computed here: `CREATE ROLE … PASSWORD 'SCRAM-SHA-256$…'` sends no plaintext,
// so none reaches a log, pg_stat_statements or a replica. RFC 5802, RFC 7677; PostgreSQL's scram-common.c.
//
// It is not SASLprep: passwords are ours, and ASCII.

internal import Crypto

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A SCRAM-SHA-256 verifier in PostgreSQL's textual form.
public struct SCRAMVerifier: Hashable, Sendable, CustomStringConvertible {
    /// `SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>`. It is no password, but treat it as a secret.
    public let text: String

    /// PostgreSQL's default; RFC 7677 asks for at least this many.
    public static let defaultIterations = 4096

    /// The verifier of a password with a fresh salt of 16 bytes.
    public init(password: DatabasePassword) {
        var generator = SystemRandomNumberGenerator()
        self.init(
            password: password.text, salt: (0..<16).map { _ in generator.next() }, iterations: Self.defaultIterations)
    }

    /// - Precondition: the password is ASCII, at least one iteration.
    init(password: String, salt: [UInt8], iterations: Int) {
        precondition(password.utf8.allSatisfy { $0 < 0x80 } && iterations >= 1)
        let salted = SymmetricKey(data: Self.hi(Array(password.utf8), salt: salt, iterations: iterations))
        let clientKey = HMAC<SHA256>.authenticationCode(for: Data("Client Key".utf8), using: salted)
        let storedKey = SHA256.hash(data: Data(clientKey))
        let serverKey = HMAC<SHA256>.authenticationCode(for: Data("Server Key".utf8), using: salted)
        func base64(_ bytes: some Sequence<UInt8>) -> String { Data(bytes).base64EncodedString() }
        self.text = "SCRAM-SHA-256$\(iterations):\(base64(salt))$\(base64(storedKey)):\(base64(serverKey))"
    }

    /// `Hi` of RFC 5802: PBKDF2-HMAC-SHA-256 of one block.
    private static func hi(_ password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        let key = SymmetricKey(data: password)
        var block = Array(HMAC<SHA256>.authenticationCode(for: salt + [0, 0, 0, 1], using: key))
        var result = block
        for _ in 1..<iterations {
            block = Array(HMAC<SHA256>.authenticationCode(for: block, using: key))
            for index in result.indices { result[index] ^= block[index] }
        }
        return result
    }

    public var description: String { "SCRAM-SHA-256$…" }
}

/// A database password: 32 random bytes, as text. It describes itself as nothing.
public struct DatabasePassword: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// 43 characters of base64url.
    public let text: String

    /// A new one, from the system's generator.
    public static func random() -> DatabasePassword {
        var generator = SystemRandomNumberGenerator()
        return DatabasePassword(text: Base64URL.encode((0..<32).map { _ in generator.next() as UInt8 }))
    }

    public init(text: String) { self.text = text }

    public var description: String { "(password)" }
    public var debugDescription: String { self.description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
