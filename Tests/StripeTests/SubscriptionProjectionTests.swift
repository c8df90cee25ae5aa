// Any order and any repetition of events ends in one state, and it is the right one.

import Stripe
import Testing

@testable import StripeWebhookWorker

@Suite struct SubscriptionProjectionTests {
    static let plans = [
        Plan(name: "free", priceCents: 0, currency: "USD", stripePriceID: nil),
        Plan(name: "premium", priceCents: 1500, currency: "USD", stripePriceID: "price_premium"),
        Plan(name: "enterprise", priceCents: 5000, currency: "USD", stripePriceID: nil),
    ]

    private func project(_ texts: [String]) throws -> SubscriptionProjection? {
        SubscriptionProjection(of: "sub_1", events: try events(texts), plans: Self.plans)
    }

    @Test(arguments: 1...7) func `Every order of a lifecycle ends in one state`(length: Int) async throws {
        let fixtures = Fixtures()
        let whole = try events(fixtures.lifecycle())
        let expected: [StripeSubscription.Status] = [
            .incomplete, .active, .active, .pastDue, .pastDue, .active, .canceled,
        ]
        let part = Array(whole.prefix(length))
        let inOrder = try #require(SubscriptionProjection(of: "sub_1", events: part, plans: Self.plans))
        #expect(inOrder.status == expected[length - 1])
        var orders = 0
        await forEachPermutation(of: part) { order in
            orders += 1
            let projection = SubscriptionProjection(of: "sub_1", events: order, plans: Self.plans)
            if projection != inOrder { Issue.record("\(order.map(\.id)) ends in \(String(describing: projection))") }
        }
        #expect(orders == (1...length).reduce(1, *))
    }

    @Test func `Repetitions change nothing, wherever they come`() throws {
        let whole = try events(Fixtures().lifecycle())
        let once = SubscriptionProjection(of: "sub_1", events: whole, plans: Self.plans)
        var random = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let times = Int.random(in: 1...10, using: &random)
            let repeated = whole + (0..<times).map { _ in whole[Int.random(in: 0..<whole.count, using: &random)] }
            let shuffled = repeated.shuffled(using: &random)
            #expect(SubscriptionProjection(of: "sub_1", events: shuffled, plans: Self.plans) == once)
        }
    }

    @Test func `Both shapes give one projection, also when they are mixed`() throws {
        let (old, new) = (Fixtures(shape: .old).lifecycle(), Fixtures(shape: .basil).lifecycle())
        for length in 1...7 {
            let pure = try #require(try self.project(Array(new.prefix(length))))
            let mixed = (0..<length).map { $0.isMultiple(of: 2) ? old[$0] : new[$0] }
            for texts in [Array(old.prefix(length)), mixed] {
                let other = try #require(try self.project(texts))
                #expect(other.facts == pure.facts)
            }
        }
    }

    @Test func `What is deleted stays deleted, however late an update comes`() throws {
        let fixtures = Fixtures()
        let projection = try #require(
            try self.project([
                fixtures.subscription("evt_1", "deleted", at: 10, "canceled"),
                fixtures.subscription("evt_2", "updated", at: 11, "active"),
                fixtures.invoice("evt_3", "paid", at: 12),
            ]))
        #expect(projection.status == .canceled)
        #expect(projection.ended)
        #expect(projection.endsAt == Fixtures.start + 10)
        #expect(projection.decidedBy.id == "evt_1")
    }

    @Test func `Two updates of one second are ordered by what they say of each other, not by their ids`() throws {
        let fixtures = Fixtures()
        for ids in [("evt_a", "evt_b"), ("evt_b", "evt_a")] {
            let texts = [
                fixtures.subscription(ids.0, "updated", at: 5, "past_due", previous: #"{"status": "active"}"#),
                fixtures.subscription(ids.1, "updated", at: 5, "active", previous: #"{"status": "past_due"}"#),
                fixtures.subscription("evt_0", "created", at: 0, "trialing"),
            ]
            // A circle says nothing: the id decides, the same way in every order.
            #expect(try self.project(texts)?.decidedBy.id == "evt_b")
            let chain = [
                fixtures.subscription(ids.0, "updated", at: 5, "active", previous: #"{"status": "trialing"}"#),
                fixtures.subscription(ids.1, "updated", at: 5, "unpaid", previous: #"{"status": "active"}"#),
            ]
            #expect(try self.project(chain)?.status == .unpaid)
        }
    }

    @Test func `A notice of the same second does not beat the update`() throws {
        let fixtures = Fixtures()
        let projection = try self.project([
            fixtures.subscription("evt_z", "trial_will_end", at: 5, "trialing"),
            fixtures.subscription("evt_a", "updated", at: 5, "active"),
        ])
        #expect(projection?.status == .active)
    }

    @Test func `A failed payment makes past due, until it is paid or Stripe says otherwise`() throws {
        let fixtures = Fixtures()
        let active = fixtures.subscription("evt_1", "created", at: 0, "active")
        let failed = fixtures.invoice("evt_2", "payment_failed", at: 10, invoice: "in_2", months: 2)
        let paid = fixtures.invoice("evt_3", "paid", at: 20, invoice: "in_2", months: 2)
        #expect(try self.project([active, failed])?.status == .pastDue)
        #expect(try self.project([active, failed])?.decidedBy.id == "evt_2")
        #expect(try self.project([active, failed, paid])?.status == .active)
        // Paid, and a delivery of the failure that is dated after it: an invoice that is paid has not failed.
        let late = fixtures.invoice("evt_4", "payment_failed", at: 30, invoice: "in_2")
        #expect(try self.project([active, paid, late])?.status == .active)
        let same = fixtures.subscription("evt_5", "updated", at: 10, "active")
        #expect(try self.project([active, failed, same])?.status == .active)
        let unpaid = fixtures.subscription("evt_6", "updated", at: 5, "unpaid")
        #expect(try self.project([active, unpaid, failed])?.status == .unpaid)
        #expect(try self.project([active, unpaid, paid])?.status == .active)
        let paused = fixtures.subscription("evt_7", "updated", at: 5, "paused")
        #expect(try self.project([active, paused, paid])?.status == .paused)
    }

    @Test func `A paid invoice carries the period on, and only forwards`() throws {
        let fixtures = Fixtures()
        let created = fixtures.subscription("evt_1", "created", at: 0, "active")
        let next = fixtures.invoice("evt_2", "paid", at: 10, invoice: "in_2", months: 2)
        let month = 30 * Fixtures.day
        #expect(try self.project([created])?.period?.end == Fixtures.start + month)
        #expect(
            try self.project([created, next])?.period
                == .init(start: Fixtures.start + month, end: Fixtures.start + 2 * month))
        let longer = fixtures.subscription("evt_3", "updated", at: 5, "active", months: 12)
        #expect(try self.project([created, longer, next])?.period?.end == Fixtures.start + 12 * month)
    }

    @Test func `A plan is known by its price, its name or its amount, and never granted unpaid`() throws {
        let fixtures = Fixtures()
        #expect(try self.project([fixtures.subscription("evt_1", "created", at: 0, "active")])?.plan == "premium")
        let byAmount = fixtures.subscription("evt_1", "created", at: 0, "active", price: "price_x", amount: 5000)
        #expect(try self.project([byAmount])?.grantedPlan == "enterprise")
        let unknown = fixtures.subscription("evt_2", "updated", at: 9, "active", price: "price_x", amount: 1)
        #expect(try self.project([unknown])?.plan == nil)
        #expect(try self.project([byAmount, unknown])?.plan == "enterprise")
        let incomplete = fixtures.subscription("evt_1", "created", at: 0, "incomplete")
        #expect(try self.project([incomplete])?.plan == "premium")
        #expect(try self.project([incomplete])?.grantedPlan == nil)
    }

    @Test func `It ends when Stripe says it will`() throws {
        let fixtures = Fixtures()
        let ending = fixtures.subscription("evt_1", "updated", at: 0, "active", cancelAtPeriodEnd: true)
        let projection = try #require(try self.project([ending]))
        #expect(projection.endsAt == projection.period?.end)
        #expect(projection.cancelAtPeriodEnd)
        #expect(try self.project([fixtures.subscription("evt_1", "updated", at: 0, "active")])?.endsAt == nil)
    }

    @Test func `Invoices and sessions alone show no subscription`() throws {
        let fixtures = Fixtures()
        #expect(try self.project([fixtures.invoice("evt_1", "paid", at: 0)]) == nil)
        #expect(try self.project([fixtures.checkout("evt_1", at: 0, reference: "smith")]) == nil)
        #expect(try self.project([]) == nil)
    }
}

extension SubscriptionProjection {
    /// All that is stored; not which shape the deciding event had.
    fileprivate var facts: [String] {
        [
            "\(self.id) \(self.customer ?? "-") \(self.status) \(self.plan ?? "-") \(self.grantedPlan ?? "-")",
            "\(String(describing: self.period)) \(self.cancelAtPeriodEnd) \(String(describing: self.cancelledAt))",
            "\(String(describing: self.endsAt)) \(self.amountCents) \(self.currency) \(self.decidedBy.id)",
        ]
    }
}
