// An invoice as an event shows it, in either shape: since 2025-03-31 (basil) its subscription is under `parent`.

/// An invoice.
public struct StripeInvoice: Sendable, Hashable {
    public let id: String
    public let customer: String?
    /// The subscription that it bills; nil for a single sale.
    public let subscription: String?
    /// The latest time that it pays for, of lines that are no proration.
    public let period: StripeSubscription.Period?
    /// The subscription's metadata, as the invoice copied it.
    public let subscriptionMetadata: [String: String]

    /// Nil when it has no id.
    public init?(_ object: StripeJSON) {
        guard let id = object["id"]?.string else { return nil }
        let parent = object["parent"]?["subscription_details"]
        self.id = id
        self.customer = object["customer"]?.reference
        self.subscription = object["subscription"]?.reference ?? parent?["subscription"]?.reference
        self.period = StripeSubscription.Period.latest(
            (object["lines"]?["data"]?.array ?? []).compactMap { line in
                guard !Self.isProration(line), let end = line["period"]?["end"]?.int else { return nil }
                return StripeSubscription.Period(start: line["period"]?["start"]?.int, end: end)
            })
        self.subscriptionMetadata = texts(parent?["metadata"] ?? object["subscription_details"]?["metadata"])
    }

    /// A proration's period is the rest of one that is paid already. Basil moved the mark under `parent`.
    private static func isProration(_ line: StripeJSON) -> Bool {
        let parent = line["parent"]
        return line["proration"]?.bool
            ?? parent?["subscription_item_details"]?["proration"]?.bool
            ?? parent?["invoice_item_details"]?["proration"]?.bool
            ?? false
    }
}
