// Stripe's webhooks. The signature over the raw bytes is the authentication; a verified event and its job are committed
// together before Stripe is told 200, and a second delivery finds the first and changes nothing.

internal import Hummingbird
internal import Postgres
internal import Stripe

struct StripeRoute: Sendable {
    let database: PostgresDatabase
    let secrets: [String]

    func add(to router: Router<APIContext>) {
        router.post("/v1/webhooks/stripe") { request, _ in try await self.receive(request) }
    }

    private func receive(_ request: Request) async throws -> Response {
        let body = try await request.bytes(upTo: RequestLimits.webhookBytesMax)
        try WebhookSignature.verify(
            header: request.headers[.stripeSignature], body: body, secrets: self.secrets,
            now: WallClock.milliseconds() / 1000)
        let event = try StripeEvent(json: body)
        do {
            let rows = try await self.database.query(
                "SELECT receive_stripe_event($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb) AS is_new",
                [
                    .text(event.id), .text(event.type), .text(event.apiVersion), .text(event.account),
                    .bool(event.livemode), .text(event.objectID), .text(event.customerID), .int(event.created),
                    .text(String(decoding: body, as: UTF8.self)),
                ])
            let isNew = try rows.first?.bool("is_new") ?? false
            return try .json(Receipt(received: true, duplicate: !isNew))
        } catch let error as PostgresError where Self.isEventsFault(error) {
            throw Problem(.webhookRefused, "The event holds what cannot be stored.")
        }
    }

    /// Not JSON to PostgreSQL, NUL characters, or a text longer than its column: sending it again cannot help.
    private static func isEventsFault(_ error: PostgresError) -> Bool {
        guard error.code == .server || error.code == .protocolViolation else { return false }
        guard let state = error.sqlState?.rawValue else { return error.code == .protocolViolation }
        return state.hasPrefix("22") || state == "23514" || state == "CW002"
    }
}

private struct Receipt: Encodable {
    let received: Bool
    /// True: it was here before.
    let duplicate: Bool
}
