// `chorewheel dev` (or `demo`) as a process of a test's own, in a directory of its own.

import Glibc
import JobModel
import JobQueue
import Logging
import Postgres
import Processes
import QueueTestSupport
import TestSupport
import Testing

/// A development stack that is up.
struct DevProcess: Sendable {
    let child: ChildProcess
    /// The platform's database.
    let database: PostgresConfiguration

    static func newDirectory() -> String { "/tmp/chorewheel-dev-\(JobID.mint())" }

    static func remove(_ directory: String) {
        // Best effort: what stays is in /tmp, named after this test.
        try? DirectoryRemoval.removeTree(directory)
        unlink("\(directory).log")
    }

    static func spawn(_ arguments: [String], output: String) throws -> ChildProcess {
        let executable = try BuiltExecutable.path()
        var command = ChildProcess.Configuration(executable, arguments)
        command.environment = .inherited(adding: [
            "CHOREWHEEL_MIGRATIONS": MigrationsInSource.directory, "CHOREWHEEL_LOG_LEVEL": "error",
        ])
        command.output = .file(output)
        command.grace = .seconds(60)
        return try ChildProcess.spawn(command, leash: executable)
    }

    /// What it has said so far.
    static func output(of directory: String) throws -> String { try FileSystem.text(of: "\(directory).log") ?? "" }

    /// Runs `chorewheel dev` in a directory until it says that it is up.
    static func start(in directory: String, workers: Int = 1) async throws -> DevProcess {
        let child = try self.spawn(
            ["dev", "--dir", directory, "--workers", "\(workers)"], output: "\(directory).log")
        try await eventually("the stack is up", within: .seconds(120)) {
            if let status = child.exitStatus { throw TimeLimitExceeded(what: "dev ended: \(status)", limit: .zero) }
            return try self.output(of: directory).contains("Chorewheel is up")
        }
        let environment = try FileSystem.text(of: "\(directory)/env") ?? ""
        for name in ["REDIS_URL", "DATABASE_URL", "CHOREWHEEL_URL", "CHOREWHEEL_TOKEN", "STRIPE_WEBHOOK_SECRET"] {
            #expect(environment.contains("export \(name)='"), "\(name) is in the env file")
        }
        let line = try #require(environment.split(separator: "\n").first { $0.hasPrefix("export DATABASE_URL=") })
        let url = line.dropFirst("export DATABASE_URL='".count).dropLast()
        return DevProcess(child: child, database: try PostgresConfiguration(url: String(url)))
    }

    /// Lends its ledger.
    func withLedger<Value: Sendable>(_ body: @Sendable (Ledger) async throws -> Value) async throws -> Value {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pool = PostgresPool(limits: .init(acquireTimeout: .seconds(60)), logger: logger)
        // Hundreds of tests share two cores.
        var configuration = self.database
        configuration.connectTimeout = .seconds(60)
        do {
            let value = try await body(Ledger(database: PostgresDatabase(pool: pool, configuration: configuration)))
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }

    /// Processes whose command line names the directory: leashes, servers, workers, the command itself.
    static func processes(mentioning directory: String) -> [Int32] {
        FileSystem.names(in: "/proc").compactMap { Int32($0) }.filter {
            $0 != getpid() && FileSystem.text(ofFileThatMayVanish: "/proc/\($0)/cmdline")?.contains(directory) == true
        }
    }
}
