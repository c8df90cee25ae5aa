// A whole API on real servers for one test: a database of its own with the platform's schema, a namespace of its own in
// Redis, and a client that speaks to the router.

import ControlPlane
import Hummingbird
import HummingbirdTesting
import JobModel
import JobQueue
import Logging
import Postgres
import Redis
import Stripe
import Telemetry
import Tenancy
import TestSupport
import Testing

/// What a test has in its hands.
struct APIStack: Sendable {
    static let token = "test-token"
    static let stripeSecret = "whsec_test"

    let client: any TestClientProtocol
    let stores: ControlPlaneStores

    var database: PostgresDatabase { self.stores.jobs.ledger.database }

    /// Sends a request, with the token unless told otherwise, and JSON if there is a body.
    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, token: String? = Self.token,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        var fields: HTTPFields = [:]
        if let token { fields[.authorization] = "Bearer \(token)" }
        if body != nil { fields[.contentType] = "application/json" }
        for (name, value) in headers { fields[try #require(HTTPFields.Element.Name(name))] = value }
        let response = try await self.client.executeRequest(
            uri: path, method: method, headers: fields, body: body.map { ByteBuffer(string: $0) })
        return Answer(
            status: Int(response.status.code), headers: response.headers, text: String(buffer: response.body))
    }

    /// Tells the doors of a kind, as a worker's start does.
    func register(
        _ kind: String, target: TargetRule = .either, durability: Durability = .durable, schema: String? = nil
    ) async throws {
        try await self.stores.jobs.ledger.register(kinds: [
            KindRegistration(
                kind: kind, queue: "default", durability: durability, target: target, maxAttempts: 5,
                payloadSchema: schema)
        ])
    }

    func count(_ table: String) async throws -> Int {
        try await self.database.query("SELECT count(*) AS count FROM \(table)").first?.int("count") ?? -1
    }
}

/// An answer, read.
struct Answer: Sendable {
    let status: Int
    let headers: HTTPFields
    let text: String

    var json: JSONValue? { try? JSONText.decode(JSONValue.self, from: Array(self.text.utf8)) }

    subscript(_ name: String) -> JSONValue? { self.json?[name] }

    /// The end of the problem's `type`; nil when it is no problem document.
    var problem: String? {
        guard self.headers[.contentType] == "application/problem+json", let type = self["type"]?.string,
            self["title"]?.string != nil, self["instance"]?.string != nil,
            self["status"] == .number(Double(self.status)),
            self["request_id"]?.string == self.header("X-Request-Id")
        else { return nil }
        return type.split(separator: ":").last.map(String.init)
    }

    /// The fields that break rules.
    var fields: [String] {
        guard case .array(let errors)? = self["errors"] else { return [] }
        return errors.compactMap { $0["field"]?.string }
    }

    func header(_ name: String) -> String? {
        HTTPFields.Element.Name(name).flatMap { self.headers[$0] }
    }
}

/// How the API of a test differs from the ordinary.
struct APISetup {
    var configuration = ControlPlaneConfiguration(
        port: 0, tokens: ["other-token", APIStack.token], stripeSecrets: ["whsec_old", APIStack.stripeSecret])
    /// Where the API finds its stores, if not where they are.
    var postgresPort: Int?
    var redisEndpoint: RedisEndpoint?
    /// A Redis of the test's own, for what concerns the whole server.
    var redisURL: String?
    var testing: TestingSetup = .router

    /// Nothing listens on port 1.
    static let withoutPostgres = APISetup(postgresPort: 1)
    static let withoutRedis = APISetup(redisEndpoint: .tcp(host: "127.0.0.1", port: 1))
}

/// Runs a test on a stack of its own.
func withAPI(
    _ setup: APISetup = APISetup(), _ body: @escaping @Sendable (APIStack) async throws -> Void
) async throws {
    try await TestDatabase.with(.platform, prefix: "api_") { lent in
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var database = try PostgresConfiguration(url: lent.url)
        database.port = setup.postgresPort ?? database.port
        var redisConfiguration = try RedisConfiguration(url: setup.redisURL ?? lent.servers.redisURL)
        if let endpoint = setup.redisEndpoint {
            redisConfiguration.topology = .standalone(endpoint)
            redisConfiguration.connectTimeout = .milliseconds(200)
        }
        let pool = PostgresPool(limits: .init(acquireTimeout: .seconds(60)), logger: logger)
        let platform = PostgresDatabase(pool: pool, configuration: database)
        let redis = RedisClient(configuration: redisConfiguration, logger: logger)
        let stores = ControlPlaneStores(
            jobs: JobQueueClient(
                ledger: Ledger(database: platform), index: DispatchIndex(redis: redis, namespace: lent.name)),
            families: FamilyStore(platform: platform),
            platformMigrations: try MigrationSet(directory: platformMigrations), metrics: PrometheusRegistry())
        let result: Result<Void, any Error>
        do {
            let application = try makeControlPlane(setup.configuration, stores: stores, logger: logger)
            try await application.test(setup.testing) { client in
                try await body(APIStack(client: client, stores: stores))
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await redis.close()
        await pool.close()
        try result.get()
    }
}

/// The platform's migrations of this checkout.
let platformMigrations = "\(MigrationsInSource.directory)/platform"
