// The kinds of the plugin Diagnostics, and a worker's start and stop under them.

internal import JobModel
internal import JobQueue
internal import Postgres
internal import QueueTestSupport

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

extension CrashScenario {
    static let diagnostics: [CrashScenario] = [
        plain("diagnostic.noop"),
        plain("diagnostic.sleep", #"{"seconds": 0.05}"#),
        plain("diagnostic.fail", #"{"times": 1}"#, failures: 1),
        plain("diagnostic.fail", "for good", #"{"permanent": true}"#, state: .dead, failures: 1),
        plain("diagnostic.crash", #"{"times": 1}"#),
        effect(onFamily: false), effect(onFamily: true),
        steps(onFamily: false), steps(onFamily: true),
        fast("diagnostic.fast_noop"),
        fast("diagnostic.fast_sleep", #"{"seconds": 0.05}"#),
        fast("diagnostic.fast_crash", #"{"times": 1}"#),
        fastEffect(onFamily: false), fastEffect(onFamily: true),
    ]

    /// A worker's first and last requests.
    static let lives: [CrashScenario] = [
        CrashScenario(kind: "worker.start") { stack, arm in
            arm()
            stack.killWorker()
            let id = try await stack.enqueue("diagnostic.effect")
            return CrashSubject(durable: [id: .succeeded], check: { try await $0.oneEffect(of: id) })
        },
        CrashScenario(kind: "worker.stop", variant: "hurried") { stack, arm in
            let id = try await stack.enqueue("diagnostic.effect", #"{"seconds": 1.5}"#)
            let fast = try await stack.enqueue("diagnostic.fast_effect", #"{"seconds": 1.5}"#)
            try await stack.queue.wait(for: id, toBe: .running)
            arm()
            stack.signalWorker(SIGTERM)()
            stack.signalWorker(SIGINT)()
            return CrashSubject(
                durable: [id: .succeeded], fast: [fast],
                check: { try await $0.oneEffect(of: id) + $0.oneEffect(of: fast) })
        },
    ]

    /// A durable job without an effect.
    private static func plain(
        _ kind: JobKind, _ variant: String = "", _ payload: String = "{}", state: JobState = .succeeded,
        failures: Int = 0
    ) -> CrashScenario {
        CrashScenario(kind: kind.rawValue, variant: variant) { stack, arm in
            arm()
            let id = try await stack.enqueue(kind, payload)
            return CrashSubject(
                durable: [id: state],
                check: { stack in
                    try await stack.expect(
                        failures...failures, "failures counted", "I5", "SELECT failures FROM jobs WHERE id = $1::uuid",
                        [.text(id.description)])
                        + stack.expect(
                            0...0, "rows of a job without an effect", "I2",
                            "SELECT count(*) FROM diagnostic_effects WHERE job_id = $1::uuid", [.text(id.description)])
                })
        }
    }

    private static func plain(_ kind: JobKind, _ payload: String, failures: Int = 0) -> CrashScenario {
        Self.plain(kind, "", payload, failures: failures)
    }

    private static func effect(onFamily: Bool) -> CrashScenario {
        CrashScenario(kind: "diagnostic.effect", variant: onFamily ? "on a family" : "") { stack, arm in
            let family = onFamily ? try await stack.sharedFamily() : nil
            arm()
            let id = try await stack.enqueue("diagnostic.effect", family: family?.id)
            return CrashSubject(durable: [id: .succeeded], check: { try await $0.oneEffect(of: id, family) })
        }
    }

    private static func fast(_ kind: JobKind, _ payload: String = "{}") -> CrashScenario {
        CrashScenario(kind: kind.rawValue) { stack, arm in
            arm()
            return CrashSubject(fast: [try await stack.enqueue(kind, payload)])
        }
    }

    private static func fastEffect(onFamily: Bool) -> CrashScenario {
        CrashScenario(kind: "diagnostic.fast_effect", variant: onFamily ? "on a family" : "") { stack, arm in
            let family = onFamily ? try await stack.sharedFamily() : nil
            arm()
            let id = try await stack.enqueue("diagnostic.fast_effect", family: family?.id)
            return CrashSubject(fast: [id], check: { try await $0.oneEffect(of: id, family) })
        }
    }

    private static func steps(onFamily: Bool) -> CrashScenario {
        CrashScenario(kind: "diagnostic.steps", variant: onFamily ? "on a family" : "") { stack, arm in
            let family = onFamily ? try await stack.sharedFamily() : nil
            arm()
            let id = try await stack.enqueue("diagnostic.steps", #"{"steps": 3}"#, family: family?.id)
            return CrashSubject(durable: [id: .succeeded], check: { try await $0.stepsInOrder(of: id, family) })
        }
    }
}

extension CrashStack {
    private func target(_ family: CrashFamily?) throws -> PostgresDatabase {
        if let family { return try self.database(family.databaseName) }
        return self.queue.platform
    }

    /// I3: exactly one.
    func oneEffect(of job: JobID, _ family: CrashFamily? = nil) async throws -> [Violation] {
        let count = try await self.effects(of: job, in: self.target(family))
        return count == 1 ? [] : [Violation(invariant: "I3", what: "job \(job) has \(count) effects, not 1")]
    }

    /// I3 of `diagnostic.steps`: the last row names a row of each step; a step whose successor has begun was kept, and
    /// is not run again.
    fileprivate func stepsInOrder(of job: JobID, _ family: CrashFamily?) async throws -> [Violation] {
        let rows = try await self.target(family).query(
            "SELECT note FROM diagnostic_effects WHERE job_id = $1::uuid ORDER BY id", [.text(job.description)])
        let notes = try rows.map { try $0.string(at: 0).split(separator: " ").map(String.init) }
        guard let done = notes.last, done.first == "done", done.count == 4,
            notes.filter({ $0.first == "done" }).count == 1
        else { return [Violation(invariant: "I3", what: "job \(job) left \(notes), which does not end in one `done`")] }
        let steps = notes.dropLast().compactMap { $0.count == 3 ? Int($0[1]) : nil }
        if steps != steps.sorted() {
            return [Violation(invariant: "I3", what: "job \(job) ran a completed step again: \(steps)")]
        }
        // Of each step the last row is the one that was kept.
        let kept = (1...3).map { step in notes.last { $0.count == 3 && $0[1] == "\(step)" }?.last }
        return kept == done.dropFirst().map { $0 }
            ? [] : [Violation(invariant: "I3", what: "job \(job) used results of steps that were not kept: \(notes)")]
    }
}
