// `chorewheel-proof soak`: everything dies at random under load for some minutes, and then it is counted what is true.

import ArgumentParser
import Glibc
import Processes

struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Kill, stop, cut, slow and restart everything at random under load; then compare what was promised.",
        discussion: """
            Starts private servers and three pools of workers. Everything is gone afterwards; when something is \
            broken, the servers' data, the workers' logs and the record stay; the directory is printed. Exit code 1: \
            an invariant is broken, or (from 10 minutes on) a fault never fired.
            """)

    @Option(help: "How long the faults go on.")
    var minutes = 3.0

    @Option(help: "Of all random choices. Default: a new one, printed.")
    var seed: UInt64?

    @Option(help: "Enqueues a second, about.")
    var rate = 40.0

    @Option(help: "Only faults whose names hold one of these words, separated by commas.")
    var only: String?

    func validate() throws {
        guard self.minutes > 0, self.minutes <= 24 * 60 else { throw ValidationError("--minutes must be 1 to 1440.") }
        guard self.rate > 0, self.rate <= 5000 else { throw ValidationError("--rate must be 1 to 5000.") }
    }

    func run() async throws {
        let words = self.only?.split(separator: ",").map { $0.lowercased() }
        let soak = Soak(
            minutes: self.minutes, seed: self.seed ?? UInt64.random(in: 0...UInt64(UInt32.max)), rate: self.rate,
            only: words.map { words in
                Set(SoakFault.allCases.filter { fault in words.contains { fault.rawValue.lowercased().contains($0) } })
            })
        say("seed \(soak.seed), \(self.minutes) minutes, \(self.rate) enqueues a second")
        let stack = try await SoakStack.start()
        say("everything is kept in \(stack.directory) until the end")
        let watchdog = self.watchdog(stack.directory)
        defer { watchdog.cancel() }
        do {
            let report = try await soak.run(stack)
            show(report.text)
            let violations = report.violations
            for violation in violations { show("VIOLATION \(violation)") }
            try await stack.stop(keep: !violations.isEmpty)
            guard violations.isEmpty else {
                say("FAILED, seed \(soak.seed): \(violations.count) violations; kept: \(stack.directory)")
                throw ExitCode(1)
            }
            say("PASSED, seed \(soak.seed): nothing lost, nothing doubled")
        } catch let code as ExitCode {
            throw code
        } catch {
            try? await stack.stop(keep: true)
            throw ProofFailure(
                "the soak could not be carried through, seed \(soak.seed): \(error); kept: \(stack.directory)")
        }
    }

    /// Ends the process, and by their leashes everything else, should something hang.
    private func watchdog(_ directory: String) -> Task<Void, Never> {
        Task {
            let limit = Duration.seconds(self.minutes * 60 + 900)
            guard (try? await Task.sleep(for: limit)) != nil else { return }
            say("FAILED: not over after \(limit.inSeconds) s; kept: \(directory)")
            Glibc.exit(1)
        }
    }
}
