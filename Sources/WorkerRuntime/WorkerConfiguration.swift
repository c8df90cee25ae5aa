// Settings of a worker process, with their defaults and their rules.

public import JobModel
public import JobQueue
public import WorkerKit

/// How a worker process behaves.
public struct WorkerConfiguration: Sendable {
    /// The queues to claim from; empty: those of the registered kinds.
    public var queues: [QueueName]
    /// How many handlers run at once. 1 to 10,000.
    public var concurrency: Int
    /// A session that has not beaten for this long is dead, and its jobs are others'. 3 to 600 s.
    public var lease: Duration
    /// How often it beats, to each store; at most a third of the lease. Unless told: a fifth, at most 2 s.
    public var beat: Duration
    /// How long a stopping worker lets its handlers go on before it cancels them and gives their jobs back.
    public var grace: Duration
    /// How long a cancelled handler has to return before it is abandoned (fenced, counted, logged).
    public var cancellationGrace: Duration
    /// How often the caretaker compares the ledger with Redis.
    public var reconcileEvery: Duration
    /// What it does with jobs that were aboard too many crashes.
    public var quarantine: QuarantineRole
    /// Named in `workers list`.
    public var version: String
    /// Names the process, so that its supervisor can end whatever session it is in when it dies.
    public var worker: WorkerID

    public init(
        queues: [QueueName] = [], concurrency: Int = 32, lease: Duration = .seconds(10), beat: Duration? = nil,
        grace: Duration = .seconds(25), cancellationGrace: Duration = .seconds(5),
        reconcileEvery: Duration = .seconds(30), quarantine: QuarantineRole = .alone, version: String = "unknown",
        worker: WorkerID = .mint()
    ) {
        self.queues = queues
        self.concurrency = concurrency
        self.lease = lease
        self.beat = beat ?? Self.beat(within: lease)
        self.grace = grace
        self.cancellationGrace = cancellationGrace
        self.reconcileEvery = reconcileEvery
        self.quarantine = quarantine
        self.version = version
        self.worker = worker
    }

    /// Five beats a lease, and no more of them than one in two seconds: each is seven commands to Redis.
    static func beat(within lease: Duration) -> Duration { min(.seconds(2), lease / 5) }

    /// Where a worker with these handlers claims. The default queue always, unless told otherwise: kinds that no worker
    /// knows wait there to be parked.
    public func queues(for registry: HandlerRegistry) -> [QueueName] {
        self.queues.isEmpty ? Set(registry.queues + [.default]).sorted() : self.queues
    }

    /// How long handlers that were cut short, and then their outcomes, are waited for.
    var endingLimit: Duration { self.cancellationGrace + .seconds(5) }

    /// How long a drained session may take to say so to both stores.
    static let farewellLimit: Duration = .seconds(10)

    /// The longest that a worker drains: its grace, its handlers' ends, their outcomes, its farewell. A supervisor
    /// kills no child sooner.
    public var longestDrain: Duration { self.grace + self.longestHurry }

    /// The same of a worker that hurries.
    public var longestHurry: Duration { self.endingLimit * 2 + Self.farewellLimit + .seconds(1) }

    /// - Throws: `InvalidSetting` naming the field and the rule.
    public func validate() throws(InvalidSetting) {
        guard (1...10_000).contains(self.concurrency) else {
            throw InvalidSetting(field: "concurrency", rule: "must be 1 to 10000, is \(self.concurrency)")
        }
        guard self.lease >= .seconds(3), self.lease <= .seconds(600) else {
            throw InvalidSetting(field: "lease", rule: "must be 3 to 600 seconds, is \(self.lease)")
        }
        guard self.beat > .zero, self.beat * 3 <= self.lease else {
            throw InvalidSetting(field: "beat", rule: "must be at most a third of the lease, is \(self.beat)")
        }
        guard self.grace >= .zero, self.cancellationGrace >= .zero else {
            throw InvalidSetting(field: "grace", rule: "must not be negative")
        }
    }
}

/// A setting that breaks a rule.
public struct InvalidSetting: Error, Sendable, Hashable, CustomStringConvertible {
    public let field: String
    public let rule: String

    public init(field: String, rule: String) {
        self.field = field
        self.rule = rule
    }

    public var description: String { "\(self.field) \(self.rule)" }
}
