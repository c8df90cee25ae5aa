// `chorewheel doctor`: looks at everything that the queue needs and promises, and says what to do. The checks are
// Sources/Doctor's.

import ArgumentParser
import Doctor
import Logging
import Telemetry
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
            + "failure: 69 when a server cannot be reached, 77 for a right, 78 for a setting, 70 for a broken "
            + "invariant.")

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await self.common.settings()
        // What went wrong is told as a finding, not as a log line as well.
        bootstrapLogging(format: .text, level: .critical)
        let diagnosis = await Examination.run(
            settings: settings, logger: Logger(label: "chorewheel.doctor"), migrations: { try settings.migrations() },
            explain: { error in
                let failure = CommandFailure(error)
                return .init(cause: failure.exit.cause, text: failure.description, rule: failure.rule)
            })
        let colored = StandardStream.output.isTerminal && getenv("NO_COLOR") == nil
        try self.common.output.show(diagnosis, asText: diagnosis.text(colored: colored))
        if let failure = diagnosis.commandFailure { throw failure }
    }
}
