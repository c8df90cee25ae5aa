// A platform of a test's own, and what the HTTP door and the runtime do with it.

import JobModel
import JobQueue
import Logging
import Postgres
import Stripe
import StripeWebhookWorker
import TestSupport
import Testing
import WorkerKit

/// A platform database of a test's own.
struct Platform: Sendable {
    let database: PostgresDatabase

    /// What the HTTP door does with a verified body. Returns whether the event is new.
    @discardableResult
    func receive(_ text: String) async throws -> Bool {
        let event = try StripeEvent(json: Array(text.utf8))
        let rows = try await self.database.query(
            "SELECT receive_stripe_event($1, $2, $3, $4, $5, $6, $7, $8, $9) AS new",
            [
                .text(event.id), .text(event.type), .text(event.apiVersion), .text(event.account),
                .bool(event.livemode), .text(event.objectID), .text(event.customerID), .int(event.created),
                .text(text),
            ])
        return try #require(rows.first).bool("new")
    }

    /// Runs the event's job.
    func process(_ text: String) async throws -> ProcessedStripeEvent {
        let event = try StripeEvent(json: Array(text.utf8))
        var random = SystemRandomNumberGenerator()
        let job = JobInfo(
            id: JobID(.version7(milliseconds: 0, using: &random)), kind: ProcessStripeEvent.kind,
            queue: ProcessStripeEvent.queue, target: .platform, attempt: 1, failures: 0, crashes: 0, epoch: 1,
            maxAttempts: 1, idempotencyKey: event.id)
        let context = JobContext(
            job: job, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            deadline: .now + .seconds(60), database: self.database, platform: self.database,
            support: DirectSupport(database: self.database))
        return try await ProcessStripeEventHandler().run(
            ProcessStripeEvent(eventID: event.id, customer: event.customerID), context: context)
    }

    /// Signs a family up and, unless told otherwise, gives it a route. Returns its id.
    func family(_ slug: String, provisioned: Bool = true) async throws -> String {
        let rows = try await self.database.query(
            "SELECT family_id FROM sign_up_family($1, 'A family', $1 || '@example.com')", [.text(slug)])
        let id = try #require(rows.first).string("family_id")
        if provisioned { try await self.provision(id) }
        return id
    }

    func provision(_ id: String) async throws {
        try await self.database.query(
            """
            UPDATE families SET status = 'trial', db_host = 'h', db_port = 1, db_name = 'family_' || slug,
                db_user = 'u', db_password_encrypted = 'x', schema_version = 1 WHERE id = $1::uuid
            """, [.text(id)])
    }

    /// A family's billing, as JSON text with sorted keys.
    func state(of family: String) async throws -> String {
        let rows = try await self.database.query(
            """
            SELECT (s.s - 'id' - 'family_id' - 'created_at' - 'updated_at' || jsonb_build_object(
                'family_status', f.status, 'family_plan', f.plan, 'family_ends', f.subscription_ends_at,
                'family_customer', f.stripe_customer_id,
                'family_subscription', f.stripe_subscription_id))::text AS state
            FROM families f CROSS JOIN LATERAL (
                SELECT COALESCE((SELECT to_jsonb(s) FROM subscriptions s WHERE s.family_id = f.id), '{}')
            ) AS s (s)
            WHERE f.id = $1::uuid
            """, [.text(family)])
        return try #require(rows.first).string("state")
    }
}

/// A runtime's side of an attempt without a runtime: effects are plain transactions on the platform.
struct DirectSupport: AttemptSupport {
    let database: PostgresDatabase

    func effect(
        on place: EffectPlace,
        _ body: @escaping @Sendable (PostgresConnection, (any TransactionEnqueuer)?) async throws -> [UInt8]
    ) async throws -> [UInt8] {
        try await self.database.transaction { try await body($0, nil) }
    }

    func completedStep(_ name: String) async throws -> [UInt8]? { nil }
    func completeStep(_ name: String, result: [UInt8]) async throws {}
    func report(_ progress: JobProgress) {}
}

/// Lends a platform.
func withPlatform(_ body: @Sendable (Platform) async throws -> Void) async throws {
    try await TestDatabase.with(.platform, prefix: "stripe_") { database in
        let pool = PostgresPool(
            limits: .init(acquireTimeout: .seconds(60)),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        do {
            let configuration = try PostgresConfiguration(url: database.url)
            try await body(Platform(database: PostgresDatabase(pool: pool, configuration: configuration)))
        } catch {
            Issue.record(error)
        }
        await pool.close()
    }
}
