// Whose a subscription is, and which of a family's counts.

import Stripe
import Testing

@testable import StripeWebhookWorker

@Suite struct BillingPictureTests {
    static let smith = "00000000-0000-7000-8000-00000000000a"
    static let jones = "00000000-0000-7000-8000-00000000000b"

    private func family(
        _ id: String = Self.smith, slug: String? = "smith", customer: String? = nil, subscription: String? = nil
    ) -> FamilyRecord {
        FamilyRecord(id: id, slug: slug, customerID: customer, subscriptionID: subscription)
    }

    private func picture(_ texts: [String], _ families: [FamilyRecord]) throws -> BillingPicture {
        BillingPicture(events: try events(texts), families: families, plans: SubscriptionProjectionTests.plans)
    }

    @Test func `A subscription is found by metadata, checkout, customer or the family's own row`() throws {
        let plain = Fixtures()
        var named = Fixtures()
        named.family = Self.smith.uppercased()
        let created = plain.subscription("evt_1", "created", at: 0, "active")
        let cases: [([String], FamilyRecord)] = [
            ([named.subscription("evt_1", "created", at: 0, "active")], self.family()),
            ([created, plain.checkout("evt_2", at: 0, reference: Self.smith)], self.family()),
            ([created, plain.checkout("evt_2", at: 0, reference: "smith")], self.family()),
            ([created], self.family(customer: "cus_1")),
            ([created], self.family(subscription: "sub_1")),
        ]
        for (texts, family) in cases {
            let picture = try self.picture(texts, [family])
            #expect(picture.families.first?.subscription?.status == .active)
            #expect(picture.families.first?.customerID == "cus_1")
            #expect(picture.families.first?.subscriptionID == "sub_1")
            #expect(picture.unlinkedEvents.isEmpty)
        }
    }

    @Test func `A customer's other subscription follows the one that names the family`() throws {
        var named = Fixtures()
        named.family = "smith"
        var other = Fixtures()
        other.subscription = "sub_2"
        let picture = try self.picture(
            [
                named.subscription("evt_1", "deleted", at: 10, "canceled"),
                other.subscription("evt_2", "created", at: 20, "trialing"),
            ], [self.family()])
        #expect(picture.families.first?.subscription?.id == "sub_2")
        #expect(picture.linkedEvents == ["evt_1", "evt_2"])
    }

    @Test func `What names nobody we know is unlinked`() throws {
        let fixtures = Fixtures()
        let picture = try self.picture(
            [
                fixtures.subscription("evt_1", "created", at: 0, "active"),
                fixtures.checkout("evt_2", at: 0, reference: "user-77"),
            ], [])
        #expect(picture.families.isEmpty)
        #expect(picture.unlinkedEvents == ["evt_1", "evt_2"])
    }

    @Test func `A checkout alone links the ids, and says nothing of the status`() throws {
        let picture = try self.picture([Fixtures().checkout("evt_2", at: 0, reference: "smith")], [self.family()])
        #expect(picture.families.first?.subscription == nil)
        #expect(picture.families.first?.subscriptionID == "sub_1")
        #expect(picture.families.first?.customerID == "cus_1")
        #expect(picture.linkedEvents == ["evt_2"])
    }

    @Test func `Nobody ends a family's subscription by cancelling another in its name`() throws {
        var own = Fixtures()
        own.family = Self.smith
        let stranger = Fixtures(subscription: "sub_9", customer: "cus_9")
        let picture = try self.picture(
            [
                own.subscription("evt_1", "created", at: 0, "active"),
                stranger.checkout("evt_8", at: 50, reference: "smith"),
                stranger.subscription("evt_9", "deleted", at: 60, "canceled"),
            ], [self.family()])
        #expect(picture.families.first?.subscription?.id == "sub_1")
        #expect(picture.families.first?.subscription?.status == .active)
    }

    @Test func `A buyer's word does not take a subscription from where the seller put it`() throws {
        var own = Fixtures()
        own.family = Self.smith
        let picture = try self.picture(
            [
                own.subscription("evt_1", "created", at: 0, "active"), own.checkout("evt_2", at: 9, reference: "jones"),
            ], [self.family(), self.family(Self.jones, slug: "jones")])
        #expect(picture.subscriptionOwners == ["sub_1": Self.smith])
        #expect(picture.families.map { $0.subscription?.id } == ["sub_1", nil])
    }

    @Test func `One payer of two families has each its subscription, and one of them the customer`() throws {
        let first = Fixtures(subscription: "sub_1", family: Self.smith)
        let second = Fixtures(subscription: "sub_2", family: Self.jones)
        let texts = [
            first.subscription("evt_1", "created", at: 0, "active"),
            second.subscription("evt_2", "created", at: 5, "active"),
        ]
        let families = [self.family(), self.family(Self.jones, slug: "jones")]
        let picture = try self.picture(texts, families)
        #expect(picture.families.map(\.subscriptionID) == ["sub_1", "sub_2"])
        #expect(picture.families.map(\.customerID) == [nil, "cus_1"])
        #expect(try self.picture(texts.reversed(), families.reversed()) == picture)
    }

    @Test func `Every order of seven events, each processed as it comes, ends in one state`() async throws {
        let fixtures = Fixtures()
        // Linked by the checkout alone, which in most orders is neither first nor last.
        let texts = Array(fixtures.lifecycle().dropFirst()) + [fixtures.checkout("evt_9", at: 0, reference: "smith")]
        let all = try events(texts)
        let families = [self.family(), self.family(Self.jones, slug: "jones")]
        let expected = BillingPicture(events: all, families: families, plans: SubscriptionProjectionTests.plans)
        var random = SeededGenerator(seed: 11)
        var orders = 0
        await forEachPermutation(of: all) { order in
            orders += 1
            // The rows that an earlier picture left behind, after some of the events had come.
            let come = Int.random(in: 0...order.count, using: &random)
            let before = BillingPicture(
                events: Array(order.prefix(come)), families: families, plans: SubscriptionProjectionTests.plans)
            let rows = before.families.map {
                FamilyRecord(
                    id: $0.family.id, slug: $0.family.slug, customerID: $0.customerID,
                    subscriptionID: $0.subscriptionID)
            }
            let after = BillingPicture(
                events: order + order.prefix(2), families: rows, plans: SubscriptionProjectionTests.plans)
            if after.families.map(\.subscription) != expected.families.map(\.subscription)
                || after.families.map(\.customerID) != expected.families.map(\.customerID)
            {
                Issue.record("\(order.map(\.id)) ends elsewhere")
            }
        }
        #expect(orders == 5040)
    }
}
