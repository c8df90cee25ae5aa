// Which of a subscription's snapshots is the last one. Stripe stamps events with whole seconds and promises no order of
// delivery, so `created` alone leaves ties. They are settled by this rule, and by nothing else:
//
// 1. terminal rank: customer.subscription.deleted, then a snapshot with a terminal status, then all others;
// 2. created;
// 3. type: created, then notices that change nothing, then updates;
// 4. what the events say of each other: one whose previous_attributes are another's values is the later of the two;
// 5. id, as text: arbitrary, but the same in every run.

internal import Stripe

/// A subscription at the time of an event.
struct Snapshot: Sendable, Hashable {
    let event: StripeEvent
    let subscription: StripeSubscription

    /// The snapshot's status; that of a deleted subscription is never anything but over.
    var status: StripeSubscription.Status {
        self.isDeletion && !self.subscription.status.isTerminal ? .canceled : self.subscription.status
    }

    /// Whether it entitles the family to its plan.
    var isEntitled: Bool { self.status.entitles }

    /// The plan that its price is the price of.
    ///
    /// By price id; else by the name that the seller wrote on the subscription, or on the price, or as its lookup key;
    /// else by the amount. Of several items the dearest plan counts.
    func plan(among plans: [Plan]) -> String? {
        let prices = self.subscription.prices
        let ids = Set(prices.compactMap(\.id))
        let names = Set(prices.compactMap(\.plan) + prices.compactMap(\.lookupKey))
        let ours = self.subscription.metadata["plan"]
        let attempts: [(Plan) -> Bool] = [
            { $0.stripePriceID.map(ids.contains) ?? false },
            { $0.name == ours },
            { names.contains($0.name) },
            { plan in
                plan.priceCents > 0
                    && prices.contains {
                        $0.unitAmount == plan.priceCents && $0.currency?.uppercased() == plan.currency
                    }
            },
        ]
        for matches in attempts {
            let found = plans.filter(matches).max { ($0.priceCents, $0.name) < ($1.priceCents, $1.name) }
            if let found { return found.name }
        }
        return nil
    }

    private var isDeletion: Bool { self.event.type == "customer.subscription.deleted" }

    /// Rules 1 to 3.
    fileprivate var rank: (Int, Int64, Int) {
        let terminal = self.isDeletion ? 2 : self.status.isTerminal ? 1 : 0
        let type =
            switch self.event.type {
            case "customer.subscription.created": 0
            case "customer.subscription.trial_will_end", "customer.subscription.pending_update_expired": 1
            default: 2
            }
        return (terminal, self.event.created, type)
    }
}

extension [Snapshot] {
    /// The last one by the rule; nil of none.
    func last() -> Snapshot? {
        guard let highest = self.max(by: { $0.rank < $1.rank }) else { return nil }
        let tied = self.filter { $0.rank == highest.rank }
        let unsurpassed = tied.filter { one in
            !tied.contains { other in
                one.event.isPredecessor(of: other.event) && !other.event.isPredecessor(of: one.event)
            }
        }
        return (unsurpassed.isEmpty ? tied : unsurpassed).max { $0.event.id < $1.event.id }
    }
}

/// A row of `plans`.
struct Plan: Sendable, Hashable {
    let name: String
    let priceCents: Int64
    let currency: String
    let stripePriceID: String?
}
