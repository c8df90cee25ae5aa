// A checkout session as an event shows it: for us, the word of the shop on which family a customer belongs to.

/// A checkout session.
public struct StripeCheckoutSession: Sendable, Hashable {
    public let id: String
    public let customer: String?
    public let subscription: String?
    /// What the shop gave along; with a payment link the *buyer* may choose it, so it is a claim and no proof.
    public let clientReferenceID: String?
    public let metadata: [String: String]

    /// Nil when it has no id.
    public init?(_ object: StripeJSON) {
        guard let id = object["id"]?.string else { return nil }
        self.id = id
        self.customer = object["customer"]?.reference
        self.subscription = object["subscription"]?.reference
        self.clientReferenceID = object["client_reference_id"]?.string
        self.metadata = texts(object["metadata"])
    }
}
