// What is sealed opens for its owner alone, and no plaintext password leaves the process.

import JobModel
import Testing

@testable import Tenancy

@Suite struct SecretTests {
    private let owner = UUIDBytes(high: 1, low: 2)
    private let other = UUIDBytes(high: 1, low: 3)

    @Test func `a sealed secret opens for its owner and purpose`() throws {
        let box = try SecretBox(keys: SecretBox.makeKey(id: "k1"))
        let sealed = try box.seal("pässword", owner: self.owner, purpose: .familyDatabasePassword)
        #expect(sealed.hasPrefix("v1.k1."))
        #expect(!sealed.contains("pässword"))
        #expect(try box.open(sealed, owner: self.owner, purpose: .familyDatabasePassword) == "pässword")
    }

    @Test func `a secret swapped into another row or purpose does not open`() throws {
        let box = try SecretBox(keys: SecretBox.makeKey(id: "k1"))
        let sealed = try box.seal("s", owner: self.owner, purpose: .familyDatabasePassword)
        #expect(throws: TenancyError.self) {
            try box.open(sealed, owner: self.other, purpose: .familyDatabasePassword)
        }
        #expect(throws: TenancyError.self) { try box.open(sealed, owner: self.owner, purpose: .serverAdminPassword) }
    }

    @Test func `any flipped bit is noticed`() throws {
        let box = try SecretBox(keys: SecretBox.makeKey(id: "k1"))
        let sealed = try box.seal("secret", owner: self.owner, purpose: .familyDatabasePassword)
        let parts = sealed.split(separator: ".")
        let bytes = try #require(Base64URL.decode(parts[2]))
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << bit
                let text = "v1.k1.\(Base64URL.encode(changed))"
                #expect(throws: TenancyError.self) {
                    try box.open(text, owner: self.owner, purpose: .familyDatabasePassword)
                }
            }
        }
    }

    @Test func `the first key seals, and older keys still open`() throws {
        let old = SecretBox.makeKey(id: "old")
        let new = SecretBox.makeKey(id: "new")
        let before = try SecretBox(keys: old).seal("s", owner: self.owner, purpose: .familyDatabasePassword)
        let rotated = try SecretBox(keys: "\(new),\(old)")
        #expect(try rotated.open(before, owner: self.owner, purpose: .familyDatabasePassword) == "s")
        let after = try rotated.seal("s", owner: self.owner, purpose: .familyDatabasePassword)
        #expect(after.hasPrefix("v1.new."))
        let error = #expect(throws: TenancyError.self) {
            try SecretBox(keys: new).open(before, owner: self.owner, purpose: .familyDatabasePassword)
        }
        #expect(error?.message.contains("\"old\"") == true)
    }

    @Test(arguments: ["", "k1", "k1:", ":AAAA", "k1:AAAA", "k 1:\(String(repeating: "A", count: 43))="])
    func `keys that are none are refused without being repeated`(text: String) {
        let error = #expect(throws: TenancyError.self) { try SecretBox(keys: text) }
        #expect(error?.code == .secret)
        #expect(error?.description.contains("AAAA") == false)
    }

    @Test func `two keys of one id are refused`() {
        #expect(throws: TenancyError.self) {
            try SecretBox(keys: "\(SecretBox.makeKey(id: "a")),\(SecretBox.makeKey(id: "a"))")
        }
    }

    @Test(arguments: ["", "v1.k1", "v2.k1.AAAA", "v1.k1.%%%", "plain text"])
    func `what was never sealed does not open`(text: String) throws {
        let box = try SecretBox(keys: SecretBox.makeKey(id: "k1"))
        #expect(throws: TenancyError.self) { try box.open(text, owner: self.owner, purpose: .familyDatabasePassword) }
    }

    // User "user", password "pencil" and this salt: RFC 7677, section 3; the keys by Python's hashlib and hmac.
    @Test func `the SCRAM verifier of the RFC's password is known`() throws {
        let salt = try #require(Base64URL.decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
        let verifier = SCRAMVerifier(password: "pencil", salt: salt, iterations: 4096)
        #expect(
            verifier.text
                == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
                + ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")
    }

    @Test func `passwords and verifiers do not describe themselves`() {
        let password = DatabasePassword.random()
        var dumped = ""
        dump(password, to: &dumped)
        for text in ["\(password)", String(reflecting: password), dumped, "\(SCRAMVerifier(password: password))"] {
            #expect(!text.contains(password.text))
        }
        #expect(password.text.utf8.count == 43)
        #expect(password != DatabasePassword.random())
    }
}
