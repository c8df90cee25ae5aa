// The root command, and the one way from the command line to an exit code.

import ArgumentParser
import WorkerRuntime

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

struct Chorewheel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chorewheel",
        abstract: "A job queue for services that keep one PostgreSQL database per customer.",
        discussion: """
            Settings: flags win over the environment, and that over the JSON file of --config or CHOREWHEEL_CONFIG, \
            where A_B is {"a": {"b": …}}.

            \(Setting.all.map { "  \($0.variable)\n    \($0.summary)" }.joined(separator: "\n"))

            Exit codes (sysexits): 0 done; 64 usage; 65 invalid input or a conflict; 66 not found; 69 PostgreSQL or \
            Redis unavailable; 70 internal error; 74 input or output; 75 try again later; 77 no permission; \
            78 configuration.
            """,
        version: chorewheelVersion,
        groupedSubcommands: [
            CommandGroup(
                name: "Process",
                subcommands: [ServeCommand.self, WorkCommand.self, DevCommand.self, DemoCommand.self]),
            CommandGroup(
                name: "Queue",
                subcommands: [EnqueueCommand.self, JobsCommand.self, QueuesCommand.self, WorkersCommand.self]),
            CommandGroup(
                name: "Care",
                subcommands: [FamiliesCommand.self, MigrateCommand.self, DoctorCommand.self]),
        ])

    /// Runs what the command line asks for and ends the process.
    static func entry() async -> Never {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let wantsJSON = arguments.prefix { $0 != "--" }.contains("--json")
        do {
            var command = try await self.parse(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            endProcess(0)
        } catch let code as ExitCode {
            // Whoever threw it has said why.
            endProcess(code.rawValue)
        } catch {
            if self.exitCode(for: error) == .success { self.exit(withError: error) }
            let failure = CommandFailure(error)
            do {
                try StandardStream.error.write(failure.report(json: wantsJSON))
            } catch {
                // Nobody is left to be told; the exit code still says it.
            }
            endProcess(failure.exit.rawValue)
        }
    }

    /// - Throws: `CommandFailure(.usage)` with the parser's words and the usage line; the request for help as it is.
    static func parse(_ arguments: [String]) async throws -> any ParsableCommand {
        do {
            return try await self.asyncParseAsRoot(arguments)
        } catch {
            if self.exitCode(for: error) == .success { throw error }
            // "Error: …", then how the command is called.
            let lines = self.fullMessage(for: error).split(separator: "\n", omittingEmptySubsequences: false)
            let usage = lines.drop { !$0.hasPrefix("Usage:") }.joined(separator: "\n")
            throw CommandFailure(.usage, self.message(for: error), usage: usage.isEmpty ? nil : usage)
        }
    }
}

/// `exit(3)`, which inside a command means the parser's.
private func endProcess(_ code: Int32) -> Never { exit(code) }
