// Events are read as Stripe writes them, in each of its shapes.

import Stripe
import Testing

@Suite struct StripeEventTests {
    @Test func `An envelope is read whole`() throws {
        let event = try #require(try events([Fixtures().subscription("evt_9", "updated", at: 5, "active")]).first)
        #expect(event.id == "evt_9")
        #expect(event.type == "customer.subscription.updated")
        #expect(event.apiVersion == "2025-03-31.basil")
        #expect(event.created == Fixtures.start + 5)
        #expect(event.livemode == false)
        #expect(event.account == nil)
        #expect(event.objectID == "sub_1")
        #expect(event.customerID == "cus_1")
        #expect(!event.isThin)
    }

    @Test func `The old shape and the new one are read as the same subscription`() throws {
        let (old, new) = (Fixtures(shape: .old), Fixtures(shape: .basil))
        for status in StripeSubscription.Status.allCases {
            let pair = try [old, new].map {
                try #require(try events([$0.subscription("evt_1", "updated", at: 0, status.rawValue)]).first).content
            }
            #expect(pair[0] == pair[1])
            guard case .subscription(let subscription) = pair[0] else {
                Issue.record("\(pair[0])")
                continue
            }
            #expect(subscription.status == status)
            #expect(subscription.period == .init(start: Fixtures.start, end: Fixtures.start + 30 * Fixtures.day))
            #expect(subscription.amount == 1500)
        }
        let invoices = try [old, new].map { try events([$0.invoice("evt_1", "paid", at: 0)]).first?.content }
        #expect(invoices[0] == invoices[1])
    }

    @Test(arguments: [nil, "2099-01-01.zinnia", "nonsense", "2020-08-27", "2025-03-31.basil"] as [String?])
    func `Whatever the version says, a period is found where there is one`(version: String?) throws {
        let period = #""current_period_start": 10, "current_period_end": 20"#
        let version = version.map { "\"\($0)\"" } ?? "null"
        for (top, item) in [(period + ",", ""), ("", period + ",")] {
            let event = try StripeEvent(
                json: Array(
                    """
                    {"id": "evt_1", "object": "event", "type": "customer.subscription.created", "created": 1,
                     "api_version": \(version), "data": {"object": {"id": "sub_1", \(top) "status": "active",
                     "items": {"data": [{\(item) "price": {"id": "p"}}]}}}}
                    """.utf8))
            guard case .subscription(let subscription) = event.content else {
                Issue.record("\(event.content)")
                continue
            }
            #expect(subscription.period == .init(start: 10, end: 20))
        }
    }

    @Test func `Over several items the period is the one that ends last, and the amounts add up`() throws {
        let event = try StripeEvent(
            json: Array(
                """
                {"id": "evt_1", "object": "event", "type": "customer.subscription.created", "created": 1,
                 "api_version": "2025-09-30.clover", "data": {"object": {"id": "sub_1", "status": "active",
                 "customer": {"id": "cus_expanded", "object": "customer"}, "items": {"data": [
                    {"current_period_start": 5, "current_period_end": 30, "quantity": 3,
                     "price": {"id": "p", "unit_amount": 200, "currency": "eur"}},
                    {"current_period_start": 10, "current_period_end": 20,
                     "price": {"id": "q", "unit_amount": null, "unit_amount_decimal": "99.6"}}]}}}}
                """.utf8))
        guard case .subscription(let subscription) = event.content else {
            Issue.record("\(event.content)")
            return
        }
        #expect(subscription.period == .init(start: 5, end: 30))
        #expect(subscription.amount == 700)
        #expect(subscription.currency == "eur")
        #expect(subscription.customer == "cus_expanded")
        #expect(event.customerID == "cus_expanded")
    }

    @Test func `A thin event is recognised, with its time and its object`() throws {
        let event = try StripeEvent(
            json: Array(
                """
                {"id": "evt_test_65", "object": "v2.core.event", "type": "v1.billing.meter.error_report_triggered",
                 "livemode": false, "created": "2024-09-17T06:20:52.246Z",
                 "related_object": {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"}}
                """.utf8))
        #expect(event.isThin)
        #expect(event.created == 1_726_554_052)
        #expect(event.objectID == "mtr_1")
        #expect(event.content == .other)
    }

    @Test func `Types and objects that nobody reads are events all the same`() throws {
        for (type, object) in [
            ("charge.refunded", #"{"id": "ch_1"}"#), ("invoice.upcoming", #"{"customer": "cus_1"}"#),
            ("customer.subscription.updated", #"{"id": "sub_1", "status": "a status of 2031"}"#),
            ("customer.subscription.updated", #"{"status": "active"}"#), ("invoice.paid", "{}"),
        ] {
            let event = try #require(try events([Fixtures().event("evt_1", type, at: 0, object: object)]).first)
            #expect(event.content == .other)
        }
    }

    @Test(arguments: [
        "", "x", "null", "[]", "{}", #"{"object": "event"}"#,
        #"{"object": "event", "id": 1, "type": "a", "created": 1, "data": {"object": {}}}"#,
        #"{"object": "event", "id": "", "type": "a", "created": 1, "data": {"object": {}}}"#,
        #"{"object": "event", "id": "evt_1", "created": 1, "data": {"object": {}}}"#,
        #"{"object": "event", "id": "evt_1", "type": "a", "data": {"object": {}}}"#,
        #"{"object": "event", "id": "evt_1", "type": "a", "created": -1, "data": {"object": {}}}"#,
        #"{"object": "event", "id": "evt_1", "type": "a", "created": 1.5, "data": {"object": {}}}"#,
        #"{"object": "event", "id": "evt_1", "type": "a", "created": "2024-13-01T00:00:00Z", "data": {"object": {}}}"#,
        #"{"object": "event", "id": "evt_1", "type": "a", "created": 1, "data": {}}"#,
        #"{"object": "event", "id": "evt_1", "type": "a", "created": 1, "data": {"object": "sub_1"}}"#,
        #"{"object": "charge", "id": "evt_1", "type": "a", "created": 1, "data": {"object": {}}}"#,
    ]) func `What is no event is refused`(body: String) {
        let error = #expect(throws: StripeError.self) { try StripeEvent(json: Array(body.utf8)) }
        #expect(error?.code == .malformedEvent)
    }
}
