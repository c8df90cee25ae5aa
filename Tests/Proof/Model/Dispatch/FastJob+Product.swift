// The model's fast jobs as the product's values.

internal import JobModel
internal import JobQueue

/// Jobs of the first queue. The model knows the kind's name and its payload by these.
struct AlphaJob: AnyTargetJob {
    static let kind: JobKind = "a"
    static let queue: QueueName = "alpha"
    static let durability: Durability = .fast
    var n: Int
}

/// Jobs of the second.
struct BetaJob: AnyTargetJob {
    static let kind: JobKind = "b"
    static let queue: QueueName = "beta"
    static let durability: Durability = .fast
    var n: Int
}

extension FastRequest {
    /// As a caller enqueues it.
    func request(_ queue: Int) throws -> JobRequest {
        var options = EnqueueOptions(priority: self.job.priority, maxAttempts: self.job.maxAttempts)
        options.delay = self.delay.map { .milliseconds($0) }
        switch self.key {
        case .none: break
        case .text(let text): options.idempotencyKey = text
        case .id: options.id = self.job.id
        }
        let n = Int(String(decoding: self.job.payload.dropFirst(5).dropLast(), as: UTF8.self)) ?? 0
        let target = JobTarget(family: self.job.family)
        return queue == 0
            ? try JobRequest(AlphaJob(n: n), target: target, options: options)
            : try JobRequest(BetaJob(n: n), target: target, options: options)
    }
}

extension SettledFastJob {
    /// As a worker settles it: the entry that it claimed, its counts as they are now.
    func attempt() throws -> SettledFast {
        let entry = try FastEntry(bytes: self.job.bytes)
        switch self.outcome {
        case .acknowledged: return .acknowledged(entry.id)
        case .givenBack: return .givenBack(entry)
        case .again(let delay): return .again(entry, after: .milliseconds(delay))
        case .dead(let reason): return .dead(entry, reason, nil)
        }
    }
}
