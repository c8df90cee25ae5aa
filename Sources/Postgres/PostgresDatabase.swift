// A database as the rest of the code passes it around: a pool and an address. It holds no connection.

/// A handle on one database.
public struct PostgresDatabase: Sendable {
    public let pool: PostgresPool
    /// By reference: a handle is copied with each job, and a configuration holds a dozen texts.
    private let address: Address

    private final class Address: Sendable {
        let configuration: PostgresConfiguration

        init(_ configuration: PostgresConfiguration) {
            self.configuration = configuration
        }
    }

    public var configuration: PostgresConfiguration { self.address.configuration }

    public init(pool: PostgresPool, configuration: PostgresConfiguration) {
        self.pool = pool
        self.address = Address(configuration)
    }

    /// Lends a connection; see `PostgresPool.withConnection`.
    @discardableResult
    public func withConnection<R: Sendable>(
        _ body: @Sendable (PostgresConnection) async throws -> R
    ) async throws -> R {
        try await pool.withConnection(to: configuration, body)
    }

    /// Runs one statement on some connection; see `PostgresConnection.query`. The timeout does not count the wait for
    /// a connection.
    @discardableResult
    public func query(
        _ sql: String, _ values: [PostgresValue] = [], timeout: Duration? = nil
    ) async throws -> PostgresRows {
        try await withConnection { try await $0.query(sql, values, timeout: timeout) }
    }

    /// Runs a script on some connection; see `PostgresConnection.execute`.
    public func execute(script: String, timeout: Duration? = nil) async throws {
        try await withConnection { try await $0.execute(script: script, timeout: timeout) }
    }

    /// Runs a transaction on some connection; see `PostgresConnection.transaction`.
    @discardableResult
    public func transaction<R: Sendable>(
        _ mode: TransactionMode = .readCommitted,
        _ body: @Sendable (PostgresConnection) async throws -> R
    ) async throws -> R {
        try await withConnection { try await $0.transaction(mode, body) }
    }
}
