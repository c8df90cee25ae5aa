// Which subscription, and which customer, each of some families has, by all that is known. Pure, like
// SubscriptionProjection, and from the same set of events.
//
// Whose a subscription is (the first that names a family we know):
//   1. the seller's word on the subscription itself: metadata.family_id of its snapshots, invoices and checkout
//      sessions; the newest one counts;
//   2. a checkout session's client_reference_id, which with payment links the buyer can choose;
//   3. the same for its customer: the newest word of any of the customer's events;
//   4. families.stripe_subscription_id, then families.stripe_customer_id, as the web tier may have set them.
//
// Which of a family's subscriptions counts: one that gives service before one that might again, before one that is
// over, before one that never began; of equals the youngest. So nobody can end a family's subscription by buying and
// cancelling another in its name.

internal import Stripe

/// A family, as far as its billing is concerned.
struct FamilyRecord: Sendable, Hashable {
    /// Lower-case UUID text.
    let id: String
    /// nil when the family was deleted: its slug may be another's now.
    let slug: String?
    let customerID: String?
    let subscriptionID: String?
    /// Of its row in `subscriptions`, before anything is changed.
    var subscriptionStatus: String?
}

/// What a family's billing is to be.
struct FamilyBilling: Sendable, Hashable {
    let family: FamilyRecord
    /// The one that counts; nil when no event shows any.
    var subscription: SubscriptionProjection?
    var customerID: String?
    var subscriptionID: String?
}

/// All that a set of events says of a set of families.
struct BillingPicture: Sendable, Hashable {
    /// Sorted by family id.
    private(set) var families: [FamilyBilling] = []
    /// Whose each customer and subscription is; no other family's row may name it.
    private(set) var customerHolders: [String: String] = [:]
    private(set) var subscriptionOwners: [String: String] = [:]
    /// The events whose family is known.
    private(set) var linkedEvents: Set<String> = []
    private(set) var unlinkedEvents: Set<String> = []

    /// - Parameters:
    ///   - events: Closed under kinship: with an event all others of its subscription, customer and family.
    ///   - families: All that the events name, or that name one of their customers or subscriptions.
    init(events: [StripeEvent], families: [FamilyRecord], plans: [Plan]) {
        let events = Dictionary(events.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }).values
            .map(Kin.init).sorted { $0.event.id < $1.event.id }
        let families = families.sorted { $0.id < $1.id }
        let links = Links(events: events, families: families)

        var bySubscription: [String: [Kin]] = [:]
        for kin in events { if let id = kin.subscription { bySubscription[id, default: []].append(kin) } }

        var billings = families.map { FamilyBilling(family: $0) }
        for index in billings.indices {
            let own = bySubscription.filter { links.family(ofSubscription: $0.key) == billings[index].family.id }
            let shown = own.compactMap { id, kin in
                SubscriptionProjection(of: id, events: kin.map(\.event), plans: plans)
            }
            let counting = shown.max { Self.weight($0) < Self.weight($1) }
            // No event shows it yet, but one names it: the newest.
            let named = own.keys.max { left, right in
                (own[left]?.map(\.event.created).max() ?? 0, left)
                    < (own[right]?.map(\.event.created).max() ?? 0, right)
            }
            billings[index].subscription = counting
            billings[index].subscriptionID = counting?.id ?? named
            billings[index].customerID = counting?.customer ?? links.newestCustomer(of: billings[index].family.id)
        }
        self.families = Self.withoutSharedCustomers(billings, links)
        self.subscriptionOwners = links.subscriptions
        self.customerHolders = links.customers
        for billing in self.families {
            if let customer = billing.customerID { self.customerHolders[customer] = billing.family.id }
        }
        for kin in events {
            let family =
                kin.subscription.map { links.family(ofSubscription: $0) }
                ?? kin.customer.map { links.family(ofCustomer: $0) } ?? links.family(named: kin.reference)
            if family == nil {
                self.unlinkedEvents.insert(kin.event.id)
            } else {
                self.linkedEvents.insert(kin.event.id)
            }
        }
    }

    private static func weight(_ subscription: SubscriptionProjection) -> (Int, Int64, String) {
        let rank =
            switch subscription.status {
            case .trialing, .active, .pastDue: 3
            case .unpaid, .paused: 2
            case .canceled: 1
            case .incomplete, .incompleteExpired: 0
            }
        return (rank, subscription.created ?? 0, subscription.id)
    }

    /// One person may pay for two families, but `families.stripe_customer_id` is unique: it goes to the family that the
    /// customer's newest word names, else to the first by id; the other has its subscription's id alone.
    private static func withoutSharedCustomers(_ billings: [FamilyBilling], _ links: Links) -> [FamilyBilling] {
        var billings = billings
        for (customer, sharing) in Dictionary(grouping: billings.indices, by: { billings[$0].customerID }) {
            guard let customer else { continue }
            let preferred = links.family(ofCustomer: customer)
            let holder = sharing.first { billings[$0].family.id == preferred } ?? sharing.min()
            for index in sharing where index != holder { billings[index].customerID = nil }
        }
        return billings
    }
}

/// An event with the names by which others are its kin.
struct Kin: Sendable, Hashable {
    let event: StripeEvent
    let subscription: String?
    let customer: String?
    /// The family that it names, in lower case: an id or a slug.
    let reference: String?
    /// Whether the seller wrote the reference, and not perhaps the buyer.
    let isSellersWord: Bool

    init(_ event: StripeEvent) {
        self.event = event
        self.customer = event.customerID
        let (sellers, buyers): (String?, String?)
        switch event.content {
        case .subscription(let subscription):
            self.subscription = subscription.id
            (sellers, buyers) = (subscription.metadata["family_id"], nil)
        case .invoice(let invoice):
            self.subscription = invoice.subscription
            (sellers, buyers) = (invoice.subscriptionMetadata["family_id"], nil)
        case .checkoutSession(let session):
            self.subscription = session.subscription
            (sellers, buyers) = (session.metadata["family_id"], session.clientReferenceID)
        case .other:
            self.subscription = nil
            (sellers, buyers) = (nil, nil)
        }
        self.reference = (sellers ?? buyers)?.lowercased()
        self.isSellersWord = sellers != nil
    }
}
