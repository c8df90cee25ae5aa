// The plugin `MigrateSchema`: brings one family's database to a version. README.md tells what is safe when.

public import JobModel
public import JobQueue
public import Tenancy
public import WorkerKit

/// Registers `family.migrate`.
public struct MigrateSchemaPlugin: WorkerPlugin {
    public let name = "MigrateSchema"
    private let tenancy: Tenancy
    private let options: Migrator.Options

    public init(tenancy: Tenancy, options: Migrator.Options = .init()) {
        self.tenancy = tenancy
        self.options = options
    }

    public func register(in registry: inout HandlerRegistry) {
        registry.add(MigrateSchemaHandler(tenancy: self.tenancy, options: self.options))
    }
}

/// Migrate a family's database. A fleet run enqueues one for each family.
public struct MigrateSchema: FamilyJob, Hashable {
    public static let kind: JobKind = "family.migrate"
    public static let queue: QueueName = "migrations"
    public static let retryPolicy = RetryPolicy(maxAttempts: 5, baseDelay: .seconds(2), maxDelay: .seconds(300))

    /// nil: the newest version that the worker has files for.
    public var toVersion: Int?
    /// The fleet run that this belongs to.
    public var fleetRun: UUIDBytes?

    public init(toVersion: Int? = nil, fleetRun: UUIDBytes? = nil) {
        self.toVersion = toVersion
        self.fleetRun = fleetRun
    }

    private enum CodingKeys: String, CodingKey {
        case toVersion = "to_version"
        case fleetRun = "fleet_run_id"
    }
}

/// What was migrated.
public struct MigratedFamily: Codable, Sendable, Hashable {
    public let fromVersion: Int
    public let toVersion: Int
    public let milliseconds: Int

    private enum CodingKeys: String, CodingKey {
        case fromVersion = "from_version"
        case toVersion = "to_version"
        case milliseconds
    }
}
