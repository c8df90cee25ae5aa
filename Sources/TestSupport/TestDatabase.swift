// A database of a test's own, so that tests run in parallel and see nobody else's rows: the one way in which all suites
// get one. Knows no PostgreSQL client of ours (the suites bring theirs): `createdb` and `dropdb` make and remove it.
//
// Invariants:
// 1. At most `lentAtOnce` databases of the shared servers are lent at any time, whatever number of tests the runner
//    starts at once: each has some ten connections, and the server has 300.
// 2. Whoever has one gets another without waiting, so that a test may borrow two.
// 3. A database of private servers needs no place: those are bounded themselves.

internal import Processes

/// A database that is lent to a test.
public struct TestDatabase: Sendable {
    /// What is in it when it is lent.
    public enum Contents: Sendable {
        case nothing
        /// The platform's schema, by all migrations of this source tree, with no server in its fleet.
        case platform
    }

    /// How many databases of the shared servers are lent at once. Eight keep two cores busy.
    public static let lentAtOnce = 8

    public let servers: TestServers
    public let name: String

    /// The superuser's, for this database. Whoever connects may wait a minute for it: hundreds of tests share the
    /// machine, and some of them compute for seconds.
    public var url: String { self.servers.url(database: self.name) + "?connect_timeout=60" }

    private static let places = AsyncSemaphore(places: lentAtOnce)

    /// Whether the task, or one that it descends from, has borrowed a database of the shared servers.
    @TaskLocal static var isBorrowed = false

    /// Lends a new database; drops it afterwards, whoever may still be connected. Waits for a place first: a time limit
    /// on the test has to allow for that.
    ///
    /// - Parameters:
    ///   - prefix: of its name, for whoever reads the server's log. Any characters.
    ///   - servers: nil: the shared ones.
    /// - Throws: what `body` throws, and then a database that cannot be dropped is left to the end of its server;
    ///   `ProcessError` when it cannot be made or dropped; `CancellationError`.
    public static func with<Value: Sendable>(
        _ contents: Contents, prefix: String, on servers: TestServers? = nil,
        isolation: isolated (any Actor)? = #isolation, _ body: (TestDatabase) async throws -> Value
    ) async throws -> Value {
        if let servers, !servers.isShared { return try await self.lend(contents, prefix, on: servers, body) }
        let shared = try await TestServers.shared()
        if self.isBorrowed { return try await self.lend(contents, prefix, on: shared, body) }
        try await self.places.acquire()
        defer { self.places.release() }
        return try await self.$isBorrowed.withValue(true) {
            try await self.lend(contents, prefix, on: shared, body)
        }
    }

    private static func lend<Value: Sendable>(
        _ contents: Contents, _ prefix: String, on servers: TestServers,
        isolation: isolated (any Actor)? = #isolation, _ body: (TestDatabase) async throws -> Value
    ) async throws -> Value {
        let database = TestDatabase(
            servers: servers, name: prefix + String(UInt64.random(in: .min ... .max), radix: 36))
        let template =
            switch contents {
            case .nothing: "template0"
            case .platform: try await servers.platformTemplate()
            }
        try await database.make(from: template)
        do {
            let value = try await body(database)
            try await database.drop()
            return value
        } catch {
            // The body's error is the one to tell; its server may be gone, or its task cancelled.
            try? await database.drop()
            throw error
        }
    }

    /// Makes a database with the platform's schema that others are cloned from.
    static func makeTemplate(on servers: TestServers) async throws -> String {
        let template = TestDatabase(servers: servers, name: "platform_template")
        try await template.make(from: "template0")
        try await servers.run(
            servers.executable, ["migrate", "platform"],
            adding: [
                "DATABASE_URL": template.url, "REDIS_URL": servers.redisURL,
                "CHOREWHEEL_MIGRATIONS": MigrationsInSource.directory,
            ])
        // The command has made the template's server the first of the fleet, to be administered through the template;
        // and a database that somebody is connected to cannot be cloned.
        try await servers.run(
            "psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", template.url, "-c", "DELETE FROM database_servers"])
        return template.name
    }

    private func make(from template: String) async throws {
        try await self.servers.run(
            "createdb", ["--maintenance-db", self.servers.databaseURL, "--template", template, "--", self.name])
    }

    private func drop() async throws {
        try await self.servers.run(
            "dropdb", ["--maintenance-db", self.servers.databaseURL, "--if-exists", "--force", "--", self.name])
    }
}
