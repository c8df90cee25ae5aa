// Stripe's door.

import ControlPlane
import Hummingbird
import JobModel
import JobQueue
import Postgres
import Stripe
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite struct StripeWebhookTests {
    static let event = #"""
        {"id":"evt_1","object":"event","type":"invoice.paid","api_version":"2024-06-20","created":1700000000,
         "livemode":false,"data":{"object":{"id":"in_1","object":"invoice","customer":"cus_1"}}}
        """#

    private func post(
        _ api: APIStack, _ body: String, secret: String = APIStack.stripeSecret, age: Int64 = 0
    ) async throws -> Answer {
        let header = WebhookSignature.header(
            body: Array(body.utf8), secret: secret, timestamp: Int64(time(nil)) - age)
        return try await api.send(
            .post, "/v1/webhooks/stripe", body, token: nil, headers: ["Stripe-Signature": header])
    }

    @Test func `A signed event is stored with its job, and its duplicates change nothing`() async throws {
        try await withAPI { api in
            let first = try await self.post(api, Self.event)
            #expect(first.status == 200)
            #expect(first["duplicate"] == .bool(false))
            // Also under the secret that is being replaced.
            let second = try await self.post(api, Self.event, secret: "whsec_old")
            #expect(second.status == 200)
            #expect(second["duplicate"] == .bool(true))
            #expect(try await api.count("stripe_webhook_events") == 1)
            let row = try #require(
                try await api.database.query("SELECT kind, payload::text AS payload FROM jobs").first)
            #expect(try row.string("kind") == "stripe.process_event")
            #expect(try row.string("payload").contains("evt_1"))
        }
    }

    @Test func `A wrong, old, future or missing signature is refused and nothing is stored`() async throws {
        try await withAPI { api in
            let answers = [
                try await self.post(api, Self.event, secret: "whsec_wrong"),
                try await self.post(api, Self.event, age: 400),
                try await self.post(api, Self.event, age: -400),
                try await api.send(.post, "/v1/webhooks/stripe", Self.event, token: nil),
                try await api.send(.post, "/v1/webhooks/stripe", Self.event),
            ]
            for answer in answers {
                #expect(answer.status == 400)
                #expect(answer.problem == "webhook-refused")
            }
            #expect(try await api.count("stripe_webhook_events") == 0)
            #expect(try await api.count("jobs") == 0)
        }
    }

    @Test func `A body altered by one byte is refused`() async throws {
        try await withAPI { api in
            let header = WebhookSignature.header(
                body: Array(Self.event.utf8), secret: APIStack.stripeSecret, timestamp: Int64(time(nil)))
            let answer = try await api.send(
                .post, "/v1/webhooks/stripe", Self.event.replacing("cus_1", with: "cus_2"), token: nil,
                headers: ["Stripe-Signature": header])
            #expect(answer.status == 400)
            #expect(try await api.count("stripe_webhook_events") == 0)
        }
    }

    @Test(arguments: ["{}", "[]", "no", #"{"object":"event"}"#])
    func `A signed body that is no event is refused`(body: String) async throws {
        try await withAPI { api in
            let answer = try await self.post(api, body)
            #expect(answer.status == 400)
            #expect(answer.problem == "webhook-refused")
        }
    }

    @Test func `An event that cannot be stored is refused, not asked for again`() async throws {
        try await withAPI { api in
            let answer = try await self.post(api, Self.event.replacing("cus_1", with: #"a\u0000b"#))
            #expect(answer.status == 400)
            #expect(try await api.count("jobs") == 0)
        }
    }

    @Test func `A body over 256 KiB is too large`() async throws {
        try await withAPI { api in
            let answer = try await self.post(api, Self.event + String(repeating: " ", count: 256 * 1024))
            #expect(answer.status == 413)
        }
    }

    @Test func `Without a secret the door asks Stripe to come again`() async throws {
        var setup = APISetup()
        setup.configuration.stripeSecrets = []
        try await withAPI(setup) { api in
            let answer = try await self.post(api, Self.event)
            #expect(answer.status == 503)
            #expect(answer.problem == "unavailable")
        }
    }
}
