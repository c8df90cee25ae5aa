// `chorewheel doctor`: looks at everything that the queue needs and promises, and says what to do. It changes nothing.
//
// Each file beside this one has the checks of one subject, as functions that return findings. A check that throws is a
// finding, too. What needs a server that cannot be reached is not looked at.

import ArgumentParser
import Logging
import Processes
import Telemetry
import Tenancy
import WorkerRuntime

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check every dependency, setting and invariant, and say what to do.",
        discussion: "Changes nothing. Exit code 0: nothing failed (there may be warnings); else the code of the first "
            + "failure: 69 when a server cannot be reached, 78 for a setting, 70 for a broken invariant.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await self.common.settings()
        // What went wrong is told as a finding, not as a log line as well.
        bootstrapLogging(format: .text, level: .critical)
        let logger = Logger(label: "chorewheel.doctor")
        var diagnosis = Diagnosis(findings: checkSettings(settings))
        do {
            let stores = try Stores(settings: settings, application: "chorewheel doctor", logger: logger)
            let context = CommandContext(
                settings: settings, stores: stores, logger: logger, output: self.common.output)
            diagnosis.findings += await Self.checkStores(context)
            await stores.close()
        } catch {
            // `checkSettings` has mostly said so already.
            if diagnosis.failure == nil {
                let failure = CommandFailure(error)
                diagnosis.findings.append(
                    .fail("settings", failure.description, remedy: failure.exit.remedy, exit: failure.exit))
            }
        }
        let colored = StandardStream.output.isTerminal && getenv("NO_COLOR") == nil
        try self.common.output.show(diagnosis, asText: diagnosis.text(colored: colored))
        if let failure = diagnosis.failure { throw failure }
    }

    private static func checkStores(_ context: CommandContext) async -> [Finding] {
        let redis = await findings("redis") { try await checkRedis(context) }
        let postgres = await findings("postgres") { try await checkPostgres(context) }
        var all = postgres + redis
        let hasRedis = !redis.contains { $0.exit == .unavailable || $0.exit == .noPermission }
        guard !postgres.contains(where: { $0.exit != nil && $0.exit != .software }) else {
            return all + [
                .warn("ledger", "was not looked at: PostgreSQL does not let us in", remedy: "mend that first")
            ]
        }
        all += await findings("migrations") { try await checkPlatformMigrations(context) }
        // An edited file or a changed schema can be looked at all the same; tables that are not there cannot.
        guard !all.contains(where: { $0.subject == "migrations" && $0.exit == .configuration }) else {
            return all + [
                .warn("ledger", "was not looked at: the platform database is not migrated", remedy: "mend that first")
            ]
        }
        all += await findings("workers") { try await checkWorkers(context) }
        all += await findings("ledger") { try await checkLedger(context) }
        if hasRedis {
            all += await findings("queues") { try await checkQueues(context) }
            all += await findings("clocks") { try await checkClocks(context) }
        }
        all += await findings("families") { try await checkFamilies(context) }
        all += await findings("servers") { try await checkServers(context) }
        return all
    }

    /// The findings of one subject; an error is one.
    private static func findings(_ subject: String, _ check: () async throws -> [Finding]) async -> [Finding] {
        do {
            return try await check()
        } catch {
            let failure = CommandFailure(error)
            return [.fail(subject, failure.description, remedy: failure.exit.remedy, exit: failure.exit)]
        }
    }
}

extension Sysexit {
    /// What usually helps.
    fileprivate var remedy: String {
        switch self {
        case .unavailable: "start the server, or mend its address in the settings; see its log"
        case .noPermission: "mend the user, the password or its rights"
        case .configuration: "mend the setting"
        case .temporary: "run this again in a moment"
        case .usage, .data, .notFound, .software, .inputOutput: "read the message; report it if it makes no sense"
        }
    }
}
