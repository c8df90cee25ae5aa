// Secrets at rest: AES-256-GCM, bound to what they belong to, so that a sealed password copied to another family's row
// does not open there. Several keys are known: the first seals, all open, so that keys can be rotated.
//
// Text form: `v1.<key id>.<base64url of nonce, ciphertext and tag>`. Associated data: owner | purpose | key id.
// Nonces are random, 96 bits: a key may seal 2^32 times (NIST SP 800-38D, 8.3); families are far fewer.

internal import Crypto
public import JobModel

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Seals and opens secrets.
public struct SecretBox: Sendable, CustomStringConvertible, CustomReflectable {
    /// What a secret is for; part of what it is bound to.
    public enum Purpose: String, Sendable, CaseIterable {
        case familyDatabasePassword = "family-database-password"
        case serverAdminPassword = "server-admin-password"
    }

    private struct Key: Sendable {
        let id: String
        let key: SymmetricKey
    }

    private let keys: [Key]

    /// Reads keys from `id:base64,id:base64`, 32 bytes each; the first seals.
    ///
    /// - Throws: `TenancyError(.secret)`, which never repeats a key.
    public init(keys text: String) throws(TenancyError) {
        var keys: [Key] = []
        for (index, entry) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            let parts = entry.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, Self.isKeyID(parts[0]), let bytes = Base64URL.decode(parts[1]), bytes.count == 32
            else {
                throw TenancyError(
                    .secret, field: "CHOREWHEEL_SECRET_KEYS",
                    "entry \(index + 1) must be id:base64, the id 1 to 32 of A-Z, a-z, 0-9, '_', '-', the key 32 bytes")
            }
            guard !keys.contains(where: { $0.id == parts[0] }) else {
                throw TenancyError(.secret, field: "CHOREWHEEL_SECRET_KEYS", "names key \(parts[0]) twice")
            }
            keys.append(Key(id: String(parts[0]), key: SymmetricKey(data: bytes)))
        }
        self.keys = keys
    }

    /// A new key in the form that `init(keys:)` reads.
    public static func makeKey(id: String) -> String {
        let key = SymmetricKey(size: .bits256)
        return "\(id):\(key.withUnsafeBytes { Data($0).base64EncodedString() })"
    }

    /// Seals a secret for one owner and purpose.
    ///
    /// - Throws: `TenancyError(.secret)` if the cipher refuses, which it does not for inputs of this size.
    public func seal(_ secret: String, owner: UUIDBytes, purpose: Purpose) throws(TenancyError) -> String {
        guard let key = self.keys.first else { throw TenancyError(.secret, "there is no key to seal with") }
        do {
            let box = try AES.GCM.seal(
                Data(secret.utf8), using: key.key,
                authenticating: Self.associatedData(owner: owner, purpose: purpose, keyID: key.id))
            guard let combined = box.combined else { throw TenancyError(.secret, "sealing gave no combined form") }
            return "v1.\(key.id).\(Base64URL.encode(combined))"
        } catch {
            throw TenancyError(.secret, "sealing failed", underlying: error)
        }
    }

    /// Opens what was sealed for the same owner and purpose.
    ///
    /// - Throws: `TenancyError(.secret)`: unknown key or format, changed text, or another owner's or purpose's secret.
    public func open(_ sealed: String, owner: UUIDBytes, purpose: Purpose) throws(TenancyError) -> String {
        let parts = sealed.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "v1", let combined = Base64URL.decode(parts[2]) else {
            throw TenancyError(.secret, "a sealed secret is not of a known format")
        }
        guard let key = self.keys.first(where: { $0.id == parts[1] }) else {
            throw TenancyError(.secret, "a secret is sealed with key \"\(parts[1].prefix(32))\", which is not known")
        }
        do {
            let plain = try AES.GCM.open(
                AES.GCM.SealedBox(combined: combined), using: key.key,
                authenticating: Self.associatedData(owner: owner, purpose: purpose, keyID: key.id))
            return String(decoding: plain, as: UTF8.self)
        } catch {
            throw TenancyError(
                .secret, "a sealed secret was changed, or belongs to another row or purpose", underlying: error)
        }
    }

    private static func associatedData(owner: UUIDBytes, purpose: Purpose, keyID: String) -> Data {
        Data("\(owner)|\(purpose.rawValue)|\(keyID)".utf8)
    }

    private static func isKeyID(_ text: Substring) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    public var description: String { "SecretBox(keys: \(self.keys.map(\.id).joined(separator: ", ")))" }
    public var customMirror: Mirror { Mirror(self, children: ["keys": self.keys.map(\.id)]) }
}
