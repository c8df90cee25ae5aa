// `chorewheel dev` as a person runs it: the real command, killed in the middle of its work, and started again.

import Glibc
import JobModel
import JobQueue
import Logging
import Postgres
import Processes
import QueueTestSupport
import TestSupport
import Testing

@Suite("The development stack")
struct DevStackTests {
    /// Runs `chorewheel dev` in a directory until it says that it is up.
    private static func start(
        in directory: String
    ) async throws -> (child: ChildProcess, database: PostgresConfiguration) {
        let executable = try BuiltExecutable.path()
        var command = ChildProcess.Configuration(executable, ["dev", "--dir", directory, "--workers", "1"])
        command.environment = .inherited(adding: [
            "CHOREWHEEL_MIGRATIONS": try MigrationsInSource.directory(), "CHOREWHEEL_LOG_LEVEL": "error",
        ])
        command.output = .file("\(directory).log")
        command.grace = .seconds(60)
        command.removeDirectories = []
        let child = try ChildProcess.spawn(command, leash: executable)
        try await eventually("the stack is up", within: .seconds(120)) {
            if let status = child.exitStatus { throw TimeLimitExceeded(what: "dev ended: \(status)", limit: .zero) }
            return try FileSystem.text(of: "\(directory).log")?.contains("Chorewheel is up") ?? false
        }
        let environment = try FileSystem.text(of: "\(directory)/env") ?? ""
        for name in ["REDIS_URL", "DATABASE_URL", "CHOREWHEEL_URL", "CHOREWHEEL_TOKEN", "STRIPE_WEBHOOK_SECRET"] {
            #expect(environment.contains("export \(name)='"), "\(name) is in the env file")
        }
        let line = try #require(environment.split(separator: "\n").first { $0.hasPrefix("export DATABASE_URL=") })
        let url = line.dropFirst("export DATABASE_URL='".count).dropLast()
        return (child, try PostgresConfiguration(url: String(url)))
    }

    private static func on<Value: Sendable>(
        _ configuration: PostgresConfiguration, _ body: @Sendable (Ledger) async throws -> Value
    ) async throws -> Value {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pool = PostgresPool(logger: logger)
        do {
            let value = try await body(Ledger(database: PostgresDatabase(pool: pool, configuration: configuration)))
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }

    @Test("killed with -9 while jobs run, it leaves no process behind; the next start finishes them")
    func killedInTheMiddle() async throws {
        let directory = "/tmp/chorewheel-dev-\(JobID.mint())"
        defer {
            // Best effort: what stays is in /tmp, named after this test.
            try? DirectoryRemoval.removeTree(directory)
            unlink("\(directory).log")
        }
        let first = try await Self.start(in: directory)
        let (ids, worker) = try await Self.on(first.database) { ledger in
            var ids: [JobID] = []
            for _ in 0..<4 {
                ids.append(
                    try await ledger.enqueue(
                        JobRequest(
                            kind: "diagnostic.sleep", target: .platform, payload: Array(#"{"seconds": 3}"#.utf8),
                            options: EnqueueOptions(queue: "diagnostics"))
                    ).id)
            }
            try await eventually("they run") {
                for id in ids where try await ledger.job(id)?.state != "running" { return false }
                return true
            }
            let worker = try #require(try await ledger.sessions().first { $0.endReason == nil }?.pid)
            return (ids, Int32(worker))
        }
        let dev = try await first.child.processID()
        let servers = ProcessTree.descendants(of: dev)
        #expect(servers.count >= 6)
        first.child.kill(SIGKILL)
        try await eventually("every process of the stack is gone", within: .seconds(60)) {
            ([worker] + servers).allSatisfy { kill($0, 0) != 0 }
        }
        unlink("\(directory).log")

        let second = try await Self.start(in: directory)
        try await Self.on(second.database) { ledger in
            for id in ids {
                try await eventually("job \(id) is done", within: .seconds(60)) {
                    try await ledger.job(id)?.state == "succeeded"
                }
                #expect(try await ledger.job(id)?.failures == 0)
            }
        }
        let running = ProcessTree.descendants(of: try await second.child.processID())
        let status = await second.child.stop(signal: .interrupt, grace: .seconds(60))
        #expect(status == .exited(0))
        #expect(running.allSatisfy { kill($0, 0) != 0 })
    }
}
