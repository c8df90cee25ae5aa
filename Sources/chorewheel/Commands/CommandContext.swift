// What a command works with: settings, stores, and the look-ups that several commands share.

import JobModel
import JobQueue
import Logging
import Postgres
import Processes
import Redis
import Tenancy
import WorkerRuntime

struct CommandContext: Sendable {
    let settings: Settings
    let stores: Stores
    let logger: Logger
    let output: Output

    var platform: PostgresDatabase { self.stores.platform }
    var redis: RedisClient { self.stores.redis }
    var client: JobQueueClient { self.stores.client }
    var families: FamilyStore { FamilyStore(platform: self.stores.platform) }

    /// The family of a slug or id.
    ///
    /// - Throws: `CommandFailure(.notFound)`, field `family`.
    func family(_ reference: String) async throws -> Family {
        let found: Family?
        if let id = FamilyID(reference) {
            found = try await self.families.family(id)
        } else {
            do {
                found = try await self.families.family(slug: Slug(validating: reference))
            } catch let error as TenancyError where error.code == .invalid {
                // No family can have this slug.
                found = nil
            }
        }
        guard let found else {
            throw CommandFailure(
                .notFound, field: "family", "must be the slug or id of a family; there is no \"\(reference)\"")
        }
        return found
    }

    /// The migration files: where the setting says, or else where they are found.
    ///
    /// - Throws: `TenancyError(.migrationFile)`.
    func migrations() throws -> MigrationsDirectory { try self.settings.migrations() }

    /// The families' side, for commands that read, and start jobs.
    func tenancy(_ directory: MigrationsDirectory) throws -> Tenancy {
        try Tenancy(
            reading: self.stores.platform, keys: self.settings.string("chorewheel.secret.keys"),
            familyMigrations: directory.family)
    }

    /// Lends a connection of its own, without a statement timeout: for migrations.
    func withPlatformConnection<Value: Sendable>(
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await self.stores.withPlatformConnection(logger: self.logger, body)
    }
}

extension Settings {
    /// The migration files: where `chorewheel.migrations` says, or else where they are found.
    ///
    /// - Throws: `TenancyError(.migrationFile)`; `ProcessError` if this program cannot tell where it is.
    func migrations() throws -> MigrationsDirectory {
        if let path = self.string("chorewheel.migrations") { return try MigrationsDirectory(path: path) }
        return try MigrationsDirectory.find(executable: try Executable.current())
    }
}
