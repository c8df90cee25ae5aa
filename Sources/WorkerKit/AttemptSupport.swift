// What the runtime does for a context. A seam for the runtime and for tests of handlers, not for plugin authors.

public import JobQueue
public import Postgres

/// The runtime's side of one attempt.
public protocol AttemptSupport: Sendable {
    /// Runs `body` in a transaction that commits with the job's settlement (platform) or its inbox row (family).
    ///
    /// - Returns: The value's JSON; the stored one if the effect had happened before.
    /// - Throws: `Fenced`, or what `body` throws.
    func effect(
        on place: EffectPlace,
        _ body: @escaping @Sendable (PostgresConnection, (any TransactionEnqueuer)?) async throws -> [UInt8]
    ) async throws -> [UInt8]

    /// The recorded value of a completed step, as JSON; nil when it is still to be done.
    func completedStep(_ name: String) async throws -> [UInt8]?

    /// Records a step. - Throws: `Fenced`.
    func completeStep(_ name: String, result: [UInt8]) async throws

    func report(_ progress: JobProgress)
}
