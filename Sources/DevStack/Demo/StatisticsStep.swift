// Step 4: figures of every family, then of the platform. Each job is posted twice under one idempotency key, as a
// client does that lost the first answer.

internal import JobModel
internal import JobQueue

struct StatisticsStep: Sendable {
    let stage: DemoStage

    private static let familyKind = "family.compute_stats"
    private static let platformKind = "platform.compute_stats"

    func run(for families: [SignedUp], _ report: inout DemoReport) async throws {
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for family in families {
                group.addTask { try await self.enqueueTwice(Self.familyKind, family: family.slug) }
            }
            try await group.waitForAll()
        }
        self.stage.screen.line("  \(families.count) jobs, each posted twice: 201, then 200 with the same id")
        try await self.wait(for: families.count, of: Self.familyKind)
        // Sums up what the families' jobs have written.
        try await self.enqueueTwice(Self.platformKind, family: nil)
        try await self.wait(for: 1, of: Self.platformKind)
        let figures = try await self.stage.ledger.figures(of: [Self.familyKind, Self.platformKind])
        for (name, value) in try await self.stage.ledger.platformMetrics() {
            self.stage.screen.line("  \(name) = \(value)")
        }
        report.steps.append(
            DemoReport.Step(
                "statistics", items: figures.count, unit: "jobs", total: ContinuousClock.now - start, jobs: figures))
    }

    private struct JobBody: Encodable {
        let kind: String
        let family: String?
        let payload: [String: String]
    }

    private struct EnqueueAnswer: Decodable {
        let id: JobID
        let replayed: Bool
    }

    /// - Throws: `DemoFailure` unless the answers are 201 and 200, and name one job.
    private func enqueueTwice(_ kind: String, family: String?) async throws {
        let body = JobBody(kind: kind, family: family, payload: [:])
        let key = ["idempotency-key": "demo-\(kind)-\(family ?? "platform")"]
        let first = try await self.stage.client.post("/v1/jobs", body, headers: key).expecting(201)
            .decode(EnqueueAnswer.self)
        let second = try await self.stage.client.post("/v1/jobs", body, headers: key).expecting(200)
            .decode(EnqueueAnswer.self)
        guard first.id == second.id, !first.replayed, second.replayed else {
            throw DemoFailure("one idempotency key made two jobs of \(kind): \(first.id), \(second.id)")
        }
    }

    private func wait(for count: Int, of kind: String) async throws {
        try await poll("\(count) jobs of \(kind) have succeeded") {
            let figures = try await self.stage.ledger.figures(of: [kind])
            let done = figures.count { $0.state == "succeeded" }
            if count > 1 { self.stage.screen.live(progressBar(done, of: count) + " families counted") }
            if let dead = figures.first(where: { $0.state == "dead" }) {
                throw DemoFailure("a job of \(kind) is dead: \(dead.reason ?? "?")")
            }
            return done == count
        }
        self.stage.screen.keepLive()
    }
}
