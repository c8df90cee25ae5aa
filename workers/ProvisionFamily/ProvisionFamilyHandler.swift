// The order of things. Each part first looks at what is there, so that an attempt after a crash goes on where the one
// before it stopped; all of them act in a session that holds the lock on the database's name.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres
internal import Tenancy
internal import WorkerKit

struct ProvisionFamilyHandler: PlatformHandler {
    private let tenancy: Tenancy
    private let migratorOptions: Migrator.Options

    /// How long to wait for a session that holds the lock on the name: another job's of the same family.
    private static let lockWait: Duration = .seconds(20)

    init(tenancy: Tenancy, migratorOptions: Migrator.Options = .init()) {
        self.tenancy = tenancy
        self.migratorOptions = migratorOptions
    }

    func run(_ job: ProvisionFamily, context: JobContext) async throws -> ProvisionedFamily {
        let start = ContinuousClock.now
        let family = try await self.family(job.family)
        if let done = self.result(of: family) { return done }

        context.progress(0, of: 6, "placing")
        let (server, names) = try await self.place(family, logger: context.logger)
        // Sealed before it is recorded: a step's result is kept in the ledger.
        let sealed = try await context.step("credentials") {
            try self.tenancy.secrets.seal(
                DatabasePassword.random().text, owner: family.id.uuid, purpose: .familyDatabasePassword)
        }
        let password = DatabasePassword(
            text: try self.tenancy.secrets.open(sealed, owner: family.id.uuid, purpose: .familyDatabasePassword))

        return try await server.withAdministration(for: context.job, logger: context.logger) { session in
            try await self.lock(names, on: session)
            // Whoever held the lock before may have done it all.
            if let done = self.result(of: try await self.family(job.family)) { return done }

            context.progress(1, of: 6, "creating the database")
            let builder = FamilyDatabaseBuilder(session: session, names: names, family: family.id)
            try await builder.createRole(password: password)
            try await builder.createDatabase()

            context.progress(2, of: 6, "migrating")
            let version = try await self.migrate(family, names, on: server, context)

            context.progress(4, of: 6, "proving")
            var application = server.administration(of: names.database)
            application.user = names.role
            application.password = password.text
            try await ApplicationRoleProof(configuration: application, schemaVersion: version, logger: context.logger)
                .run()

            context.progress(5, of: 6, "recording")
            let result = ProvisionedFamily(
                databaseName: names.database, schemaVersion: version,
                milliseconds: Int((ContinuousClock.now - start) / .milliseconds(1)))
            return try await self.record(result, family, names, server, sealed, context)
        }
    }

    // MARK: Parts

    private func family(_ id: FamilyID) async throws -> Family {
        guard let family = try await self.tenancy.families.family(id), family.status != .cancelled else {
            throw JobFailure.familyGone("there is no family \(id) to provision: it was deleted or cancelled")
        }
        return family
    }

    /// The result when the family has been provisioned already.
    private func result(of family: Family) -> ProvisionedFamily? {
        guard family.status != .provisioning, let name = family.databaseName, let version = family.schemaVersion else {
            return nil
        }
        return ProvisionedFamily(databaseName: name, schemaVersion: version, milliseconds: 0)
    }

    private func place(_ family: Family, logger: Logger) async throws -> (DatabaseServer, FamilyDatabaseName) {
        do {
            return try await self.tenancy.place(family, logger: logger)
        } catch let error as TenancyError where error.code == .fleetFull {
            logger.error("no room for another family's database", metadata: ["error": "\(error)"])
            throw JobFailure.retry(after: .seconds(60), error.description)
        } catch let error as TenancyError where error.code == .invalid {
            throw JobFailure.discard(error.description)
        }
    }

    private func lock(_ names: FamilyDatabaseName, on session: PostgresConnection) async throws {
        let deadline = ContinuousClock.now + Self.lockWait
        while true {
            let rows = try await session.query(
                "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", [.text("family database \(names.database)")])
            if try rows.first?.bool(at: 0) == true { return }
            guard ContinuousClock.now < deadline else {
                throw JobFailure.retry(after: nil, "another job is at work on database \(names.database)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Schema, rights of the application's role, first rows; as the administrator, in the new database.
    private func migrate(
        _ family: Family, _ names: FamilyDatabaseName, on server: DatabaseServer, _ context: JobContext
    ) async throws -> Int {
        let owners = try await self.tenancy.platform.query(EmbeddedText.familyOwner, [.text(family.id.description)])
        let owner = owners.first
        let ownerID = try owner?.optionalString("id")
        let ownerName = try owner?.optionalString("display_name")
        let ownerHandle = try owner?.optionalString("username")
        return try await server.withAdministration(
            of: names.database, for: context.job, logger: context.logger
        ) { connection in
            try await connection.query("SELECT set_config('chorewheel.role', $1, false)", [.text(names.role)])
            try await connection.execute(script: EmbeddedText.grantFutureAccess)
            let migrator = Migrator(
                self.tenancy.migrations, options: self.migratorOptions, logger: context.logger)
            let migration = try await migrator.migrate(on: connection)
            guard migration.outcome == .done else { throw JobFailure.snooze(for: .seconds(2)) }
            context.progress(3, of: 6, "granting")
            try await connection.execute(script: EmbeddedText.grantAccess)
            try await connection.query(
                EmbeddedText.defaultData,
                [.text(family.name), .text(family.slug), .text(ownerID), .text(ownerHandle), .text(ownerName)])
            return migration.to
        }
    }

    /// The route, the audit row and the parked jobs' wake-up, together with the job's success.
    private func record(
        _ result: ProvisionedFamily, _ family: Family, _ names: FamilyDatabaseName, _ server: DatabaseServer,
        _ sealed: String, _ context: JobContext
    ) async throws -> ProvisionedFamily {
        try await context.effect { transaction in
            let rows = try await transaction.query(
                EmbeddedText.recordProvisioned,
                [
                    .text(family.id.description), .text(server.host), .int(server.port), .text(names.database),
                    .text(names.role), .text(sealed), .int(result.schemaVersion), .text(context.job.id.description),
                ])
            guard !rows.isEmpty else {
                throw JobFailure.familyGone("family \(family.slug) was deleted or cancelled while it was provisioned")
            }
            try await transaction.query(EmbeddedText.unparkJobs, [.text(family.id.description)])
            return result
        }
    }
}
