// The bounds of a pool, with their defaults. Who keeps them is `PoolState`.

/// The bounds of a pool. A connection that is being opened counts.
public struct PostgresPoolLimits: Sendable, Hashable {
    /// Connections to one database (whatever the user).
    public var perDatabase: Int
    /// Connections to one server (host and port).
    public var perServer: Int
    /// Connections in all.
    public var total: Int
    /// Callers that may wait for one; the next is turned away with `poolExhausted`.
    public var waiters: Int
    /// How long a caller waits before `poolExhausted`.
    public var acquireTimeout: Duration
    /// How long a connection stays open unused.
    public var idleTimeout: Duration

    public init(
        perDatabase: Int = 8, perServer: Int = 64, total: Int = 128, waiters: Int = 10_000,
        acquireTimeout: Duration = .seconds(10), idleTimeout: Duration = .seconds(60)
    ) {
        precondition(perDatabase > 0 && perServer > 0 && total > 0 && waiters >= 0, "a pool's limits must be positive")
        self.perDatabase = perDatabase
        self.perServer = perServer
        self.total = total
        self.waiters = waiters
        self.acquireTimeout = acquireTimeout
        self.idleTimeout = idleTimeout
    }
}
