// One migration over all families: a run is a row, and a job for each family that is behind.

public import JobModel
internal import Postgres

/// A run that was started.
public struct FleetRun: Sendable, Hashable, Codable {
    public let id: UUIDBytes
    public let targetVersion: Int
    /// How many families have a job in it.
    public let families: Int

    private enum CodingKeys: String, CodingKey {
        case id, families
        case targetVersion = "target_version"
    }
}

/// How far a run is.
public struct FleetRunStatus: Sendable, Hashable, Codable {
    public enum State: String, Sendable, Hashable, Codable, CaseIterable { case pending, deferred, succeeded, failed }

    public struct Entry: Sendable, Hashable, Codable {
        public let family: FamilyID
        public let slug: String
        public let job: JobID
        public let state: State
        public let fromVersion: Int?
        public let toVersion: Int?
        public let note: String?

        private enum CodingKeys: String, CodingKey {
            case slug, state, note
            case family = "family_id"
            case job = "job_id"
            case fromVersion = "from_version"
            case toVersion = "to_version"
        }
    }

    public let id: UUIDBytes
    public let targetVersion: Int
    public let families: [Entry]

    public func count(_ state: State) -> Int { self.families.count { $0.state == state } }
    /// Whether no family is still to be done.
    public var isOver: Bool { self.families.allSatisfy { $0.state == .succeeded || $0.state == .failed } }

    private enum CodingKeys: String, CodingKey {
        case id, families
        case targetVersion = "target_version"
    }
}

extension Tenancy {
    /// Starts a run over every provisioned family that is older than a version: rows and jobs in one transaction.
    ///
    /// - Throws: `TenancyError(.invalid)`: no such version.
    public func startFleetRun(to target: Int? = nil, startedBy: String? = nil) async throws -> FleetRun {
        let target = target ?? self.migrations.latestVersion
        guard (1...max(1, self.migrations.latestVersion)).contains(target) else {
            throw TenancyError.invalid("to_version", "must be 1 to \(self.migrations.latestVersion)")
        }
        let rows = try await self.platform.query(EmbeddedText.startFleetRun, [.int(target), .text(startedBy)])
        guard let row = rows.first else { throw TenancyError(.notFound, "the run was not recorded") }
        return FleetRun(id: try row.uuid("run_id"), targetVersion: target, families: try row.int("families"))
    }

    /// How far a run is.
    ///
    /// - Throws: `TenancyError(.notFound)`.
    public func fleetRunStatus(_ id: UUIDBytes) async throws -> FleetRunStatus {
        let runs = try await self.platform.query(
            "SELECT target_version FROM fleet_runs WHERE id = $1", [.text(id.description)])
        guard let run = runs.first else { throw TenancyError(.notFound, "there is no fleet run \(id)") }
        let rows = try await self.platform.query(EmbeddedText.fleetRunStatus, [.text(id.description)])
        return FleetRunStatus(
            id: id, targetVersion: try run.int("target_version"),
            families: try rows.map { row in
                let state = try row.string("status")
                guard let state = FleetRunStatus.State(rawValue: state) else {
                    throw TenancyError(.notFound, "a fleet run has the status \"\(state)\": a newer program's?")
                }
                return FleetRunStatus.Entry(
                    family: FamilyID(try row.uuid("family_id")), slug: try row.string("slug"),
                    job: JobID(try row.uuid("job_id")), state: state, fromVersion: try row.optionalInt("from_version"),
                    toVersion: try row.optionalInt("to_version"), note: try row.optionalString("note"))
            })
    }
}
