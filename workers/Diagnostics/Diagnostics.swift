// Jobs that do nothing useful, on purpose: for smoke tests, benchmarks and drills. Linked in, off unless a flag turns
// the plugin on; each kind runs on the platform or on a family.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres
public import WorkerKit

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Registers the `diagnostic.*` kinds.
public struct DiagnosticsPlugin: WorkerPlugin {
    public let name = "Diagnostics"

    public init() {}

    public func register(in registry: inout HandlerRegistry) {
        registry.add(NoopHandler())
        registry.add(FastNoopHandler())
        registry.add(SleepHandler())
        registry.add(FastSleepHandler())
        registry.add(FailHandler())
        registry.add(CrashHandler())
        registry.add(FastCrashHandler())
        registry.add(EffectHandler())
        registry.add(FastEffectHandler())
        registry.add(StepsHandler())
    }
}

/// `diagnostic.noop`: succeeds.
struct Noop: AnyTargetJob {
    static let kind: JobKind = "diagnostic.noop"
    static let queue: QueueName = "diagnostics"
}

struct NoopHandler: AnyTargetHandler {
    func run(_ job: Noop, context: JobContext) async throws -> NoResult { NoResult() }
}

/// `diagnostic.fast_noop`: succeeds; a fast kind.
struct FastNoop: AnyTargetJob {
    static let kind: JobKind = "diagnostic.fast_noop"
    static let queue: QueueName = "diagnostics"
    static let durability: Durability = .fast
}

struct FastNoopHandler: AnyTargetHandler {
    func run(_ job: FastNoop, context: JobContext) async throws -> NoResult { NoResult() }
}

/// `diagnostic.sleep`: succeeds after `seconds`, unless it is cancelled.
struct Sleep: AnyTargetJob {
    static let kind: JobKind = "diagnostic.sleep"
    static let queue: QueueName = "diagnostics"
    var seconds: Double
}

struct SleepHandler: AnyTargetHandler {
    let timeout: Duration = .seconds(3600)

    func run(_ job: Sleep, context: JobContext) async throws -> NoResult { try await sleep(seconds: job.seconds) }
}

/// `diagnostic.fast_sleep`: the same; a fast kind.
struct FastSleep: AnyTargetJob {
    static let kind: JobKind = "diagnostic.fast_sleep"
    static let queue: QueueName = "diagnostics"
    static let durability: Durability = .fast
    var seconds: Double
}

struct FastSleepHandler: AnyTargetHandler {
    let timeout: Duration = .seconds(3600)

    func run(_ job: FastSleep, context: JobContext) async throws -> NoResult { try await sleep(seconds: job.seconds) }
}

private func sleep(seconds: Double) async throws -> NoResult {
    guard (0...3600).contains(seconds) else {
        throw JobFailure.discard("seconds must be 0 to 3600, is \(seconds)")
    }
    try await Task.sleep(for: .seconds(seconds))
    return NoResult()
}

/// `diagnostic.fail`: fails the first `times` times, then succeeds; `permanent`: is dead at the first.
struct Fail: AnyTargetJob {
    static let kind: JobKind = "diagnostic.fail"
    static let queue: QueueName = "diagnostics"
    static let retryPolicy = RetryPolicy(maxAttempts: 5, baseDelay: .milliseconds(200), maxDelay: .seconds(5))
    var times: Int?
    var permanent: Bool?
}

struct FailHandler: AnyTargetHandler {
    func run(_ job: Fail, context: JobContext) async throws -> NoResult {
        if job.permanent == true { throw JobFailure.discard("failing for good, as asked") }
        let times = job.times ?? 1
        guard context.job.failures >= times else {
            throw JobFailure.retry("failing \(context.job.failures + 1) of \(times) times, as asked")
        }
        return NoResult()
    }
}

/// `diagnostic.crash`: kills its process the first `times` times, then succeeds.
struct Crash: AnyTargetJob {
    static let kind: JobKind = "diagnostic.crash"
    static let queue: QueueName = "diagnostics"
    var times: Int
}

struct CrashHandler: AnyTargetHandler {
    func run(_ job: Crash, context: JobContext) async throws -> NoResult { crash(context, times: job.times) }
}

/// `diagnostic.fast_crash`: the same; a fast kind.
struct FastCrash: AnyTargetJob {
    static let kind: JobKind = "diagnostic.fast_crash"
    static let queue: QueueName = "diagnostics"
    static let durability: Durability = .fast
    var times: Int
}

struct FastCrashHandler: AnyTargetHandler {
    func run(_ job: FastCrash, context: JobContext) async throws -> NoResult { crash(context, times: job.times) }
}

private func crash(_ context: JobContext, times: Int) -> NoResult {
    if context.job.crashes < times {
        context.logger.critical("crashing, as asked", metadata: ["crash": "\(context.job.crashes + 1)"])
        // No clean-up of any kind, as when the kernel kills the process.
        kill(getpid(), SIGKILL)
    }
    return NoResult()
}

/// `diagnostic.effect`: adds one row, with its job's id, to `diagnostic_effects` in the target's database; after
/// `seconds`, if they are given.
struct Effect: AnyTargetJob {
    static let kind: JobKind = "diagnostic.effect"
    static let queue: QueueName = "diagnostics"
    var note: String?
    var seconds: Double?
}

struct EffectHandler: AnyTargetHandler {
    func run(_ job: Effect, context: JobContext) async throws -> NoResult {
        try await note(job.note, after: job.seconds, context)
    }
}

/// `diagnostic.fast_effect`: the same; a fast kind.
struct FastEffect: AnyTargetJob {
    static let kind: JobKind = "diagnostic.fast_effect"
    static let queue: QueueName = "diagnostics"
    static let durability: Durability = .fast
    var note: String?
    var seconds: Double?
}

struct FastEffectHandler: AnyTargetHandler {
    func run(_ job: FastEffect, context: JobContext) async throws -> NoResult {
        try await note(job.note, after: job.seconds, context)
    }
}

private func note(_ note: String?, after seconds: Double?, _ context: JobContext) async throws -> NoResult {
    if let seconds { _ = try await sleep(seconds: seconds) }
    return try await context.effect { transaction in
        try await transaction.query(insertEffect, [.text(context.job.id.description), .text(note)])
        return NoResult()
    }
}

private let insertEffect = "INSERT INTO diagnostic_effects (job_id, note) VALUES ($1::uuid, $2)"

/// `diagnostic.steps`: in each of `steps` steps adds a row to `diagnostic_effects`, outside of any transaction, its
/// note `step <n> <mark>` with a mark of the step's own; then, as its effect, a row `done <mark> <mark> …` of the marks
/// that the steps returned. A step that was cut short may leave more than one row; a completed one is not run again.
struct Steps: AnyTargetJob {
    static let kind: JobKind = "diagnostic.steps"
    static let queue: QueueName = "diagnostics"
    var steps: Int
}

struct StepsHandler: AnyTargetHandler {
    func run(_ job: Steps, context: JobContext) async throws -> NoResult {
        guard (1...100).contains(job.steps) else {
            throw JobFailure.discard("steps must be 1 to 100, is \(job.steps)")
        }
        let id = PostgresValue.text(context.job.id.description)
        var marks: [String] = []
        for step in 1...job.steps {
            marks.append(
                try await context.step("step \(step)") {
                    let mark = String(UInt64.random(in: .min ... .max), radix: 36)
                    try await context.database.query(insertEffect, [id, .text("step \(step) \(mark)")])
                    return mark
                })
            context.progress(step, of: job.steps)
        }
        let note = "done " + marks.joined(separator: " ")
        return try await context.effect { transaction in
            try await transaction.query(insertEffect, [id, .text(note)])
            return NoResult()
        }
    }
}
