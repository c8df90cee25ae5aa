// What the steps share: the stack that runs, ways to ask it, and who has run in it so far.

internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres
internal import Synchronization
internal import Tenancy

/// A process that the demonstration has seen.
struct DemoProcess: Sendable, Hashable {
    let name: String
    let id: Int32
}

final class DemoStage: Sendable {
    /// Worker processes.
    static let workers = 2

    let stack: DevStack
    let directory: DemoDirectory
    let screen: DemoScreen
    let client: DemoClient
    let ledger: DemoLedger
    let logger: Logger
    private let pool: PostgresPool
    private let secrets: SecretBox
    private let seen = Mutex<Set<DemoProcess>>([])

    init(_ stack: DevStack, directory: DemoDirectory, screen: DemoScreen, logger: Logger) throws {
        self.stack = stack
        self.directory = directory
        self.screen = screen
        self.logger = logger
        self.client = DemoClient(baseURL: stack.apiURL, token: stack.environment["CHOREWHEEL_TOKEN"] ?? "")
        self.pool = PostgresPool(logger: logger)
        self.secrets = try SecretBox(keys: stack.environment["CHOREWHEEL_SECRET_KEYS"] ?? "")
        var configuration = try PostgresConfiguration(url: stack.environment["DATABASE_URL"] ?? "")
        configuration.applicationName = "chorewheel demo"
        self.ledger = DemoLedger(platform: PostgresDatabase(pool: self.pool, configuration: configuration))
    }

    func close() async { await self.pool.close() }

    /// The families' side, with the migration files as they are at this moment.
    func tenancy() throws -> Tenancy {
        try Tenancy(
            platform: self.ledger.platform, secrets: self.secrets,
            familyMigrations: "\(self.directory.migrations)/family")
    }

    /// Waits until as many workers as there should be are alive, not counting the named sessions.
    func waitForWorkers(besides former: Set<String>) async throws {
        try await poll("\(Self.workers) workers are alive", within: .seconds(30)) {
            let workers = try await self.liveWorkers()
            return workers.filter { !former.contains($0.id) }.count == Self.workers
                && workers.allSatisfy { !former.contains($0.id) }
        }
    }

    /// The sessions that are alive; all that were ever listed are remembered.
    func liveWorkers() async throws -> [SessionRecord] {
        let workers = try await self.client.workers()
        self.seen.withLock { seen in
            for worker in workers {
                if let id = Int32(exactly: worker.pid) { seen.insert(DemoProcess(name: "worker", id: id)) }
            }
        }
        return workers.filter { $0.endedAt == nil }
    }

    /// Remembers the stack's own processes: before some of them are replaced.
    func rememberProcesses() async throws {
        let processes = try await self.stack.processIDs().map { DemoProcess(name: $0.name, id: $0.id) }
        self.seen.withLock { $0.formUnion(processes) }
    }

    /// All processes that there were. Parts that ended by themselves are missing, and are not running either.
    func processes() async -> [DemoProcess] {
        do {
            try await self.rememberProcesses()
            _ = try await self.liveWorkers()
        } catch {
            self.logger.warning("not all processes of the stack are known", metadata: ["error": "\(error)"])
        }
        return self.seen.withLock { $0.sorted { $0.id < $1.id } }
    }
}
