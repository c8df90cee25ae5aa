// Schemas: the platform's, which everything else here reads.

internal import Tenancy
internal import WorkerRuntime

extension Examination {
    func checkPlatformMigrations() async throws -> [Finding] {
        let directory = try self.migrations()
        let migrator = Migrator(try MigrationSet(directory: directory.platform), logger: self.logger)
        let status = try await self.stores.withPlatformConnection(logger: self.logger) {
            try await migrator.status(on: $0)
        }
        return [platformFinding(status)]
    }
}

/// Pure.
func platformFinding(_ status: MigrationStatus) -> Finding {
    let place = "the platform is at version \(status.version) of \(status.latest)"
    if let problem = status.problem {
        return .fail(
            "migrations", "\(place): \(problem)",
            remedy: "bring back the files or the schema that were there; see chorewheel migrate status")
    }
    if let unfinished = status.unfinished {
        return .fail(
            "migrations", "\(place), and version \(unfinished) was begun and not ended",
            remedy: "chorewheel migrate platform", cause: .configuration)
    }
    guard status.version >= status.latest else {
        return .fail("migrations", place, remedy: "chorewheel migrate platform", cause: .configuration)
    }
    return .ok("migrations", place)
}
