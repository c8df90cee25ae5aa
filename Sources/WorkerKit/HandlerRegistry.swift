// The kinds that a worker process can run. Handlers lose their types here, once, so that the runtime moves bytes:
// payload JSON in, result JSON out.

public import JobModel
public import JobQueue
public import Postgres

/// A handler without its types. A reference: each attempt passes it on.
public final class RegisteredHandler: Sendable {
    public let kind: JobKind
    public let queue: QueueName
    public let durability: Durability
    public let targets: TargetRule
    public let retryPolicy: RetryPolicy
    public let payloadVersion: Int
    public let payloadSchema: String?
    public let timeout: Duration
    public let requiredSchemaVersion: Int

    /// Runs one attempt: payload JSON in, result JSON out.
    ///
    /// - Throws: `UndecodablePayload`, or what the handler throws.
    public let run: @Sendable (_ payload: [UInt8], _ context: JobContext) async throws -> [UInt8]

    fileprivate init<Job: JobDeclaration>(
        _ job: Job.Type, _ settings: some HandlerSettings, targets: TargetRule,
        run: @escaping @Sendable ([UInt8], JobContext) async throws -> [UInt8]
    ) {
        self.kind = Job.kind
        self.queue = Job.queue
        self.durability = Job.durability
        self.targets = targets
        self.retryPolicy = Job.retryPolicy
        self.payloadVersion = Job.payloadVersion
        self.payloadSchema = Job.payloadSchema
        self.timeout = settings.timeout
        self.requiredSchemaVersion = settings.requiredSchemaVersion
        self.run = run
    }
}

/// The payload is not of the kind's shape; the job is dead at once, its payload kept.
public struct UndecodablePayload: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ underlying: any Error) {
        self.description = "payload does not decode: \(PayloadSchema.explain(underlying))"
    }
}

/// What the plugins registered.
public struct HandlerRegistry: Sendable {
    public private(set) var handlers: [JobKind: RegisteredHandler] = [:]

    public init(plugins: [any WorkerPlugin] = []) {
        for plugin in plugins { plugin.register(in: &self) }
    }

    public var kinds: [JobKind] { self.handlers.keys.sorted() }
    public var queues: [QueueName] { Set(self.handlers.values.map(\.queue)).sorted() }

    public mutating func add(_ handler: some PlatformHandler) {
        self.insert(handler, targets: .platform) { job, context in try await handler.run(job, context: context) }
    }

    public mutating func add(_ handler: some AnyTargetHandler) {
        self.insert(handler, targets: .either) { job, context in try await handler.run(job, context: context) }
    }

    public mutating func add(_ handler: some FamilyHandler) {
        self.insert(handler, targets: .family) { job, context in
            guard let family = context.target.family else {
                throw JobFailure.discard("the job's kind needs a family, and the job has none")
            }
            return try await handler.run(job, for: family, context: context)
        }
    }

    private mutating func insert<Job: JobDeclaration, Output: Codable & Sendable>(
        _ settings: some HandlerSettings, targets: TargetRule,
        run: @escaping @Sendable (Job, JobContext) async throws -> Output
    ) {
        let kind = Job.kind
        precondition(self.handlers[kind] == nil, "kind \(kind) is registered twice")
        self.handlers[kind] = RegisteredHandler(Job.self, settings, targets: targets) { payload, context in
            let job: Job
            do {
                job = try JSONText.decode(Job.self, from: payload)
            } catch {
                throw UndecodablePayload(error)
            }
            let output = try await run(job, context)
            return Output.self == NoResult.self ? NoResult.json : try JSONText.encode(output)
        }
    }
}

/// Finds the database of a family. The queue does not know families: whoever does, gives this to the runtime.
public protocol FamilyDatabaseProvider: Sendable {
    /// A handle on the family's database.
    ///
    /// - Throws: `JobFailure.notReady` when the family is not provisioned, is frozen, or its schema is older than
    ///   `minimumSchemaVersion`; `JobFailure.familyGone` when it was removed; transport errors as they are.
    func database(of family: FamilyID, minimumSchemaVersion: Int) async throws -> PostgresDatabase
}
