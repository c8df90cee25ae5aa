// The one error type of this module: why a webhook was not believed, or not understood.

/// Why a webhook was refused. Nothing about it was stored or changed; the sender deserves a 400.
public struct StripeError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: Sendable, Hashable, CaseIterable {
        /// There is no `Stripe-Signature` header.
        case missingHeader
        /// The header is not of the form `t=<seconds>,v1=<hex>`.
        case malformedHeader
        /// The header has no signature of scheme `v1`; other schemes are never accepted.
        case noSignature
        /// Signed longer ago than the tolerance: an old delivery, sent again by someone.
        case timestampTooOld
        /// Signed further in the future than the tolerance.
        case timestampInFuture
        /// No signature was made of this body with one of the secrets.
        case noMatch
        /// No secret is configured: nothing can be verified. The fault is ours.
        case noSecret
        /// The body is not an event.
        case malformedEvent
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { self.message }
}
