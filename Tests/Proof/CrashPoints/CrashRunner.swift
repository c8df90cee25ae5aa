// Runs scenarios on a stack: once to learn the points, then with a fault each, and judges every run from outside.

internal import JobModel
internal import Postgres
internal import QueueTestSupport
internal import TestSupport

/// What a run showed.
enum CrashOutcome: Sendable {
    case held
    /// The request did not come this time.
    case notReached
    case violated([Violation])
}

struct CrashRunner: Sendable {
    let stack: CrashStack

    /// How long an acknowledged job may take to its end, with all faults healed.
    private static let endLimit = Duration.seconds(60)
    /// How long the stores may take to agree afterwards: a reconciler's turn is 30 s, a lease 3 s.
    private static let restLimit = Duration.seconds(45)

    /// The points of a scenario, in the order of their first coming.
    func points(of scenario: CrashScenario) async throws -> [CrashPoint] {
        let trial = CrashTrial(point: nil, mode: .pass, kill: self.stack.killWorker)
        let outcome = try await self.run(scenario, trial)
        if case .violated(let violations) = outcome {
            throw ProofFailure("\(scenario.name) without any fault: \(violations)")
        }
        return trial.passed.filter { !$0.isRepetition }
    }

    func run(_ scenario: CrashScenario, _ point: CrashPoint, _ mode: Verdict) async throws -> CrashOutcome {
        try await self.run(scenario, CrashTrial(point: point, mode: mode, kill: self.stack.killWorker))
    }

    private func run(_ scenario: CrashScenario, _ trial: CrashTrial) async throws -> CrashOutcome {
        await self.stack.proxy.setJudge(trial)
        try await self.stack.waitForWorker()
        try await eventually("the worker is quiet", within: .seconds(60)) { trial.isQuiet }
        let subject = try await scenario.begin(self.stack) { trial.arm() }
        guard try await self.end(subject) else { return .violated(try await self.unended(subject)) }
        if trial.point == nil {
            // The acknowledgement goes with the next look for work, and counters are told every second.
            try await Task.sleep(for: .milliseconds(1200))
        } else {
            // A heartbeat's or a look's time may come after the job's end.
            let isByTheClock = trial.point.map { CrashPoint.isBackground($0.request) } ?? false
            try await self.tolerate {
                try await eventually("the fault", within: .milliseconds(isByTheClock ? 3000 : 500)) { trial.hasFired }
            }
        }
        trial.disarm()
        try await self.stack.waitForWorker()
        // The fault may have come after the end as it seemed then.
        guard try await self.end(subject) else { return .violated(try await self.unended(subject)) }
        var violations = try await self.wrongEnds(subject)
        violations += try await subject.check(self.stack)
        violations += try await self.stack.oracle.always()
        violations += try await self.rest()
        try await subject.cleanUp(self.stack)
        if !violations.isEmpty { return .violated(violations) }
        return trial.point == nil || trial.hasFired ? .held : .notReached
    }

    private func tolerate(_ body: () async throws -> Void) async throws {
        do { try await body() } catch is TimeLimitExceeded {}
    }

    /// Waits until all jobs have ended. - Returns: Whether they have, within the limit.
    private func end(_ subject: CrashSubject) async throws -> Bool {
        do {
            try await eventually("all jobs have ended", within: Self.endLimit) {
                // Redis is read key by key: a job that moved meanwhile may have been nowhere once, hardly twice.
                guard try await self.hasEnded(subject), try await self.hasEnded(subject) else { return false }
                try await Task.sleep(for: .milliseconds(20))
                return try await self.hasEnded(subject)
            }
            return true
        } catch is TimeLimitExceeded {
            return false
        }
    }

    private func hasEnded(_ subject: CrashSubject) async throws -> Bool {
        for id in subject.durable.keys {
            let rows = try await self.stack.queue.platform.query(
                "SELECT count(*) FROM jobs WHERE id = $1::uuid AND state IN ('succeeded', 'dead', 'cancelled')",
                [.text(id.description)])
            guard try rows[0].int(at: 0) == 1 else { return false }
        }
        guard !subject.fast.isEmpty else { return true }
        let places = try await RedisPlaces.read(self.stack.queue.redis, namespace: self.stack.oracle.namespace)
        return subject.fast.allSatisfy { !places.fastOpen.contains($0.description) }
    }

    /// I1 and I8: what has not ended.
    private func unended(_ subject: CrashSubject) async throws -> [Violation] {
        let rows = try await self.stack.queue.platform.query(
            "SELECT id::text || ' is ' || state || ' ' || to_jsonb(jobs)::text FROM jobs WHERE id = ANY ($1::uuid[])",
            [.array(subject.durable.keys.map(\.description))])
        let states = try rows.map { try $0.string(at: 0) }
        let what = "not ended within \(Self.endLimit): \(states), fast \(subject.fast)"
        return [Violation(invariant: "I8", what: what)] + (try await self.stack.oracle.atRest())
    }

    /// Jobs that ended otherwise than they should.
    private func wrongEnds(_ subject: CrashSubject) async throws -> [Violation] {
        var found: [Violation] = []
        for (id, state) in subject.durable {
            let rows = try await self.stack.queue.platform.query(
                "SELECT state || ' ' || COALESCE(reason, '') FROM jobs WHERE id = $1::uuid", [.text(id.description)])
            let actual = try rows[0].string(at: 0)
            if !actual.hasPrefix(state.rawValue) {
                found.append(Violation(invariant: "I7", what: "job \(id) is \(actual), not \(state)"))
            }
        }
        let places = try await RedisPlaces.read(self.stack.queue.redis, namespace: self.stack.oracle.namespace)
        for id in subject.fast where places.fastDead.contains(id.description) {
            found.append(Violation(invariant: "I7", what: "fast job \(id) is dead"))
        }
        return found
    }

    /// What is wrong at rest: nothing as soon as nothing is, else what is left when the limit is over.
    private func rest() async throws -> [Violation] {
        var found: [Violation] = []
        try await self.tolerate {
            try await eventually("the stores agree", within: Self.restLimit) {
                found = try await self.stack.oracle.atRest()
                return found.isEmpty
            }
        }
        return found
    }
}
