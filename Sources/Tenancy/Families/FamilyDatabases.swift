// Family id → its database, as its application role, through the process's one pool. Keeps routes for a short while, so
// that a worker at full speed does not ask the platform's database at each job.
//
// A route that was kept may be a few seconds old: a family that was moved or removed is then refused by PostgreSQL, and
// the job comes again. A schema that is too old, or a family not ready, is never taken from what was kept.

public import JobModel
public import Postgres
internal import Synchronization
public import WorkerKit

/// Finds family databases for the runtime.
public final class FamilyDatabases: FamilyDatabaseProvider {
    private struct Route: Sendable {
        let configuration: PostgresConfiguration
        let schemaVersion: Int
        let readAt: ContinuousClock.Instant
    }

    private let platform: PostgresDatabase
    private let secrets: SecretBox
    private let timeToLive: Duration
    private let routes = Mutex<[FamilyID: Route]>([:])

    /// How many routes are kept; when there are more, all are forgotten.
    private static let routesMax = 10_000

    /// - Parameter timeToLive: How long a route is used without asking again.
    public init(platform: PostgresDatabase, secrets: SecretBox, timeToLive: Duration = .seconds(5)) {
        self.platform = platform
        self.secrets = secrets
        self.timeToLive = timeToLive
    }

    /// A handle on a family's database, as its application role.
    ///
    /// - Throws: `JobFailure.notReady(.familyNotReady)` while it is provisioned, `.notReady(.schemaTooOld)`,
    ///   `.familyGone` when there is none, it was deleted, or it is cancelled and its database is no more;
    ///   `TenancyError(.secret)`; `PostgresError` of the platform's database.
    public func database(of family: FamilyID, minimumSchemaVersion: Int) async throws -> PostgresDatabase {
        let now = ContinuousClock.now
        if let route = self.routes.withLock({ $0[family] }), now < route.readAt + self.timeToLive,
            route.schemaVersion >= minimumSchemaVersion
        {
            return PostgresDatabase(pool: self.platform.pool, configuration: route.configuration)
        }
        let route = try await self.read(family, at: now)
        self.routes.withLock { routes in
            if routes.count >= Self.routesMax { routes.removeAll(keepingCapacity: true) }
            routes[family] = route
        }
        guard route.schemaVersion >= minimumSchemaVersion else {
            throw JobFailure.notReady(
                .schemaTooOld,
                "the family's schema is at version \(route.schemaVersion), the handler needs \(minimumSchemaVersion)")
        }
        return PostgresDatabase(pool: self.platform.pool, configuration: route.configuration)
    }

    /// Forgets a family's route: it is about to change.
    public func forget(_ family: FamilyID) { _ = self.routes.withLock { $0.removeValue(forKey: family) } }

    private func read(_ family: FamilyID, at now: ContinuousClock.Instant) async throws -> Route {
        let rows = try await self.platform.query(EmbeddedText.familyRoute, [.text(family.description)])
        guard let row = rows.first, try !row.bool("deleted") else {
            throw JobFailure.familyGone("there is no family \(family)")
        }
        let status = try row.string("status")
        guard let host = try row.optionalString("db_host"), let port = try row.optionalInt("db_port"),
            let name = try row.optionalString("db_name"), let user = try row.optionalString("db_user"),
            let sealed = try row.optionalString("db_password_encrypted"), status != FamilyStatus.provisioning.rawValue
        else {
            if status == FamilyStatus.cancelled.rawValue {
                throw JobFailure.familyGone("family \(family) is cancelled and has no database")
            }
            throw JobFailure.notReady(.familyNotReady, "family \(family) is still being provisioned")
        }
        var configuration = self.platform.configuration
        configuration.host = host
        configuration.port = port
        configuration.database = name
        configuration.user = user
        configuration.password = try self.secrets.open(
            sealed, owner: family.uuid, purpose: .familyDatabasePassword)
        return Route(
            configuration: configuration, schemaVersion: try row.optionalInt("schema_version") ?? 0, readAt: now)
    }
}
