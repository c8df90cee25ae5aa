// Step 2: every event is delivered twice, all of them shuffled, many at a time, each delivery signed as Stripe signs;
// and one whose body was altered on the way.

internal import JobQueue
internal import Stripe

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// What was sent, for the checks.
struct DeliveredWebhooks: Sendable {
    let billings: [DemoBilling]
    /// Distinct events that were accepted.
    let events: Int
    let newAnswers: Int
    let duplicateAnswers: Int
    /// The id of the altered event, and what its delivery was answered.
    let alteredID: String
    let alteredStatus: Int
}

struct WebhookStep: Sendable {
    let stage: DemoStage
    let seed: UInt64

    private static let kind = "stripe.process_event"
    private static let path = "/v1/webhooks/stripe"
    /// Deliveries at a time.
    private static let concurrency = 16

    func run(for families: [SignedUp], _ report: inout DemoReport) async throws -> DeliveredWebhooks {
        let start = ContinuousClock.now
        let billings = DemoBilling.courses(for: families, now: Int64(time(nil)))
        let events = billings.flatMap(\.events)
        var generator = SeededGenerator(seed: self.seed)
        let deliveries = (events + events).shuffled(using: &generator)
        let altered = DemoEvent(id: "evt_demo_altered", json: events[0].json)

        let alteredStatus = try await self.deliver(altered, isAltered: true).status
        let answers = try await self.deliverAll(deliveries)
        let duplicates = answers.count { $0 }
        self.stage.screen.keepLive()
        self.stage.screen.line(
            "  \(deliveries.count) deliveries answered 200, \(duplicates) of them as duplicates, in "
                + "\((ContinuousClock.now - start).shown); an altered one was answered \(alteredStatus)")

        try await poll("all \(events.count) events are projected") {
            let figures = try await self.stage.ledger.figures(of: [Self.kind])
            let done = figures.count { $0.state == "succeeded" }
            self.stage.screen.live(progressBar(done, of: events.count) + " events projected")
            if let dead = figures.first(where: { $0.state == "dead" }) {
                throw DemoFailure("a webhook's job is dead: \(dead.reason ?? "?")")
            }
            return done == events.count
        }
        self.stage.screen.keepLive()
        let figures = try await self.stage.ledger.figures(of: [Self.kind])
        report.steps.append(
            DemoReport.Step(
                "stripe webhooks", items: deliveries.count + 1, unit: "deliveries", total: ContinuousClock.now - start,
                jobs: figures))
        return DeliveredWebhooks(
            billings: billings, events: events.count, newAnswers: answers.count - duplicates,
            duplicateAnswers: duplicates, alteredID: altered.id, alteredStatus: alteredStatus)
    }

    private struct Receipt: Decodable { let duplicate: Bool }

    /// - Returns: For each delivery whether it was answered as a duplicate.
    private func deliverAll(_ deliveries: [DemoEvent]) async throws -> [Bool] {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            var answers: [Bool] = []
            for (index, event) in deliveries.enumerated() {
                if index >= Self.concurrency, let answer = try await group.next() { answers.append(answer) }
                group.addTask {
                    try await self.deliver(event, isAltered: false).expecting(200).decode(Receipt.self).duplicate
                }
                self.stage.screen.live(progressBar(index + 1, of: deliveries.count) + " deliveries")
            }
            for try await answer in group { answers.append(answer) }
            return answers
        }
    }

    private func deliver(_ event: DemoEvent, isAltered: Bool) async throws -> DemoClient.Answer {
        var body = try JSONText.encode(isAltered ? event.renamed : event.json)
        let secret = self.stage.stack.environment["STRIPE_WEBHOOK_SECRET"] ?? ""
        let signature = WebhookSignature.header(body: body, secret: secret, timestamp: Int64(time(nil)))
        // One digit of the amount or of a time, say: still JSON, and not what was signed.
        if isAltered, let digit = body.lastIndex(where: { (UInt8(ascii: "0")...UInt8(ascii: "8")).contains($0) }) {
            body[digit] += 1
        }
        return try await self.stage.client.deliver(Self.path, body: body, signature: signature)
    }
}

extension DemoEvent {
    /// The event under this value's id.
    fileprivate var renamed: StripeJSON {
        guard case .object(var members) = self.json else { return self.json }
        members["id"] = .string(self.id)
        return .object(members)
    }
}

/// SplitMix64: small, and the same on every machine. (Steele, Lea, Flood: Fast splittable pseudorandom number
/// generators, 2014.)
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
