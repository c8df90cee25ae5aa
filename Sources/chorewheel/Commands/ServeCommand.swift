// `chorewheel serve`: the HTTP API.

internal import ArgumentParser
internal import ControlPlane
internal import CoreMetrics
internal import Hummingbird
internal import JobQueue
internal import Logging
internal import Postgres
internal import Redis
internal import Telemetry
internal import Tenancy
internal import WorkerRuntime

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve the HTTP API.",
        discussion: """
            Settings: CHOREWHEEL_TOKEN (one, or several separated by commas), STRIPE_WEBHOOK_SECRET (likewise), \
            CHOREWHEEL_HOST, CHOREWHEEL_PORT.
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: "The address to listen on. Default: 127.0.0.1.")
    var host: String?

    @Option(help: "The port to listen on; 0 picks a free one. Default: 8080.")
    var port: Int?

    func run() async throws {
        let settings = try await self.common.settings(adding: [
            "chorewheel.host": self.host, "chorewheel.port": self.port.map(String.init),
        ])
        let logger = try self.common.makeLogger(settings, label: "api")
        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)
        let stores = try Stores(settings: settings, application: "chorewheel serve", logger: logger)
        let tokens = settings.strings("chorewheel.token")
        guard !tokens.isEmpty else {
            throw InvalidSetting(field: "chorewheel.token", rule: "must be set: by CHOREWHEEL_TOKEN, the bearer token")
        }
        let configuration = ControlPlaneConfiguration(
            host: settings.string("chorewheel.host") ?? "127.0.0.1",
            port: try settings.int("chorewheel.port", in: 0...65_535) ?? 8080,
            tokens: tokens, stripeSecrets: settings.strings("stripe.webhook.secret"))
        let migrations = try self.common.migrationsDirectory(settings)
        let api = try makeControlPlane(
            configuration,
            stores: ControlPlaneStores(
                jobs: stores.client, families: FamilyStore(platform: stores.platform),
                platformMigrations: try MigrationSet(directory: "\(migrations)/platform"), metrics: metrics),
            logger: logger)
        do {
            try await stores.client.index.requireSafeSettings()
        } catch let error as RedisError where error.canRetry {
            // Sign-ups and durable jobs need no Redis; workers check it before they claim.
            logger.warning("redis is away", metadata: ["error": "\(error)"])
        }
        do {
            try await WorkerApplication.run(api, logger: logger)
        } catch {
            throw CommandFailure(listening: error, at: configuration) ?? error
        }
        await stores.close()
    }
}
