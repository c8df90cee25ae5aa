// The flags that every command has, and how they become settings and open stores.

import ArgumentParser
import Logging
import Tenancy
import WorkerRuntime

struct CommonOptions: ParsableArguments {
    @Flag(name: .customLong("json"), help: "Print one JSON document; errors, too, are JSON then.")
    var json = false

    @Option(help: ArgumentHelp("A JSON file of settings (CHOREWHEEL_CONFIG).", valueName: "file"))
    var config: String?

    @Option(
        name: .customLong("database-url"),
        help: ArgumentHelp(
            "The platform database (DATABASE_URL). Other users of the machine can read flags: keep passwords in the "
                + "environment or the file.", valueName: "url"))
    var databaseURL: String?

    @Option(
        name: .customLong("redis-url"),
        help: ArgumentHelp("Redis (REDIS_URL): redis, rediss, redis+sentinel, redis+cluster.", valueName: "url"))
    var redisURL: String?

    @Option(help: ArgumentHelp("The first part of every key in Redis (CHOREWHEEL_NAMESPACE).", valueName: "name"))
    var namespace: String?

    @Option(
        name: .customLong("log-level"),
        help: ArgumentHelp(
            "\(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")) (CHOREWHEEL_LOG_LEVEL).",
            valueName: "level"))
    var logLevel: String?

    @Option(name: .customLong("log-format"), help: "text or json (CHOREWHEEL_LOG_FORMAT).")
    var logFormat: String?

    @Option(
        help: ArgumentHelp(
            "The directory with platform/ and family/ (CHOREWHEEL_MIGRATIONS). Default: beside the program, or in a "
                + "directory above it or above the working directory.", valueName: "directory"))
    var migrations: String?

    var output: Output { Output(json: self.json) }

    /// What the flags gave: name, setting, value.
    private var given: [(flag: String, setting: String, value: String)] {
        let all: [(String, String, String?)] = [
            ("--database-url", "database.url", self.databaseURL), ("--redis-url", "redis.url", self.redisURL),
            ("--namespace", "chorewheel.namespace", self.namespace),
            ("--log-level", "chorewheel.log.level", self.logLevel),
            ("--log-format", "chorewheel.log.format", self.logFormat),
            ("--migrations", "chorewheel.migrations", self.migrations),
        ]
        return all.compactMap { flag, setting, value in value.map { (flag, setting, $0) } }
    }

    /// These flags again, for another process of this program.
    var arguments: [String] {
        (self.config.map { ["--config", $0] } ?? []) + self.given.flatMap { [$0.flag, $0.value] }
    }

    /// The settings: these flags over the environment over the file.
    ///
    /// - Parameter own: A command's own flags, by setting name; nil: not given.
    /// - Throws: `InvalidSetting` for a file that cannot be read, is not JSON, or holds what is no setting.
    func settings(adding own: [String: String?] = [:]) async throws -> Settings {
        let flags = Dictionary(self.given.map { ($0.setting, $0.value) }) { first, _ in first }
        return try await Settings(
            flags: flags.merging(own.compactMapValues { $0 }) { _, own in own }, file: self.config)
    }

    /// Where the migration files are: a directory with `platform` and `family` in it.
    ///
    /// - Throws: `TenancyError(.migrationFile)`; `ProcessError` if this program cannot tell where it is.
    func migrationsDirectory(_ settings: Settings) throws -> String { try settings.migrations().path }

    /// Sets logging up, once a process, and warns of variables that have no effect.
    ///
    /// - Throws: `InvalidSetting` for a level or format that there is not.
    func makeLogger(_ settings: Settings, label: String) throws -> Logger {
        let logger = try WorkerApplication.makeLogger(settings: settings, label: label)
        settings.warnOfUnknownVariables(logger)
        return logger
    }

    /// Opens the stores for a command that ends by itself, and closes them whatever happens. Logs errors alone unless
    /// a level is set: what it has to say is its result, and of what went wrong it tells once.
    ///
    /// - Throws: `InvalidSetting`; what `body` throws.
    func withStores(_ body: (CommandContext) async throws -> Void) async throws {
        var settings = try await self.settings()
        if settings.string("chorewheel.log.level") == nil {
            settings = try await self.settings(adding: ["chorewheel.log.level": "error"])
        }
        let logger = try self.makeLogger(settings, label: "command")
        let stores = try Stores(settings: settings, application: "chorewheel", logger: logger)
        let context = CommandContext(settings: settings, stores: stores, logger: logger, output: self.output)
        do {
            try await body(context)
        } catch {
            await stores.close()
            throw error
        }
        await stores.close()
    }
}
