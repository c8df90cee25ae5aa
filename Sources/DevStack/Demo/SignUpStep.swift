// Step 1: ten sign-ups at once; a worker that makes some of their databases is killed; all ten become trials.

internal import JobModel
internal import JobQueue

struct SignUpStep: Sendable {
    let stage: DemoStage

    private static let limit: Duration = .seconds(90)

    func run(_ report: inout DemoReport) async throws -> [SignedUp] {
        let start = ContinuousClock.now
        async let readyTimes = self.waitUntilOnTrial()
        async let killing = WorkerKill(stage: self.stage).run()
        let families = try await self.signUpAll()
        let killed = try await killing
        let ready = try await readyTimes
        self.stage.screen.keepLive()
        let end = ContinuousClock.now
        try await self.stage.waitForWorkers(besides: [killed.session])

        for family in families {
            let job = try await self.stage.client.job(family.provisionJob)
            report.families.append(
                .init(
                    slug: family.slug,
                    milliseconds: ready[family.slug].map { ($0 - family.acceptedAt).inMillisecondsRounded } ?? 0,
                    attempts: job.attempt, failures: job.failures, crashes: job.crashes))
        }
        self.stage.screen.line(report.familiesText)
        let recovery = try await self.stage.ledger.recovery(of: killed.session, since: killed.milliseconds)
        if let first = recovery.first, let last = recovery.last {
            self.stage.screen.line(
                "  killed with \(recovery.count) job(s) aboard: the first ran again on another worker after "
                    + "\(first) ms, the last after \(last) ms")
        }
        report.steps.append(
            DemoReport.Step(
                name: "sign up, provision", items: families.count, unit: "families", total: end - start,
                times: report.families.map(\.milliseconds), attempts: report.families.map(\.attempts).reduce(0, +),
                failures: report.families.map(\.failures).reduce(0, +),
                crashes: report.families.map(\.crashes).reduce(0, +), recoveryMilliseconds: recovery.first))
        return families
    }

    private struct SignUpRequest: Encodable {
        let slug: String
        let name: String
        let email: String

        private enum CodingKeys: String, CodingKey {
            case slug, name
            case email = "owner_email"
        }
    }

    private struct SignUpAnswer: Decodable {
        struct Family: Decodable { let id: FamilyID }
        struct Job: Decodable { let id: JobID }
        let family: Family
        let job: Job
    }

    private func signUpAll() async throws -> [SignedUp] {
        try await withThrowingTaskGroup(of: SignedUp.self) { group in
            for family in DemoFamily.all {
                group.addTask {
                    let answer = try await self.stage.client.post(
                        "/v1/families",
                        SignUpRequest(slug: family.slug, name: family.name, email: family.ownerEmail),
                        headers: ["idempotency-key": "demo-\(family.slug)"]
                    ).expecting(202)
                    let accepted = ContinuousClock.now
                    let made = try answer.decode(SignUpAnswer.self)
                    return SignedUp(
                        slug: family.slug, id: made.family.id, provisionJob: made.job.id, acceptedAt: accepted)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.slug < $1.slug }
        }
    }

    /// When each family was first seen as a trial, by slug.
    private func waitUntilOnTrial() async throws -> [String: ContinuousClock.Instant] {
        var ready: [String: ContinuousClock.Instant] = [:]
        let total = DemoFamily.all.count
        try await poll("\(total) families are on trial", within: Self.limit, every: .milliseconds(20)) {
            for family in try await self.stage.client.families()
            where family.status == "trial" && ready[family.slug] == nil {
                ready[family.slug] = .now
            }
            self.stage.screen.live(progressBar(ready.count, of: total) + " families have their database")
            return ready.count == total
        }
        return ready
    }
}
