// `stripe.process_event`: the shell around the pure picture. It finds an event's kin, locks the families they speak of,
// lets BillingPicture decide, and writes that down, all in the transaction that settles the job.
//
// Invariants:
// 1. What is written is a function of the *set* of stored events: neither their order nor a repetition shows.
// 2. It is computed from what was committed when all concerned families were locked. The job of the last event to be
//    committed therefore sees every event, and whoever wrote before it is overwritten by it.

public import JobModel
public import JobQueue
internal import Logging
internal import Postgres
internal import Stripe
public import WorkerKit

/// Processes an event that `receive_stripe_event` stored.
public struct ProcessStripeEvent: PlatformJob {
    public static let kind: JobKind = "stripe.process_event"
    public static let queue: QueueName = "webhooks"
    /// About a day: a webhook is worth more patience than most.
    public static let retryPolicy = RetryPolicy(maxAttempts: 30, baseDelay: .seconds(1), maxDelay: .seconds(3600))

    /// Stripe's id of the event.
    public var eventID: String
    /// The customer that it is about; for operators, who look for it.
    public var customer: String?

    private enum CodingKeys: String, CodingKey {
        case eventID = "event_id"
        case customer
    }

    public init(eventID: String, customer: String? = nil) {
        self.eventID = eventID
        self.customer = customer
    }
}

/// What became of an event. The texts are those of `stripe_webhook_events.outcome`.
public enum StripeEventOutcome: String, Codable, Sendable, CaseIterable {
    /// What it says is in `subscriptions` and `families`, as far as no other event says otherwise.
    case projected
    /// No family is known for it yet; the event that names one will take it along.
    case unlinked
    /// Nobody here reads events of its type, or it is a connected account's.
    case ignored
}

/// What a success returns.
public struct ProcessedStripeEvent: Codable, Sendable, Hashable {
    public var outcome: StripeEventOutcome
}

/// Runs `stripe.process_event`.
public struct ProcessStripeEventHandler: PlatformHandler {
    public init() {}

    public var timeout: Duration { .seconds(60) }

    public func run(_ job: ProcessStripeEvent, context: JobContext) async throws -> ProcessedStripeEvent {
        let (jobID, logger) = (context.job.id, context.logger)
        return try await context.effect { transaction in
            let store = BillingStore(connection: transaction.connection, jobID: jobID)
            guard let stored = try await store.event(job.eventID) else {
                throw JobFailure.discard("event \(job.eventID) is not in stripe_webhook_events")
            }
            // A kin's job took this event along already.
            if let outcome = stored.outcome, outcome != .unlinked { return ProcessedStripeEvent(outcome: outcome) }
            guard stored.event.account == nil, stored.event.content != .other else {
                try await store.record(.ignored, of: [job.eventID])
                logger.debug("ignored Stripe event", metadata: ["type": "\(stored.event.type)"])
                return ProcessedStripeEvent(outcome: .ignored)
            }
            let picture = try await store.picture(of: stored.event)
            try await store.write(picture)
            let outcome: StripeEventOutcome = picture.linkedEvents.contains(job.eventID) ? .projected : .unlinked
            if outcome == .unlinked {
                logger.notice(
                    "no family is known for a Stripe event",
                    metadata: ["event": "\(job.eventID)", "type": "\(stored.event.type)"])
            }
            return ProcessedStripeEvent(outcome: outcome)
        }
    }
}
