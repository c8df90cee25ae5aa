// A PostgreSQL server of the fleet, and the sessions in which its databases are made and changed.

public import JobModel
public import Logging
public import Postgres
public import WorkerKit

/// One row of `database_servers`, with its secret opened.
public struct DatabaseServer: Sendable {
    public let id: UUIDBytes
    public let name: String
    public let host: String
    public let port: Int
    /// Its administrator, connected to the database that CREATE DATABASE is said from.
    public let administration: PostgresConfiguration

    /// The administrator's way into one of its databases.
    public func administration(of database: String) -> PostgresConfiguration {
        var configuration = self.administration
        configuration.database = database
        return configuration
    }

    /// Lends a session of the administrator to one attempt of a job; whatever earlier attempts left running is ended
    /// first. Not from the pool: a session's locks and name must end with it, and it is held beside pooled connections.
    ///
    /// - Parameter database: nil: the one that CREATE DATABASE is said from.
    public func withAdministration<Value: Sendable>(
        of database: String? = nil, for job: JobInfo, logger: Logger,
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        var configuration = database.map { self.administration(of: $0) } ?? self.administration
        configuration.applicationName = "job \(job.id) \(job.epoch)"
        let connection = try await PostgresConnection.connect(configuration, logger: logger)
        let value: Value
        do {
            let rows = try await connection.query(
                EmbeddedText.terminatePredecessors, [.text(job.id.description), .int(job.epoch)])
            if let ended = try rows.first?.int("ended"), ended > 0 {
                logger.notice("ended sessions of an earlier attempt", metadata: ["sessions": "\(ended)"])
            }
            value = try await body(connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        return value
    }
}
