// The events that Stripe would send for a family of the story, and what must come of them in whatever order they come.
// Half of the families are written in the API's shape before 2025-03-31, half in the one since.

internal import JobModel
internal import Stripe

/// One family's subscription.
struct DemoBilling: Sendable {
    enum Course: Sendable, Hashable {
        /// Subscribes and pays.
        case pays
        /// The second month's payment fails, and succeeds later.
        case recovers
        /// Cancels in the end.
        case ends
    }

    let family: SignedUp
    let number: Int
    let course: Course
    /// When it subscribed, in seconds since 1970.
    let start: Int64

    var subscription: String { "sub_demo_\(self.number)" }
    var customer: String { "cus_demo_\(self.number)" }

    /// What `subscriptions.status` must be.
    var expectedSubscription: String { self.course == .ends ? "cancelled" : "active" }
    /// What `families.status` must be.
    var expectedFamily: String { self.course == .ends ? "cancelled" : "active" }

    /// Two recover, one ends, the rest pays.
    static func courses(for families: [SignedUp], now: Int64) -> [DemoBilling] {
        families.enumerated().map { index, family in
            let course: Course =
                switch index {
                case 0, 1: .recovers
                case 2: .ends
                default: .pays
                }
            let age: Int64 = course == .pays ? 1 : 40
            return DemoBilling(family: family, number: index, course: course, start: now - age * Self.day)
        }
    }

    /// A family's events, in the order in which they happened. Several are of one second.
    var events: [DemoEvent] {
        let pending: [String: StripeJSON] = ["status": .string("incomplete")]
        var events = [
            self.checkout(at: 0),
            self.subscription("created", at: 0, status: "incomplete"),
            self.subscription("updated", at: 1, status: "active", previous: pending),
            self.invoice("paid", at: 1, number: 1),
        ]
        switch self.course {
        case .pays: break
        case .recovers:
            let renewal = 30 * Self.day
            let active: [String: StripeJSON] = ["status": .string("active")]
            events += [
                self.invoice("payment_failed", at: renewal, number: 2),
                self.subscription("updated", at: renewal, status: "past_due", previous: active),
                self.invoice("paid", at: renewal + 3600, number: 2),
            ]
        case .ends: events.append(self.subscription("deleted", at: 20 * Self.day, status: "canceled"))
        }
        return events
    }

    private static let day: Int64 = 86_400
    private static let month: Int64 = 30 * day
    private var isBasil: Bool { self.number.isMultiple(of: 2) }
    private var metadata: StripeJSON { .object(["family_id": .string(self.family.id.description)]) }

    // MARK: Objects

    private func checkout(at second: Int64) -> DemoEvent {
        self.event(
            "checkout.session.completed", at: second,
            [
                "id": .string("cs_demo_\(self.number)"), "object": .string("checkout.session"),
                "customer": .string(self.customer), "subscription": .string(self.subscription),
                "client_reference_id": .string(self.family.slug), "mode": .string("subscription"),
                "payment_status": .string("paid"), "status": .string("complete"),
            ])
    }

    private func subscription(
        _ verb: String, at second: Int64, status: String, previous: [String: StripeJSON]? = nil
    ) -> DemoEvent {
        let period: [String: StripeJSON] = [
            "current_period_start": .int(self.start), "current_period_end": .int(self.start + Self.month),
        ]
        let price: StripeJSON = .object([
            "id": .string("price_demo"), "lookup_key": .string("premium"), "unit_amount": .int(1500),
            "currency": .string("usd"),
        ])
        let item: [String: StripeJSON] = ["id": .string("si_demo_\(self.number)"), "quantity": .int(1), "price": price]
        var object: [String: StripeJSON] = [
            "id": .string(self.subscription), "object": .string("subscription"), "customer": .string(self.customer),
            "status": .string(status), "created": .int(self.start), "currency": .string("usd"),
            "cancel_at_period_end": .bool(false), "metadata": self.metadata,
            "items": .object([
                "object": .string("list"),
                "data": .array([.object(self.isBasil ? item.merging(period) { own, _ in own } : item)]),
            ]),
        ]
        if !self.isBasil { object.merge(period) { own, _ in own } }
        if verb == "deleted" {
            object["ended_at"] = .int(self.start + second)
            object["canceled_at"] = .int(self.start + second)
        }
        return self.event("customer.subscription.\(verb)", at: second, object, previous: previous)
    }

    private func invoice(_ verb: String, at second: Int64, number: Int64) -> DemoEvent {
        let from = self.start + (number - 1) * Self.month
        let period: StripeJSON = .object(["start": .int(from), "end": .int(from + Self.month)])
        var object: [String: StripeJSON] = [
            "id": .string("in_demo_\(self.number)_\(number)"), "object": .string("invoice"),
            "customer": .string(self.customer),
            "lines": .object(["object": .string("list"), "data": .array([.object(["period": period])])]),
        ]
        if self.isBasil {
            let details: StripeJSON = .object(["subscription": .string(self.subscription), "metadata": self.metadata])
            object["parent"] = .object(["type": .string("subscription_details"), "subscription_details": details])
        } else {
            object["subscription"] = .string(self.subscription)
        }
        return self.event("invoice.\(verb)", at: second, object)
    }

    private func event(
        _ type: String, at second: Int64, _ object: [String: StripeJSON], previous: [String: StripeJSON]? = nil
    ) -> DemoEvent {
        var data: [String: StripeJSON] = ["object": .object(object)]
        if let previous { data["previous_attributes"] = .object(previous) }
        let id = "evt_demo_\(self.number)_\(type.filter { $0 != "." })_\(second)"
        return DemoEvent(
            id: id,
            json: .object([
                "id": .string(id), "object": .string("event"), "type": .string(type),
                "api_version": .string(self.isBasil ? "2025-03-31.basil" : "2024-06-20"),
                "created": .int(self.start + second), "livemode": .bool(false), "data": .object(data),
            ]))
    }
}

/// A webhook's body before it is signed.
struct DemoEvent: Sendable {
    let id: String
    let json: StripeJSON
}
