// The plugin `ProvisionFamily`: gives a family that signed up its own database. README.md tells what is safe when.

public import JobModel
public import JobQueue
public import Tenancy
public import WorkerKit

/// Registers `family.provision`.
public struct ProvisionFamilyPlugin: WorkerPlugin {
    public let name = "ProvisionFamily"
    private let tenancy: Tenancy

    public init(tenancy: Tenancy) { self.tenancy = tenancy }

    public func register(in registry: inout HandlerRegistry) {
        registry.add(ProvisionFamilyHandler(tenancy: self.tenancy))
    }
}

/// Make the database of a family. Enqueued by `sign_up_family`; a platform job, as the family has no database yet.
public struct ProvisionFamily: PlatformJob, Hashable {
    public static let kind: JobKind = "family.provision"
    public static let queue: QueueName = "provisioning"
    /// People wait for this one: quick at first, patient later.
    public static let retryPolicy = RetryPolicy(maxAttempts: 20, baseDelay: .milliseconds(500), maxDelay: .seconds(120))

    public var family: FamilyID

    public init(family: FamilyID) { self.family = family }

    private enum CodingKeys: String, CodingKey {
        case family = "family_id"
    }
}

/// What a provisioned family has.
public struct ProvisionedFamily: Codable, Sendable, Hashable {
    public let databaseName: String
    public let schemaVersion: Int
    /// How long the attempt took that ended it; 0 when another job had done it before.
    public let milliseconds: Int

    private enum CodingKeys: String, CodingKey {
        case databaseName = "db_name"
        case schemaVersion = "schema_version"
        case milliseconds
    }
}
