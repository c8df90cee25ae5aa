// Looks into families' databases for schemas that are not what their migrations made: an edited file, a change by
// hand, a migration that was begun and not ended.

import Logging
import Postgres
import Tenancy

struct FleetDrift: Sendable {
    let tenancy: Tenancy
    let logger: Logger

    /// How many databases are looked at at once.
    private static let concurrency = 8

    /// - Returns: The families with a problem, in the order given. One that cannot be reached is one of them.
    func look(at families: [Family]) async throws -> [FleetVersions.Problem] {
        var problems: [Int: String] = [:]
        try await withThrowingTaskGroup(of: (Int, String?).self) { group in
            var rest = families.enumerated().makeIterator()
            func startNext() -> Bool {
                guard let (index, family) = rest.next() else { return false }
                group.addTask { (index, try await self.problem(of: family)) }
                return true
            }
            for _ in 0..<Self.concurrency where !startNext() { break }
            while let (index, problem) = try await group.next() {
                if let problem { problems[index] = problem }
                _ = startNext()
            }
        }
        return problems.sorted { $0.key < $1.key }.map { .init(slug: families[$0.key].slug, problem: $0.value) }
    }

    private func problem(of family: Family) async throws -> String? {
        guard family.status != .provisioning, let database = family.databaseName else { return nil }
        do {
            let server = try await self.tenancy.server(of: family)
            let connection = try await PostgresConnection.connect(
                server.administration(of: database), logger: self.logger)
            let status: MigrationStatus
            do {
                status = try await Migrator(self.tenancy.migrations, logger: self.logger).status(on: connection)
            } catch {
                await connection.close()
                throw error
            }
            await connection.close()
            if let problem = status.problem { return problem }
            if let unfinished = status.unfinished { return "version \(unfinished) was begun and not ended" }
            return status.version == family.schemaVersion
                ? nil : "is at version \(status.version), the platform has it at \(family.schemaVersion ?? 0)"
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return "cannot be looked at: \(CommandFailure(error))"
        }
    }
}
