// Who belongs to whom: the rule stands in BillingPicture.swift.

internal import Stripe

/// The families of subscriptions and customers, by a set of events and by what the families' own rows say.
struct Links: Sendable, Hashable {
    private var byName: [String: String] = [:]
    /// Families by subscription, and by customer.
    private(set) var subscriptions: [String: String] = [:]
    private(set) var customers: [String: String] = [:]
    private var newestCustomers: [String: String] = [:]

    init(events: [Kin], families: [FamilyRecord]) {
        for family in families {
            self.byName[family.id] = family.id
            if let slug = family.slug { self.byName[slug] = family.id }
        }
        // From the weakest word to the strongest, so that the strongest is written last.
        let claims = events.filter { self.family(named: $0.reference) != nil }.sorted {
            ($0.isSellersWord ? 1 : 0, $0.event.created, $0.event.id)
                < ($1.isSellersWord ? 1 : 0, $1.event.created, $1.event.id)
        }
        for claim in claims {
            guard let family = self.family(named: claim.reference) else { continue }
            if let subscription = claim.subscription { self.subscriptions[subscription] = family }
            if let customer = claim.customer {
                self.customers[customer] = family
                self.newestCustomers[family] = customer
            }
        }
        // The rows' word, where no event has one.
        for family in families {
            guard let customer = family.customerID, self.customers[customer] == nil else { continue }
            self.customers[customer] = family.id
        }
        let owners = Dictionary(
            families.compactMap { family in family.subscriptionID.map { ($0, family.id) } },
            uniquingKeysWith: { first, _ in first })
        let claimed = Set(claims.compactMap(\.customer))
        for kin in events {
            guard let subscription = kin.subscription, self.subscriptions[subscription] == nil else { continue }
            let customer = events.lazy.filter { $0.subscription == subscription }.compactMap(\.customer).max()
            if let customer, claimed.contains(customer) {
                self.subscriptions[subscription] = self.customers[customer]
            } else {
                self.subscriptions[subscription] = owners[subscription] ?? customer.flatMap { self.customers[$0] }
            }
        }
    }

    func family(named reference: String?) -> String? { reference.flatMap { self.byName[$0] } }
    func family(ofSubscription id: String) -> String? { self.subscriptions[id] }
    func family(ofCustomer id: String) -> String? { self.customers[id] }

    /// The customer that the strongest word names for the family.
    func newestCustomer(of family: String) -> String? { self.newestCustomers[family] }
}
