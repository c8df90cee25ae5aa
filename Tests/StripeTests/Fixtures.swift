// Events as Stripe writes them, cut down to what anybody reads, in both shapes.

import Stripe

/// Which API version an event is written in.
enum Shape: String, CaseIterable, Sendable {
    case old = "2024-06-20"
    case basil = "2025-03-31.basil"
}

/// Makes the JSON of events about one subscription of one customer.
struct Fixtures: Sendable {
    var shape = Shape.basil
    var subscription = "sub_1"
    var customer = "cus_1"
    /// On the subscription's metadata.
    var family: String?

    static let day: Int64 = 86_400
    static let start: Int64 = 1_767_225_600  // 2026-01-01T00:00:00Z

    func subscription(
        _ id: String, _ verb: String, at second: Int64, _ status: String, price: String = "price_premium",
        amount: Int = 1500, months: Int64 = 1, cancelAtPeriodEnd: Bool = false, previous: String? = nil
    ) -> String {
        let (from, to) = (Self.start, Self.start + months * 30 * Self.day)
        let period = #""current_period_start": \#(from), "current_period_end": \#(to)"#
        let ended = verb == "deleted" ? "\(Self.start + second)" : "null"
        let metadata = self.family.map { #"{"family_id": "\#($0)"}"# } ?? "{}"
        return self.event(
            id, "customer.subscription.\(verb)", at: second,
            object: """
                {"id": "\(self.subscription)", "object": "subscription", "customer": "\(self.customer)",
                 "status": "\(status)", "created": \(Self.start), "currency": "usd", "metadata": \(metadata),
                 "cancel_at_period_end": \(cancelAtPeriodEnd), "cancel_at": null, "canceled_at": \(ended),
                 "ended_at": \(ended), "trial_start": null, "trial_end": null,
                 \(self.shape == .old ? period + "," : "")
                 "items": {"object": "list", "data": [
                    {"id": "si_1", "quantity": 1, \(self.shape == .basil ? period + "," : "")
                     "price": {"id": "\(price)", "unit_amount": \(amount), "currency": "usd", "metadata": {}}}]}}
                """,
            previous: previous)
    }

    /// - Parameter verb: `paid` or `payment_failed`.
    func invoice(
        _ id: String, _ verb: String, at second: Int64, invoice: String = "in_1", months: Int64 = 1
    ) -> String {
        let subscription = #""subscription": "\#(self.subscription)""#
        let parent =
            self.shape == .basil
            ? #""parent": {"type": "subscription_details", "subscription_details": {\#(subscription)}}"# : subscription
        return self.event(
            id, "invoice.\(verb)", at: second,
            object: """
                {"id": "\(invoice)", "object": "invoice", "customer": "\(self.customer)", \(parent),
                 "lines": {"data": [{"period": {"start": \(Self.start + (months - 1) * 30 * Self.day),
                                                "end": \(Self.start + months * 30 * Self.day)}}]}}
                """)
    }

    func checkout(_ id: String, at second: Int64, reference: String?) -> String {
        let reference = reference.map { "\"\($0)\"" } ?? "null"
        return self.event(
            id, "checkout.session.completed", at: second,
            object: """
                {"id": "cs_\(id)", "object": "checkout.session", "customer": "\(self.customer)", "mode": "subscription",
                 "subscription": "\(self.subscription)", "client_reference_id": \(reference), "metadata": {},
                 "payment_status": "paid", "status": "complete"}
                """)
    }

    func event(_ id: String, _ type: String, at second: Int64, object: String, previous: String? = nil) -> String {
        """
        {"id": "\(id)", "object": "event", "type": "\(type)", "api_version": "\(self.shape.rawValue)",
         "created": \(Self.start + second), "livemode": false,
         "data": {"object": \(object)\(previous.map { ", \"previous_attributes\": \($0)" } ?? "")}}
        """
    }

    /// A year in seven events: a first payment that needs two tries in one second, a renewal that fails and is paid,
    /// an end. Three of them are of one second, and so are the last two.
    func lifecycle() -> [String] {
        [
            self.subscription("evt_7", "created", at: 0, "incomplete"),
            self.subscription("evt_3", "updated", at: 0, "active", previous: #"{"status": "incomplete"}"#),
            self.invoice("evt_6", "paid", at: 0),
            self.invoice("evt_5", "payment_failed", at: 100, invoice: "in_2", months: 2),
            self.subscription("evt_2", "updated", at: 100, "past_due", previous: #"{"status": "active"}"#),
            self.subscription("evt_4", "updated", at: 200, "active", months: 2, previous: #"{"status": "past_due"}"#),
            self.subscription("evt_1", "deleted", at: 200, "canceled", months: 2),
        ]
    }
}

func events(_ texts: [String]) throws -> [StripeEvent] {
    try texts.map { try StripeEvent(json: Array($0.utf8)) }
}

/// Calls `body` with every order of the elements (Heap's algorithm).
///
/// It gives way now and then: tests beside it have connections to open within a time, on the same few threads.
func forEachPermutation<Element>(of elements: [Element], _ body: ([Element]) throws -> Void) async rethrows {
    var current = elements
    var swaps = Array(repeating: 0, count: elements.count)
    try body(current)
    var (index, calls) = (1, 1)
    while index < current.count {
        guard swaps[index] < index else {
            swaps[index] = 0
            index += 1
            continue
        }
        current.swapAt(index.isMultiple(of: 2) ? 0 : swaps[index], index)
        try body(current)
        calls += 1
        if calls.isMultiple(of: 32) { await Task.yield() }
        swaps[index] += 1
        index = 1
    }
}
