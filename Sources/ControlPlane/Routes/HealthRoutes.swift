// Probes. `/healthz`: this process answers; a failure means restart it. `/readyz`: what it needs is there; a failure
// means send it no traffic.

internal import Hummingbird
internal import JobQueue
internal import Logging
internal import Postgres
internal import Tenancy

struct HealthRoutes: Sendable {
    let stores: ControlPlaneStores
    let safety: RedisSafety

    /// How long one check may take. Shorter than probes usually wait.
    private static let checkTimeout: Duration = .seconds(2)

    func add(to router: Router<APIContext>) {
        router.get("/healthz") { _, _ in try Response.json(["status": "up"]) }
        router.get("/readyz") { _, context in
            let checks = await self.checks(context)
            // Without Redis, or with one that may throw jobs away, sign-ups, durable jobs and webhooks are still
            // accepted: taking the API out would lose them.
            let broken = checks.filter { $0.value != "ok" && $0.key != "redis" }.sorted { $0.key < $1.key }
            guard broken.isEmpty else {
                var problem = Problem(.notReady, broken.map { "\($0.key): \($0.value)" }.joined(separator: "; ") + ".")
                problem.checks = checks
                throw problem
            }
            return try Response.json(Readiness(status: checks["redis"] == "ok" ? "ready" : "degraded", checks: checks))
        }
    }

    private func checks(_ context: APIContext) async -> [String: String] {
        async let redis = self.check("redis", context) {
            try await self.safety.look()?.description
        }
        async let postgres = self.check("postgres", context) {
            try await self.stores.jobs.ledger.database.query("SELECT 1")
            return nil
        }
        async let migrations = self.check("migrations", context) { try await self.missingMigrations() }
        return await ["redis": redis, "postgres": postgres, "migrations": migrations]
    }

    /// A newer schema than this program's is ready: it is migrated before the programs are replaced.
    private func missingMigrations() async throws -> String? {
        let latest = self.stores.platformMigrations.latestVersion
        let rows: PostgresRows
        do {
            rows = try await self.stores.jobs.ledger.database.query(
                "SELECT COALESCE(max(version), 0) AS version FROM schema_migrations WHERE state = 'applied'")
        } catch let error as PostgresError where error.sqlState == .undefinedTable {
            return "the platform database was never migrated"
        }
        let version = try rows.first?.int("version") ?? 0
        return version >= latest ? nil : "the platform schema is at version \(version) of \(latest)"
    }

    /// - Parameter body: Returns what is wrong; nil when nothing is.
    private func check(
        _ name: String, _ context: APIContext, _ body: @escaping @Sendable () async throws -> String?
    ) async -> String {
        do {
            return try await withDeadline(Self.checkTimeout, body) ?? "ok"
        } catch {
            context.logger.warning("a readiness check failed", metadata: ["check": "\(name)", "error": "\(error)"])
            return "cannot be reached"
        }
    }
}

private struct Readiness: Encodable {
    let status: String
    let checks: [String: String]
}
