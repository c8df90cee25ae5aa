// `stripe.process_event`: an event stored as the webhook's door stores it, projected once.

internal import JobModel
internal import JobQueue
internal import Postgres
internal import QueueTestSupport

extension CrashScenario {
    static let billing: [CrashScenario] = [
        CrashScenario(kind: "stripe.process_event") { stack, arm in
            let family = try await stack.sharedFamily()
            // Each a second later than the one before, and of the other status; both mean that the family is served.
            let second = try await stack.queue.count("SELECT count(*) FROM stripe_webhook_events")
            let status = second.isMultiple(of: 2) ? "active" : "past_due"
            let (event, body) = Self.event(of: family, second: second, status: status)
            arm()
            try await stack.queue.platform.query(
                """
                SELECT receive_stripe_event($1, 'customer.subscription.updated', '2025-03-31.basil', NULL, false,
                    $2, $2, $3, $4::jsonb)
                """,
                [.text(event), .text("cus_\(family.databaseName)"), .int(Self.start + second), .text(body)])
            let rows = try await stack.queue.platform.query(
                "SELECT job_id::text FROM stripe_webhook_events WHERE event_id = $1", [.text(event)])
            guard let id = JobID(try rows[0].string(at: 0)) else { throw ProofFailure("the event has no job") }
            return CrashSubject(
                durable: [id: .succeeded],
                check: { stack in
                    try await stack.expect(
                        1...1, "subscriptions that say what the event said", "I3",
                        """
                        SELECT count(*) FROM subscriptions
                        WHERE family_id = $1::uuid AND last_event_id = $2 AND status = $3
                        """, [.text(family.id.description), .text(event), .text(status)])
                        + stack.expect(
                            1...1, "events projected", "I3",
                            """
                            SELECT count(*) FROM stripe_webhook_events WHERE event_id = $1 AND outcome = 'projected'
                            """, [.text(event)])
                        + stack.expect(
                            0...1, "audit rows", "I3", "SELECT count(*) FROM audit_logs WHERE job_id = $1::uuid",
                            [.text(id.description)])
                })
        }
    ]

    /// 2026-01-01, in seconds since 1970.
    private static let start = 1_767_225_600

    private static func event(of family: CrashFamily, second: Int, status: String) -> (id: String, body: String) {
        let id = "evt_\(family.databaseName)_\(second)"
        let name = family.databaseName
        let (from, to) = (Self.start, Self.start + 30 * 86_400)
        return (
            id,
            """
            {"id": "\(id)", "object": "event", "type": "customer.subscription.updated",
             "api_version": "2025-03-31.basil", "created": \(Self.start + second), "livemode": false,
             "data": {"object": {"id": "sub_\(name)", "object": "subscription", "customer": "cus_\(name)",
              "status": "\(status)", "created": \(Self.start), "currency": "usd",
              "metadata": {"family_id": "\(family.id)"}, "cancel_at_period_end": false, "cancel_at": null,
              "canceled_at": null, "ended_at": null, "trial_start": null, "trial_end": null,
              "items": {"object": "list", "data": [{"id": "si_1", "quantity": 1, "current_period_start": \(from),
               "current_period_end": \(to),
               "price": {"id": "price_premium", "unit_amount": 1500, "currency": "usd", "metadata": {}}}]}}}}
            """
        )
    }
}
