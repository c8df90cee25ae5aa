// One family's migration: the engine does it, as the administrator; the platform is told with the job's success.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres
internal import Tenancy
internal import WorkerKit

struct MigrateSchemaHandler: FamilyHandler {
    let tenancy: Tenancy
    let options: Migrator.Options

    /// After this long a deferred migration looks again.
    private static let deferral: Duration = .seconds(30)

    /// CREATE INDEX CONCURRENTLY on a large table takes its time.
    var timeout: Duration { .seconds(3600) }

    func run(_ job: MigrateSchema, for id: FamilyID, context: JobContext) async throws -> MigratedFamily {
        guard let family = try await self.tenancy.families.family(id), let database = family.databaseName else {
            throw JobFailure.familyGone("there is no family \(id) with a database")
        }
        if let version = job.toVersion, version > self.tenancy.migrations.latestVersion {
            throw JobFailure.notReady(
                .schemaTooOld,
                "to_version is \(version); this worker has files up to \(self.tenancy.migrations.latestVersion)")
        }
        let result = try await self.migrate(family, database, to: job.toVersion, context)
        guard result.outcome == .done else {
            try await self.defer(job, id, because: result.reason, context)
        }
        let migrated = MigratedFamily(
            fromVersion: result.from, toVersion: result.to,
            milliseconds: result.steps.reduce(0) { $0 + $1.milliseconds })
        let done = try await context.effect(on: .platform) { transaction in
            try await transaction.query(
                EmbeddedText.recordMigrated,
                [
                    .text(id.description), .int(migrated.fromVersion), .int(migrated.toVersion),
                    .text(job.fleetRun?.description), .text(context.job.id.description),
                ])
            return migrated
        }
        self.tenancy.databases.forget(id)
        return done
    }

    private func migrate(
        _ family: Family, _ database: String, to version: Int?, _ context: JobContext
    ) async throws -> MigrationResult {
        let server = try await self.tenancy.server(of: family)
        do {
            return try await server.withAdministration(
                of: database, for: context.job, logger: context.logger
            ) { connection in
                let migrator = Migrator(self.tenancy.migrations, options: self.options, logger: context.logger)
                return try await migrator.migrate(on: connection, to: version)
            }
        } catch let error as TenancyError where !error.canRetry {
            // Drift, an edited file: somebody has to look at it.
            throw JobFailure.discard("\(family.slug): \(error)")
        } catch let error as PostgresError where error.code == .server && !error.canRetry {
            throw JobFailure.discard("\(family.slug): a migration failed: \(error)")
        }
    }

    /// Notes why, and comes again later: a lock in the way is not a failure.
    private func `defer`(
        _ job: MigrateSchema, _ id: FamilyID, because reason: String?, _ context: JobContext
    ) async throws -> Never {
        if let run = job.fleetRun {
            try await context.platform.query(
                EmbeddedText.noteDeferred, [.text(run.description), .text(id.description), .text(reason)])
        }
        throw JobFailure.snooze(for: Self.deferral)
    }
}
