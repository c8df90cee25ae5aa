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
        registry.add(FailHandler())
        registry.add(CrashHandler())
        registry.add(EffectHandler())
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

    func run(_ job: Sleep, context: JobContext) async throws -> NoResult {
        guard (0...3600).contains(job.seconds) else {
            throw JobFailure.discard("seconds must be 0 to 3600, is \(job.seconds)")
        }
        try await Task.sleep(for: .seconds(job.seconds))
        return NoResult()
    }
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
    func run(_ job: Crash, context: JobContext) async throws -> NoResult {
        if context.job.crashes < job.times {
            context.logger.critical("crashing, as asked", metadata: ["crash": "\(context.job.crashes + 1)"])
            // No clean-up of any kind, as when the kernel kills the process.
            kill(getpid(), SIGKILL)
        }
        return NoResult()
    }
}

/// `diagnostic.effect`: adds one row, with its job's id, to `diagnostic_effects` in the target's database.
struct Effect: AnyTargetJob {
    static let kind: JobKind = "diagnostic.effect"
    static let queue: QueueName = "diagnostics"
    var note: String?
}

struct EffectHandler: AnyTargetHandler {
    func run(_ job: Effect, context: JobContext) async throws -> NoResult {
        try await context.effect { transaction in
            try await transaction.query(
                "INSERT INTO diagnostic_effects (job_id, note) VALUES ($1::uuid, $2)",
                [.text(context.job.id.description), .text(job.note)])
            return NoResult()
        }
    }
}
