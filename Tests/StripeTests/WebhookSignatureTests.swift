// Signatures: what Stripe's own library signed is accepted, and nothing else.

import Stripe
import Testing

@Suite struct WebhookSignatureTests {
    static let secret = "whsec_test_secret"
    static let now: Int64 = 1_700_000_000
    static let body = Array(#"{"id":"evt_1","object":"event"}"#.utf8)

    /// Made by `stripe.WebhookSignature.generate_signature_header` of the PyPI package stripe 16.1.0.
    static let vectors: [(body: String, secret: String, header: String, time: Int64)] = [
        (
            #"{"id":"evt_1","object":"event"}"#, "whsec_test_secret",
            "t=1700000000,v1=0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd", 1_700_000_000
        ),
        ("", "whsec_x", "t=0,v1=4e8c2621ad6b7e8ee9325e803d12429025d82e5abc79b476cf0efabfaf9a6e57", 0),
        (
            #"{"name":"Zoë – 家族 🎉"}"#, "whsec_ünïcode",
            "t=1764000000,v1=b04611c5156561dbd0a71a89ab59edfb683668270b07e0f71f1df17bd0852183", 1_764_000_000
        ),
        (
            "{\n  \"id\": \"evt_2\"\n}\n", "whsec_" + String(repeating: "a", count: 100),
            "t=1764000001,v1=92b647cf2e1ee1fc46c5eb35dd03eb39038c02b55705579401fde1f765460b6c", 1_764_000_001
        ),
    ]

    @Test(arguments: vectors.indices) func `What Stripe's own library signed is accepted`(index: Int) throws {
        let vector = Self.vectors[index]
        let body = Array(vector.body.utf8)
        let signed = try WebhookSignature.verify(
            header: vector.header, body: body, secrets: [vector.secret], now: vector.time)
        #expect(signed == vector.time)
        #expect(WebhookSignature.header(body: body, secret: vector.secret, timestamp: vector.time) == vector.header)
    }

    @Test func `A body altered in any one byte is refused`() {
        let header = Self.header()
        for index in Self.body.indices {
            for bit in 0..<8 {
                var body = Self.body
                body[index] ^= 1 << UInt8(bit)
                #expect(Self.code(header, body: body) == .noMatch)
            }
        }
        #expect(Self.code(header, body: Self.body + [10]) == .noMatch)
        #expect(Self.code(header, body: []) == .noMatch)
    }

    @Test func `Another secret, and the secret without its prefix, are refused`() {
        let header = Self.header()
        #expect(Self.code(header, secrets: ["whsec_other"]) == .noMatch)
        #expect(Self.code(header, secrets: ["test_secret"]) == .noMatch)
    }

    @Test func `While a secret is rolled, either side's old one is accepted`() throws {
        let old = Self.header(secret: "whsec_old")
        let new = Self.header(secret: "whsec_new")
        let both = "\(old),\(new.split(separator: ",")[1])"
        for secrets in [["whsec_old"], ["whsec_new"], ["whsec_none", "whsec_old"], ["whsec_new", "whsec_none"]] {
            #expect(Self.code(both, secrets: secrets) == nil)
        }
        #expect(Self.code(old, secrets: ["whsec_new", "whsec_old"]) == nil)
        #expect(Self.code(both, secrets: ["whsec_none"]) == .noMatch)
    }

    @Test func `Headers that are missing, malformed or without a v1 are told apart`() {
        let valid = Self.header()
        let signature = valid.split(separator: ",")[1]
        #expect(Self.code(nil) == .missingHeader)
        #expect(Self.code("") == .missingHeader)
        for header in ["x", ",", "\(signature)", "t=,\(signature)", "t=abc,\(signature)", "t=-1,\(signature)"] {
            #expect(Self.code(header) == .malformedHeader, "\(header)")
        }
        for header in ["t=+1700000000,\(signature)", "t= 1700000000,\(signature)", "t=1_700_000_000,\(signature)"] {
            #expect(Self.code(header) == .malformedHeader, "\(header)")
        }
        #expect(Self.code("t=9999999999999999,\(signature)") == .malformedHeader)
        #expect(Self.code("t=1700000000,v1") == .malformedHeader)
        #expect(Self.code("t=1700000000") == .noSignature)
        #expect(Self.code("t=1700000000,\(signature.replacing("v1=", with: "v0="))") == .noSignature)
        #expect(Self.code("t=1700000000,v1=") == .noMatch)
        #expect(Self.code("t=1700000000,\(signature.uppercased().replacing("V1", with: "v1"))") == .noMatch)
        #expect(Self.code("x=1,\(valid),v0=0,y") == nil)
    }

    @Test func `Time counts 300 seconds both ways, to the second`() {
        for (offset, expected) in [
            (0, nil), (300, nil), (-300, nil), (301, StripeError.Code.timestampTooOld), (-301, .timestampInFuture),
        ] as [(Int64, StripeError.Code?)] {
            #expect(Self.code(Self.header(), now: Self.now + offset) == expected)
        }
        // A forged request learns nothing about our clock.
        #expect(Self.code("t=1,v1=00") == .noMatch)
    }

    @Test func `Without a secret nothing is verified`() {
        #expect(Self.code(Self.header(secret: ""), secrets: []) == .noSecret)
        #expect(Self.code(Self.header(secret: ""), secrets: ["", " \n"]) == .noSecret)
    }

    @Test func `No damage to a header makes another body's signature pass, and none traps`() async {
        var random = SeededGenerator(seed: 20_260_511)
        let stranger = Self.header(secret: "whsec_stranger")
        let pieces = ["t=", "v1=", "v0=", ",", "=", "", " ", "\u{0}", "é", "9", "ffffffffffffffff", "t=1700000000,"]
        for round in 0..<10_000 {
            var header = stranger
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let bytes = Array(header.unicodeScalars)
                let from = Int.random(in: 0...bytes.count, using: &random)
                let to = min(bytes.count, from + Int.random(in: 0...3, using: &random))
                let piece = pieces[Int.random(in: 0..<pieces.count, using: &random)].unicodeScalars
                header = String(String.UnicodeScalarView(bytes[..<from] + Array(piece) + bytes[to...]))
            }
            #expect(Self.code(header) != nil)
            if round.isMultiple(of: 32) { await Task.yield() }
        }
    }

    private static func header(secret: String = Self.secret) -> String {
        WebhookSignature.header(body: Self.body, secret: secret, timestamp: Self.now)
    }

    private static func code(
        _ header: String?, body: [UInt8] = Self.body, secrets: [String] = [Self.secret], now: Int64 = Self.now
    ) -> StripeError.Code? {
        do {
            try WebhookSignature.verify(header: header, body: body, secrets: secrets, now: now)
            return nil
        } catch {
            return error.code
        }
    }
}

/// A random source that repeats (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
