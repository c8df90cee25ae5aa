// What the handler reads and writes, on the connection of its effect. No rule of billing is here.
//
// Locks, in this order: the customer (advisory, so that one customer's events are not worked on side by side), then the
// families' rows by id. All of them end with the transaction.

internal import JobModel
internal import Postgres
internal import Stripe
internal import WorkerKit

/// The stored events and the billing of families.
struct BillingStore {
    /// More events of one kin than this are no customer's life; the job is dead rather than slow for ever.
    static let eventsMax = 20_000
    /// How often kin may grow while it is being locked.
    static let roundsMax = 16

    let connection: PostgresConnection
    let jobID: JobID

    /// A stored event, and what became of it so far; nil when there is none.
    func event(_ id: String) async throws -> (event: StripeEvent, outcome: StripeEventOutcome?)? {
        let rows = try await self.connection.query(
            "SELECT payload::text AS payload, outcome FROM stripe_webhook_events WHERE event_id = $1", [.text(id)])
        guard let row = rows.first else { return nil }
        return (
            try Self.event(try row.string("payload")),
            try row.optionalString("outcome").flatMap(StripeEventOutcome.init(rawValue:))
        )
    }

    /// The picture of all that is kin to an event, with the families in it locked.
    ///
    /// - Throws: `JobFailure.retry` when the kin grows faster than it can be locked.
    func picture(of event: StripeEvent) async throws -> BillingPicture {
        let kin = Kin(event)
        try await self.connection.query(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            [.text("stripe:\(kin.customer ?? kin.subscription ?? event.id)")])
        let plans = try await self.plans()
        var locked: Set<String> = []
        for _ in 0..<Self.roundsMax {
            let (events, families) = try await self.kindred(of: kin)
            let ids = Set(families.map(\.id))
            if ids.isSubset(of: locked) { return BillingPicture(events: events, families: families, plans: plans) }
            try await self.connection.query(
                "SELECT FROM families WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE",
                [.array(ids.sorted())])
            locked.formUnion(ids)
        }
        throw JobFailure.retry("the events of \(event.id)'s customer change faster than they can be read")
    }

    /// Writes a picture down.
    func write(_ picture: BillingPicture) async throws {
        let customers = picture.customerHolders.sorted { $0.key < $1.key }
        let subscriptions = picture.subscriptionOwners.sorted { $0.key < $1.key }
        let owners: [PostgresValue] = [.array(subscriptions.map(\.key)), .array(subscriptions.map(\.value))]
        try await self.connection.query(
            EmbeddedText.releaseFamilies,
            [.array(customers.map(\.key)), .array(customers.map(\.value))] + owners)
        try await self.connection.query(EmbeddedText.releaseSubscriptions, owners)
        for billing in picture.families {
            if let subscription = billing.subscription {
                try await self.write(subscription, of: billing.family.id)
            }
            try await self.write(billing)
        }
        try await self.record(.projected, of: picture.linkedEvents)
        try await self.record(.unlinked, of: picture.unlinkedEvents)
    }

    /// Notes what became of events.
    func record(_ outcome: StripeEventOutcome, of events: Set<String>) async throws {
        guard !events.isEmpty else { return }
        try await self.connection.query(
            """
            UPDATE stripe_webhook_events SET outcome = $1, processed_at = clock_timestamp()
            WHERE event_id = ANY ($2::text[]) AND outcome IS DISTINCT FROM $1
            """,
            [.text(outcome.rawValue), .array(events.sorted())])
    }
}

extension BillingStore {
    /// All events and families that an event leads to: what names the same customer, subscription or family, and so on.
    private func kindred(of first: Kin) async throws -> (events: [StripeEvent], families: [FamilyRecord]) {
        var names = KinNames(first)
        for _ in 0..<Self.roundsMax {
            let before = names
            let events = try await self.events(of: names)
            for event in events { names.add(Kin(event)) }
            let families = try await self.families(of: names)
            for family in families { names.add(family) }
            if names == before { return (events, families) }
        }
        throw JobFailure.discard("the kin of \(first.event.id) has no end within \(Self.roundsMax) rounds")
    }

    private func events(of names: KinNames) async throws -> [StripeEvent] {
        let rows = try await self.connection.query(
            EmbeddedText.findKinEvents,
            [
                .array(names.customers.sorted()), .array(names.subscriptions.sorted()),
                .array(names.references.sorted()), .int(Self.eventsMax + 1),
            ])
        guard rows.count <= Self.eventsMax else {
            throw JobFailure.discard("more than \(Self.eventsMax) events are kin")
        }
        return try rows.map { try Self.event(try $0.string("payload")) }
    }

    private func families(of names: KinNames) async throws -> [FamilyRecord] {
        let references = names.references.sorted()
        let rows = try await self.connection.query(
            EmbeddedText.findFamilies,
            [
                .array(references.filter { FamilyID($0) != nil }), .array(references),
                .array(names.customers.sorted()), .array(names.subscriptions.sorted()),
            ])
        return try rows.map { row in
            FamilyRecord(
                id: try row.string("id"), slug: try row.optionalString("slug"),
                customerID: try row.optionalString("stripe_customer_id"),
                subscriptionID: try row.optionalString("stripe_subscription_id"),
                subscriptionStatus: try row.optionalString("subscription_status"))
        }
    }

    private func plans() async throws -> [Plan] {
        let rows = try await self.connection.query("SELECT name, price_cents, currency, stripe_price_id FROM plans")
        return try rows.map { row in
            Plan(
                name: try row.string("name"), priceCents: Int64(try row.int("price_cents")),
                currency: try row.string("currency"), stripePriceID: try row.optionalString("stripe_price_id"))
        }
    }

    private static func event(_ payload: String) throws -> StripeEvent {
        do {
            return try StripeEvent(json: Array(payload.utf8))
        } catch {
            throw JobFailure.discard("a stored event does not decode: \(error)")
        }
    }

    private func write(_ subscription: SubscriptionProjection, of family: String) async throws {
        try await self.connection.query(
            EmbeddedText.writeSubscription,
            [
                .text(family), .text(subscription.plan), .text(subscription.status.stored), .text(subscription.id),
                .text(subscription.customer), .seconds(subscription.period?.start),
                .seconds(subscription.period?.end), .bool(subscription.cancelAtPeriodEnd),
                .seconds(subscription.cancelledAt), .seconds(subscription.trialStart),
                .seconds(subscription.trialEnd), .int(subscription.amountCents), .text(subscription.currency),
                .int(subscription.decidedBy.created), .text(subscription.decidedBy.id), .bool(subscription.ended),
            ])
    }

    private func write(_ billing: FamilyBilling) async throws {
        let subscription = billing.subscription
        let rows = try await self.connection.query(
            EmbeddedText.writeFamily,
            [
                .text(billing.family.id), .text(subscription?.status.stored),
                .text(billing.family.subscriptionStatus), .text(subscription?.grantedPlan),
                .text(billing.customerID), .text(billing.subscriptionID), .seconds(subscription?.endsAt),
                .seconds(subscription?.trialEnd), .text(self.jobID.description),
            ])
        guard let row = rows.first else { return }
        let (old, new) = (try row.string("old_status"), try row.string("new_status"))
        let served: Set<String> = ["trial", "active"]
        guard old != "provisioning", !served.contains(old), served.contains(new) else { return }
        try await self.connection.query(EmbeddedText.wakeParkedJobs, [.text(billing.family.id)])
    }
}

extension PostgresValue {
    /// Seconds since 1970, or NULL.
    fileprivate static func seconds(_ value: Int64?) -> PostgresValue { value.map { .int($0) } ?? .null }
}

/// By what kin is found.
struct KinNames: Sendable, Hashable {
    private(set) var customers: Set<String> = []
    private(set) var subscriptions: Set<String> = []
    private(set) var references: Set<String> = []

    init(_ first: Kin) { self.add(first) }

    mutating func add(_ kin: Kin) {
        if let customer = kin.customer { self.customers.insert(customer) }
        if let subscription = kin.subscription { self.subscriptions.insert(subscription) }
        if let reference = kin.reference { self.references.insert(reference) }
    }

    mutating func add(_ family: FamilyRecord) {
        self.references.insert(family.id)
        if let slug = family.slug { self.references.insert(slug) }
        if let customer = family.customerID { self.customers.insert(customer) }
        if let subscription = family.subscriptionID { self.subscriptions.insert(subscription) }
    }
}
