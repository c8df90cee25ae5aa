// What all the events of one subscription, taken together, say of it. Pure: a set of events in, a value out; the order
// in which they came, and how often, cannot matter because neither is looked at.
//
// The rule:
// 1. The decisive snapshot is that of the customer.subscription.* event which is last by SnapshotOrder. Terminal ones
//    are last: what is deleted stays deleted.
// 2. Invoice events count if they are later than the decisive snapshot, by a second at least: at the same second the
//    snapshot, Stripe's own word on the status, has it. The last of them decides: a failure makes an active or trialing
//    subscription past_due, a payment makes a past_due, unpaid or incomplete one active. Within a second a payment is
//    later than a failure; the failure of an invoice that was paid counts for nothing.
// 3. A paid invoice later than the snapshot carries the period on.

internal import Stripe

/// One subscription as its events show it.
struct SubscriptionProjection: Sendable, Hashable {
    let id: String
    let customer: String?
    let status: StripeSubscription.Status
    let created: Int64?
    /// The plan of the newest snapshot whose price we know; nil when there is none.
    let plan: String?
    /// The same among the snapshots that entitle to something: what the family may use.
    let grantedPlan: String?
    let period: StripeSubscription.Period?
    let cancelAtPeriodEnd: Bool
    let cancelledAt: Int64?
    /// When it ended, or is to end; nil while it renews.
    let endsAt: Int64?
    let trialStart: Int64?
    let trialEnd: Int64?
    /// 0 ... Int32.max, as the column has it.
    let amountCents: Int64
    /// Three upper-case letters.
    let currency: String
    /// The event that decided the status.
    let decidedBy: StripeEvent

    /// Nothing more happens to it.
    var ended: Bool { self.status.isTerminal }

    /// - Parameters:
    ///   - events: Events of this subscription, in any order, any of them any number of times.
    ///   - plans: What we sell.
    /// - Returns: nil when no event shows the subscription itself.
    init?(of id: String, events: [StripeEvent], plans: [Plan]) {
        var snapshots: [Snapshot] = []
        var invoices: [InvoiceNews] = []
        for event in events {
            switch event.content {
            case .subscription(let subscription) where subscription.id == id:
                snapshots.append(Snapshot(event: event, subscription: subscription))
            case .invoice(let invoice) where invoice.subscription == id:
                invoices.append(InvoiceNews(event: event, invoice: invoice))
            case .subscription, .invoice, .checkoutSession, .other: continue
            }
        }
        guard let last = snapshots.last() else { return nil }
        let subscription = last.subscription
        let news = last.status.isTerminal ? [] : invoices.filter { $0.event.created > last.event.created }
        let standing = Self.standing(last.status, after: news, of: invoices)

        self.id = id
        self.customer = subscription.customer
        self.status = standing?.status ?? last.status
        self.decidedBy = standing?.event ?? last.event
        self.created = subscription.created
        self.plan = snapshots.filter { $0.plan(among: plans) != nil }.last()?.plan(among: plans)
        self.grantedPlan = snapshots.filter { $0.isEntitled && $0.plan(among: plans) != nil }.last()?
            .plan(among: plans)
        let paidFor = news.filter(\.isPaid).compactMap(\.invoice.period)
            .max { ($0.end, $0.start ?? 0) < ($1.end, $1.start ?? 0) }
        if let paidFor, paidFor.end > subscription.period?.end ?? .min {
            self.period = paidFor
        } else {
            self.period = subscription.period
        }
        self.cancelAtPeriodEnd = subscription.cancelAtPeriodEnd
        self.cancelledAt = subscription.canceledAt ?? (last.status.isTerminal ? last.event.created : nil)
        if last.status.isTerminal {
            self.endsAt = subscription.endedAt ?? last.event.created
        } else {
            self.endsAt = subscription.cancelAt ?? (subscription.cancelAtPeriodEnd ? self.period?.end : nil)
        }
        let trial = snapshots.filter { $0.subscription.trialEnd != nil }.last()?.subscription
        self.trialStart = trial?.trialStart
        self.trialEnd = trial?.trialEnd
        self.amountCents = min(max(subscription.amount, 0), Int64(Int32.max))
        self.currency = Self.currencyCode(subscription.currency)
    }

    /// What the invoices after the snapshot make of the status; nil: nothing.
    private static func standing(
        _ status: StripeSubscription.Status, after news: [InvoiceNews], of all: [InvoiceNews]
    ) -> (status: StripeSubscription.Status, event: StripeEvent)? {
        let paid = Set(all.filter(\.isPaid).map(\.invoice.id))
        let counting = news.filter { $0.isPaid || !paid.contains($0.invoice.id) }
        let last = counting.max {
            ($0.event.created, $0.isPaid ? 1 : 0, $0.event.id) < ($1.event.created, $1.isPaid ? 1 : 0, $1.event.id)
        }
        guard let last else { return nil }
        switch (status, last.isPaid) {
        case (.active, false), (.trialing, false): return (.pastDue, last.event)
        case (.pastDue, true), (.unpaid, true), (.incomplete, true): return (.active, last.event)
        case (.active, true), (.trialing, true), (.paused, _), (.pastDue, false), (.unpaid, false),
            (.incomplete, false), (.canceled, _), (.incompleteExpired, _):
            return nil
        }
    }

    /// The seed's default stands in for what is no currency code.
    private static func currencyCode(_ text: String?) -> String {
        let code = (text ?? "").uppercased()
        let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")
        return code.utf8.count == 3 && code.utf8.allSatisfy { letters.contains($0) } ? code : "USD"
    }
}

/// An invoice event of a subscription.
private struct InvoiceNews {
    let event: StripeEvent
    let invoice: StripeInvoice
    var isPaid: Bool { self.event.type == "invoice.paid" }
}

extension StripeSubscription.Status {
    /// As `subscriptions.status` spells it: Stripe's word, but for one, which is the seed's.
    var stored: String { self == .canceled ? "cancelled" : self.rawValue }

    /// Whether the family may, or might, use what it subscribed to: something was paid once, or a trial was granted.
    var entitles: Bool {
        switch self {
        case .trialing, .active, .pastDue, .unpaid, .paused, .canceled: true
        case .incomplete, .incompleteExpired: false
        }
    }
}
