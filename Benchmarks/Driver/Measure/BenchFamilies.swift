// Families of the benchmarks: numbers that are ids, and the way to their databases, which are those of the floor
// `postgres-family`.

internal import JobModel
internal import Logging
internal import Postgres
internal import WorkerKit
internal import WorkerRuntime

/// Finds a numbered family's database.
struct BenchFamilies: FamilyDatabaseProvider {
    /// The environment variable with the URL of the server that the families' databases are on.
    static let variable = "BENCH_FAMILY_SERVER"
    /// How many connections to family databases a worker process keeps, the least recently used goes: as many as the
    /// floor's.
    static let connections = 24

    /// Without a server the platform's database stands for all: for jobs that touch none.
    private let platform: PostgresDatabase
    private let server: PostgresConfiguration?
    private let pool: PostgresPool

    init(platform: PostgresDatabase, serverURL: String?) throws {
        self.platform = platform
        self.server = try serverURL.map { try PostgresConfiguration(url: $0) }
        self.pool = PostgresPool(
            limits: PostgresPoolLimits(
                perDatabase: 2, perServer: Self.connections, total: Self.connections),
            logger: Logger(label: "bench"))
    }

    func database(of family: FamilyID, minimumSchemaVersion: Int) async throws -> PostgresDatabase {
        guard var configuration = self.server else { return self.platform }
        configuration.database = Self.databaseName(Int(family.uuid.low & 0xFFFF))
        return PostgresDatabase(pool: self.pool, configuration: configuration)
    }

    /// A family's id: a version 7 UUID with the number in its last bytes.
    static func family(_ number: Int) -> FamilyID {
        FamilyID(UUIDBytes(high: 0x0193_0000_0000_7000, low: 0x8000_0000_0000_0000 | UInt64(number)))
    }

    /// As the floor names them: `bench_family_007`.
    static func databaseName(_ number: Int) -> String {
        let digits = String(number)
        return "bench_family_" + String(repeating: "0", count: max(0, 3 - digits.utf8.count)) + digits
    }
}
