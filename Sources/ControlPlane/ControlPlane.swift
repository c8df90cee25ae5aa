// The HTTP API put together: stores in, a service out. Routes are in Routes/, what all of them share in HTTP/.
//
// Invariants:
// 1. Every answer that is not a success is a problem document with a request id, and tells nothing of the inside.
// 2. No request outlives `requestTimeout` by more than the stores need to hear a cancellation.
// 3. What is acknowledged is committed: a 2xx of a sign-up, an enqueue or a webhook is sent after the commit.

public import Hummingbird
internal import HummingbirdCore
public import JobQueue
public import Logging
internal import NIOCore
internal import Postgres
public import Telemetry
public import Tenancy

/// What the API works on. Values over pools that somebody else opens and closes.
public struct ControlPlaneStores: Sendable {
    public var jobs: JobQueueClient
    public var families: FamilyStore
    /// The platform's migrations: `/readyz` says whether all are applied.
    public var platformMigrations: MigrationSet
    /// What `/metrics` shows, and where requests are counted.
    public var metrics: PrometheusRegistry

    public init(
        jobs: JobQueueClient, families: FamilyStore, platformMigrations: MigrationSet, metrics: PrometheusRegistry
    ) {
        self.jobs = jobs
        self.families = families
        self.platformMigrations = platformMigrations
        self.metrics = metrics
    }
}

/// Makes the API. It listens while its `run()` runs, and stops gracefully with its service group.
///
/// - Parameter onRunning: Told the port once connections are accepted.
/// - Throws: `ControlPlaneConfiguration.Invalid`.
public func makeControlPlane(
    _ configuration: ControlPlaneConfiguration, stores: ControlPlaneStores, logger: Logger,
    onRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
) throws -> some ApplicationProtocol {
    try configuration.validate()
    let router = makeRouter(configuration, stores: stores, logger: logger)
    answerOtherMethods(of: router)
    return Application(
        responder: FrontDoor(
            inner: router.buildResponder(), timeout: configuration.requestTimeout,
            metrics: HTTPMetrics(registry: stores.metrics)),
        server: .http1(configuration: .init(idleTimeout: .seconds(60))),
        configuration: ApplicationConfiguration(
            address: .hostname(configuration.host, port: configuration.port), serverName: nil,
            availableConnectionsDelegate: MaximumAvailableConnections(configuration.connectionsMax)),
        onServerRunning: { channel in
            let port = channel.localAddress?.port ?? configuration.port
            logger.info("the API is listening", metadata: ["host": "\(configuration.host)", "port": "\(port)"])
            await onRunning(port)
        },
        logger: logger
    )
}

/// All routes, and nothing else: what the OpenAPI document has to describe.
package func makeRouter(
    _ configuration: ControlPlaneConfiguration, stores: ControlPlaneStores, logger: Logger
) -> Router<APIContext> {
    let router = Router(context: APIContext.self, options: [.autoGenerateHeadEndpoints])
    let safety = RedisSafety(index: stores.jobs.index, logger: logger)
    HealthRoutes(stores: stores, safety: safety).add(to: router)
    MetricsRoute(stores: stores, logger: logger).add(to: router)
    router.get("/openapi.json") { _, _ in
        Response(text: EmbeddedText.openapi, contentType: "application/json")
    }
    StripeRoute(database: stores.jobs.ledger.database, secrets: configuration.stripeSecrets).add(to: router)

    let guarded = router.group("/v1").add(middleware: BearerAuthentication(tokens: configuration.tokens))
    FamiliesRoutes(families: stores.families, signUpsAllowed: configuration.signUpsAllowed).add(to: guarded)
    JobsRoutes(jobs: stores.jobs, families: stores.families, safety: safety).add(to: guarded)
    JobBatchRoute(
        jobs: stores.jobs, families: stores.families, safety: safety, bodyBytesMax: configuration.bodyBytesMax
    ).add(to: guarded)
    QueuesRoutes(jobs: stores.jobs).add(to: guarded)
    DeadFastJobsRoutes(jobs: stores.jobs).add(to: guarded)
    WorkersRoute(ledger: stores.jobs.ledger).add(to: guarded)
    return router
}
