// A subscription as an event shows it, in either of the shapes that Stripe has given it: since 2025-03-31 (basil) the
// billing period is on the items; before, it was on the subscription.

/// A subscription. Times are seconds since 1970.
public struct StripeSubscription: Sendable, Hashable {
    /// Stripe's statuses, by its names.
    public enum Status: String, Sendable, Hashable, CaseIterable {
        case trialing, active, paused, unpaid, incomplete, canceled
        case pastDue = "past_due"
        case incompleteExpired = "incomplete_expired"

        /// Whether a subscription never leaves it.
        public var isTerminal: Bool {
            switch self {
            case .canceled, .incompleteExpired: true
            case .trialing, .active, .paused, .unpaid, .incomplete, .pastDue: false
            }
        }
    }

    /// A time that is paid for.
    public struct Period: Sendable, Hashable {
        public let start: Int64?
        public let end: Int64

        public init(start: Int64?, end: Int64) {
            self.start = start
            self.end = end
        }

        /// The one that ends last; of those the one that begins last.
        static func latest(_ periods: some Sequence<Period>) -> Period? {
            periods.max { ($0.end, $0.start ?? .min) < ($1.end, $1.start ?? .min) }
        }
    }

    /// What one item sells.
    public struct Price: Sendable, Hashable {
        public let id: String?
        public let lookupKey: String?
        /// The `plan` of its metadata.
        public let plan: String?
        /// Of one, in the currency's smallest unit; nil when it depends on the quantity (tiers) or is metered.
        public let unitAmount: Int64?
        public let quantity: Int64
        /// Lower case, as Stripe writes it.
        public let currency: String?
    }

    public let id: String
    public let customer: String?
    public let status: Status
    public let created: Int64?
    /// The current one; over several items, the one that ends last.
    public let period: Period?
    public let cancelAtPeriodEnd: Bool
    public let cancelAt: Int64?
    public let canceledAt: Int64?
    public let endedAt: Int64?
    public let trialStart: Int64?
    public let trialEnd: Int64?
    public let prices: [Price]
    public let currency: String?
    /// Texts that the seller put on it.
    public let metadata: [String: String]

    /// Nil when what every version of a subscription has (id, a known status) is not there.
    public init?(_ object: StripeJSON, apiVersion: String?) {
        guard let id = object["id"]?.string, let status = object["status"]?.string.flatMap(Status.init(rawValue:))
        else { return nil }
        let items = object["items"]?["data"]?.array ?? []
        self.id = id
        self.customer = object["customer"]?.reference
        self.status = status
        self.created = object["created"]?.int
        self.period = Self.period(of: object, items: items, apiVersion: apiVersion)
        self.cancelAtPeriodEnd = object["cancel_at_period_end"]?.bool ?? false
        self.cancelAt = object["cancel_at"]?.int
        self.canceledAt = object["canceled_at"]?.int
        self.endedAt = object["ended_at"]?.int
        self.trialStart = object["trial_start"]?.int
        self.trialEnd = object["trial_end"]?.int
        // Events of very old versions have one plan on the subscription and nothing on the items.
        let prices = items.compactMap(Self.price)
        self.prices = prices.isEmpty ? [Self.price(object)].compactMap { $0 } : prices
        self.currency = object["currency"]?.string ?? self.prices.lazy.compactMap(\.currency).first
        self.metadata = texts(object["metadata"])
    }

    /// What is paid in a period, in the currency's smallest unit.
    public var amount: Int64 {
        self.prices.reduce(0) { sum, price in
            let (amount, overflow) = (price.unitAmount ?? 0).multipliedReportingOverflow(by: price.quantity)
            return overflow ? sum : sum.addingReportingOverflow(amount).partialValue
        }
    }

    /// Looks first where the version keeps it, then where others do: a version that we do not know is read leniently.
    private static func period(of object: StripeJSON, items: [StripeJSON], apiVersion: String?) -> Period? {
        let onItems = Period.latest(items.compactMap(Self.period))
        let onTop = Self.period(object)
        return StripeAPIVersion(apiVersion).periodsAreOnItems ? onItems ?? onTop : onTop ?? onItems
    }

    private static func period(_ object: StripeJSON) -> Period? {
        object["current_period_end"]?.int.map { Period(start: object["current_period_start"]?.int, end: $0) }
    }

    private static func price(_ item: StripeJSON) -> Price? {
        guard let price = item["price"] ?? item["plan"] else { return nil }
        let decimal = (price["unit_amount_decimal"] ?? price["amount_decimal"])?.string.flatMap(Double.init)
        return Price(
            id: price["id"]?.string,
            lookupKey: price["lookup_key"]?.string,
            plan: price["metadata"]?["plan"]?.string,
            unitAmount: price["unit_amount"]?.int ?? price["amount"]?.int
                ?? decimal.flatMap { Int64(exactly: $0.rounded()) },
            quantity: item["quantity"]?.int ?? 1,
            currency: price["currency"]?.string
        )
    }
}

/// An API version, `2025-03-31.basil` or `2024-06-20`.
struct StripeAPIVersion {
    private let date: Substring?

    init(_ text: String?) {
        let date = text?.prefix(10)
        self.date = date?.utf8.count == 10 && date?.utf8.first == UInt8(ascii: "2") ? date : nil
    }

    /// Basil moved periods to the items. A version that cannot be read is taken for a new one.
    var periodsAreOnItems: Bool { self.date.map { $0 >= "2025-03-31" } ?? true }
}

/// The members of an object that are texts.
func texts(_ object: StripeJSON?) -> [String: String] {
    guard case .object(let members)? = object else { return [:] }
    return members.compactMapValues(\.string)
}
