// The door and the handler on a real database: received twice, processed in any order, one state.

import Postgres
import Stripe
import StripeWebhookWorker
import Testing
import WorkerKit

@Suite struct StripeServerTests {
    @Test func `An event is stored and enqueued once, however often it is delivered`() async throws {
        try await withPlatform { platform in
            let text = Fixtures().subscription("evt_1", "created", at: 0, "active")
            #expect(try await platform.receive(text))
            for _ in 0..<3 { #expect(try await !platform.receive(text)) }
            let row = try #require(
                try await platform.database.query(
                    """
                    SELECT e.*, extract(epoch FROM e.event_created)::bigint AS created, j.kind, j.queue,
                           j.payload::text AS job_payload, (SELECT count(*) FROM jobs) AS jobs
                    FROM stripe_webhook_events e JOIN jobs j ON j.id = e.job_id
                    """
                ).first)
            #expect(try row.int("jobs") == 1)
            #expect(try row.string("kind") == "stripe.process_event")
            #expect(try row.string("queue") == "webhooks")
            #expect(try row.string("job_payload") == #"{"customer": "cus_1", "event_id": "evt_1"}"#)
            #expect(try row.string("object_id") == "sub_1")
            #expect(try row.string("subscription_id") == "sub_1")
            #expect(try row.int("created") == Int(Fixtures.start))
        }
    }

    @Test func `Deliveries of one event at the same moment store it once`() async throws {
        try await withPlatform { platform in
            let text = Fixtures().invoice("evt_1", "paid", at: 0)
            let news = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<6 { group.addTask { try await platform.receive(text) } }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(news == 1)
            #expect(try await platform.database.query("SELECT FROM jobs").count == 1)
        }
    }

    @Test func `A refused job leaves no event behind`() async throws {
        try await withPlatform { platform in
            try await platform.database.query("DROP TABLE job_dispatches")
            await #expect(throws: PostgresError.self) {
                try await platform.receive(Fixtures().invoice("evt_1", "paid", at: 0))
            }
            #expect(try await platform.database.query("SELECT FROM stripe_webhook_events").isEmpty)
        }
    }

    @Test func `A lifecycle in any order, with repetitions, ends in one state of both tables`() async throws {
        try await withPlatform { platform in
            var random = SeededGenerator(seed: 42)
            var states: Set<String> = []
            for round in 0..<16 {
                let slug = "family\(round)"
                let family = try await platform.family(slug)
                let shape = Shape.allCases[round % 2]
                var fixtures = Fixtures(shape: shape, subscription: "sub_r\(round)", customer: "cus_r\(round)")
                // Linked by metadata, or by the checkout alone.
                if round.isMultiple(of: 3) { fixtures.family = family }
                let texts =
                    fixtures.lifecycle().dropLast() + [fixtures.checkout("evt_8", at: 1, reference: slug)]
                let named = texts.map { $0.replacing("\"evt_", with: "\"evt_r\(round)_") }
                let order = round == 0 ? named : named.shuffled(using: &random)
                for (index, text) in order.enumerated() {
                    try await platform.receive(text)
                    _ = try await platform.process(text)
                    // A delivery of something old, and a job that runs again.
                    try await platform.receive(order[Int.random(in: 0...index, using: &random)])
                    _ = try await platform.process(order[Int.random(in: 0...index, using: &random)])
                }
                let row = try await platform.state(of: family)
                states.insert(row.replacing("_r\(round)_", with: "_").replacing("_r\(round)\"", with: "_N\""))
                let outcomes = try await platform.database.query(
                    "SELECT FROM stripe_webhook_events WHERE customer_id = $1 AND outcome = 'projected'",
                    [.text("cus_r\(round)")])
                #expect(outcomes.count == named.count)
            }
            #expect(states.count == 1, "\(states.sorted().joined(separator: "\n"))")
            #expect(states.first?.contains(#""family_status": "active""#) == true)
            #expect(states.first?.contains(#""plan": "premium""#) == true)
        }
    }

    @Test func `Of two customers of one family the one with service counts, in every order of events`() async throws {
        try await withPlatform { platform in
            let family = try await platform.family("smith")
            let own = Fixtures(subscription: "sub_1", customer: "cus_1", family: family)
            let other = Fixtures(subscription: "sub_2", customer: "cus_2")
            let texts = [
                own.subscription("evt_1", "created", at: 0, "active"),
                other.checkout("evt_2", at: 10, reference: "smith"),
                other.subscription("evt_3", "created", at: 10, "active"),
                own.subscription("evt_4", "deleted", at: 20, "canceled"),
            ]
            var orders: [[String]] = []
            await forEachPermutation(of: texts) { orders.append($0) }
            for order in orders {
                try await platform.database.query("DELETE FROM stripe_webhook_events")
                try await platform.database.query("DELETE FROM job_idempotency_keys")
                try await platform.database.query("DELETE FROM subscriptions")
                try await platform.database.query(
                    """
                    UPDATE families SET status = 'trial', plan = 'free', stripe_customer_id = NULL,
                        stripe_subscription_id = NULL
                    """)
                for text in order {
                    try await platform.receive(text)
                    _ = try await platform.process(text)
                }
                let state = try await platform.state(of: family)
                #expect(state.contains(#""family_subscription": "sub_2""#))
                #expect(state.contains(#""family_customer": "cus_2""#))
                #expect(state.contains(#""family_status": "active""#))
            }
        }
    }

    @Test func `Jobs of one customer at the same moment end in one state`() async throws {
        try await withPlatform { platform in
            let family = try await platform.family("smith")
            let fixtures = Fixtures()
            let texts = fixtures.lifecycle() + [fixtures.checkout("evt_8", at: 1, reference: "smith")]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for text in texts + texts {
                    group.addTask {
                        try await platform.receive(text)
                        _ = try await platform.process(text)
                    }
                }
                try await group.waitForAll()
            }
            let state = try await platform.state(of: family)
            #expect(state.contains(#""family_status": "cancelled""#))
            #expect(state.contains(#""ended": true"#))
        }
    }

    @Test func `Every status makes of the family what the README says`() async throws {
        try await withPlatform { platform in
            let expected: [StripeSubscription.Status: String] = [
                .trialing: "trial", .active: "active", .pastDue: "active", .unpaid: "suspended", .paused: "suspended",
                .canceled: "cancelled", .incomplete: "trial", .incompleteExpired: "trial",
            ]
            for (index, status) in StripeSubscription.Status.allCases.enumerated() {
                let family = try await platform.family("family\(index)")
                let fixtures = Fixtures(subscription: "sub_\(index)", customer: "cus_\(index)", family: family)
                let text = fixtures.subscription("evt_\(index)", "updated", at: 0, status.rawValue)
                try await platform.receive(text)
                #expect(try await platform.process(text).outcome == .projected)
                let state = try await platform.state(of: family)
                #expect(state.contains(#""family_status": "\#(expected[status] ?? "")""#), "\(status): \(state)")
            }
        }
    }

    @Test func `Unknown types are ignored, strangers' events wait for a link`() async throws {
        try await withPlatform { platform in
            let family = try await platform.family("smith")
            let fixtures = Fixtures()
            let refund = fixtures.event("evt_1", "charge.refunded", at: 0, object: #"{"id": "ch_1"}"#)
            let created = fixtures.subscription("evt_2", "created", at: 0, "active")
            let checkout = fixtures.checkout("evt_3", at: 0, reference: "smith")
            for (text, outcome) in [
                (refund, .ignored), (created, .unlinked), (checkout, .projected), (created, .projected),
            ] as [(String, StripeEventOutcome)] {
                try await platform.receive(text)
                #expect(try await platform.process(text).outcome == outcome)
            }
            #expect(try await platform.state(of: family).contains(#""family_status": "active""#))
            await #expect(throws: JobFailure.self) {
                try await platform.process(fixtures.invoice("evt_unknown", "paid", at: 0))
            }
        }
    }

    @Test func `A family that is being provisioned keeps its status, and begins as subscribed`() async throws {
        try await withPlatform { platform in
            let family = try await platform.family("smith", provisioned: false)
            var fixtures = Fixtures()
            fixtures.family = family
            let created = fixtures.subscription("evt_1", "created", at: 0, "active")
            try await platform.receive(created)
            #expect(try await platform.process(created).outcome == .projected)
            var state = try await platform.state(of: family)
            #expect(state.contains(#""family_status": "provisioning""#))
            #expect(state.contains(#""family_subscription": "sub_1""#))
            try await platform.provision(family)
            state = try await platform.state(of: family)
            #expect(state.contains(#""family_status": "active""#))
        }
    }

    @Test func `What an operator suspended, a renewal does not bring back`() async throws {
        try await withPlatform { platform in
            let family = try await platform.family("smith")
            var fixtures = Fixtures()
            fixtures.family = family
            let created = fixtures.subscription("evt_1", "created", at: 0, "active")
            let renewed = fixtures.subscription("evt_2", "updated", at: 9, "active", months: 2)
            try await platform.receive(created)
            _ = try await platform.process(created)
            try await platform.database.query("UPDATE families SET status = 'suspended'")
            try await platform.receive(renewed)
            _ = try await platform.process(renewed)
            #expect(try await platform.state(of: family).contains(#""family_status": "suspended""#))
        }
    }

    @Test func `A subscription that is moved to another family leaves nothing behind`() async throws {
        try await withPlatform { platform in
            let (smith, jones) = (try await platform.family("smith"), try await platform.family("jones"))
            for (second, family) in [smith, jones].enumerated() {
                var fixtures = Fixtures()
                fixtures.family = family
                let text = fixtures.subscription("evt_\(second)", "updated", at: Int64(second), "active")
                try await platform.receive(text)
                _ = try await platform.process(text)
            }
            let rows = try await platform.database.query("SELECT family_id FROM subscriptions")
            #expect(try rows.map { try $0.string("family_id") } == [jones])
            #expect(try await platform.state(of: smith).contains(#""family_status": "trial""#))
            #expect(try await platform.state(of: smith).contains(#""family_customer": null"#))
            #expect(try await platform.state(of: jones).contains(#""family_customer": "cus_1""#))
        }
    }

    @Test func `A deleted family is left alone`() async throws {
        try await withPlatform { platform in
            let family = try await platform.family("smith")
            try await platform.database.query("UPDATE families SET status = 'cancelled', deleted_at = now()")
            var fixtures = Fixtures()
            fixtures.family = family
            let text = fixtures.subscription("evt_1", "updated", at: 0, "active")
            try await platform.receive(text)
            #expect(try await platform.process(text).outcome == .projected)
            #expect(try await platform.state(of: family).contains(#""family_status": "cancelled""#))
        }
    }
}
