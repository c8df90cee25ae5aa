// Stripe's webhook signatures: `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>…]`, where a v1 is the HMAC-SHA256 of
// `<t>.<raw body>` under the endpoint's secret.
//
// Invariants:
// 1. The bytes that were received are the bytes that are verified: nothing is parsed or written anew before.
// 2. Every v1 is compared with every secret, in constant time: a secret may be rolled on either side. Other schemes
//    (`v0`) are ignored, so that nobody can ask for a weaker one.
// 3. The signature is judged before the time, so that an unsigned request learns nothing about our clock.
//
// Source: stripe-python `_webhook.py`. On purpose stricter than it: it takes a `t` from the future, and one written
// with blanks, signs or underscores.

internal import Crypto

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Verifies, and for tests and demos makes, webhook signatures.
public enum WebhookSignature {
    /// How far a signature's time may be from ours, either way.
    public static let defaultTolerance: Duration = .seconds(300)

    /// Verifies that a body was signed with one of the secrets, a short while ago.
    ///
    /// - Parameters:
    ///   - header: The value of `Stripe-Signature`; nil when there is none.
    ///   - body: The request's body as it came, byte for byte.
    ///   - secrets: The endpoint's secrets, each whole (`whsec_…`).
    ///   - now: Seconds since 1970.
    /// - Returns: When it was signed, in seconds since 1970. Each delivery is signed anew: never tell duplicates by it.
    /// - Throws: `StripeError`, every code but `malformedEvent`.
    @discardableResult
    public static func verify(
        header: String?, body: [UInt8], secrets: [String], now: Int64, tolerance: Duration = Self.defaultTolerance
    ) throws(StripeError) -> Int64 {
        let secrets = secrets.filter { !$0.allSatisfy(\.isWhitespace) }
        guard !secrets.isEmpty else { throw StripeError(.noSecret, "no webhook secret is configured") }
        guard let header, !header.isEmpty else {
            throw StripeError(.missingHeader, "the Stripe-Signature header is missing")
        }
        let parsed = try Self.parse(header)
        var matches = false
        for secret in secrets {
            let expected = Self.signature(of: body, secret: secret, timestamp: parsed.timestamp)
            for candidate in parsed.signatures {
                // Not `matches || …`, which would stop at the first match and tell by its time which secret it was.
                let equal = Self.constantTimeEqual(expected, candidate)
                matches = equal || matches
            }
        }
        guard matches else { throw StripeError(.noMatch, "no signature matches the body and a configured secret") }
        let age = Duration.seconds(now) - .seconds(parsed.timestamp)
        guard age <= tolerance else {
            throw StripeError(.timestampTooOld, "the signature is older than \(tolerance.components.seconds) s")
        }
        guard age >= .zero - tolerance else {
            throw StripeError(
                .timestampInFuture, "the signature is from more than \(tolerance.components.seconds) s in the future")
        }
        return parsed.timestamp
    }

    /// The header that Stripe would send with a body.
    ///
    /// - Parameter timestamp: Seconds since 1970.
    public static func header(body: [UInt8], secret: String, timestamp: Int64) -> String {
        let signature = Self.signature(of: body, secret: secret, timestamp: timestamp)
        return "t=\(timestamp),v1=\(String(decoding: signature, as: UTF8.self))"
    }

    /// The v1 signature, as lower-case hexadecimal digits.
    private static func signature(of body: [UInt8], secret: String, timestamp: Int64) -> [UInt8] {
        var code = HMAC<SHA256>(key: SymmetricKey(data: Array(secret.utf8)))
        code.update(data: Array("\(timestamp).".utf8))
        code.update(data: body)
        let digits = Array("0123456789abcdef".utf8)
        return code.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }
    }

    /// Compares all of both; only the length of a signature, which is no secret, ends it early.
    private static func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// A header's first `t` and every `v1`.
    private static func parse(_ header: String) throws(StripeError) -> (timestamp: Int64, signatures: [[UInt8]]) {
        var timestamp: Int64?
        var signatures: [[UInt8]] = []
        for element in header.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = element.split(separator: "=", maxSplits: 2, omittingEmptySubsequences: false)
            switch parts[0] {
            case "t" where timestamp == nil:
                guard parts.count > 1, let seconds = Self.seconds(parts[1]) else {
                    throw StripeError(.malformedHeader, "the Stripe-Signature header's t must be seconds, in digits")
                }
                timestamp = seconds
            case "v1":
                guard parts.count > 1 else {
                    throw StripeError(.malformedHeader, "the Stripe-Signature header has a v1 without a value")
                }
                signatures.append(Array(parts[1].utf8))
            default: continue
            }
        }
        guard let timestamp else {
            throw StripeError(.malformedHeader, "the Stripe-Signature header has no timestamp t")
        }
        guard !signatures.isEmpty else {
            throw StripeError(.noSignature, "the Stripe-Signature header has no signature of scheme v1")
        }
        return (timestamp, signatures)
    }

    /// 1 to 15 digits: enough for thirty million years, and no sum with it overflows.
    private static func seconds(_ text: Substring) -> Int64? {
        guard (1...15).contains(text.utf8.count),
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int64(text)
    }
}
