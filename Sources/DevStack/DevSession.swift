// `chorewheel dev`: a stack that is up until Ctrl-C.

public import Logging
internal import Processes

/// Runs a stack in the foreground.
public enum DevSession {
    private enum Ending: Sendable { case signal, ended }

    /// Starts a stack, says where it is, and keeps it up until SIGINT, SIGTERM or SIGHUP. A signal during the start
    /// ends the start; what was started until then is stopped.
    ///
    /// - Parameter say: Prints a line for the person at the terminal.
    /// - Throws: what `DevStack.start` throws; `ProcessError(.startFailed)` when a part of the stack ends by itself.
    ///   Nothing is left running then.
    public static func run(
        _ configuration: DevStack.Configuration, logger: Logger, say: @escaping @Sendable (String) -> Void
    ) async throws {
        let signals = await StopSignals.trap()
        try await withThrowingTaskGroup(of: Ending.self) { group in
            group.addTask { try await self.keepUp(configuration, logger: logger, say: say) }
            group.addTask {
                await signals.wait()
                return .signal
            }
            let first = try await group.next() ?? .ended
            group.cancelAll()
            switch first {
            case .ended: return
            case .signal: say("stopping …")
            }
            do {
                while try await group.next() != nil {}
            } catch {
                // Most likely a step of the start that says in its own words that it was cancelled.
                logger.debug("ended by a signal", metadata: ["error": "\(error)"])
            }
        }
        say("stopped.")
    }

    /// Returns, with everything stopped, when the task is cancelled.
    private static func keepUp(
        _ configuration: DevStack.Configuration, logger: Logger, say: @Sendable (String) -> Void
    ) async throws -> Ending {
        say(
            "starting redis-server, postgres, the API and \(configuration.workers) workers "
                + "in \(configuration.directory) …"
        )
        let stack = try await DevStack.start(configuration, logger: logger)
        say(
            """

            Chorewheel is up.
              API       \(stack.apiURL)   (description: \(stack.apiURL)/openapi.json)
              settings  . \(stack.environmentFile)
              try       curl -X POST $CHOREWHEEL_URL/v1/families -H "Authorization: Bearer $CHOREWHEEL_TOKEN" \\
                             -H 'Content-Type: application/json' \\
                             -d '{"slug":"smith-nyc","name":"The Smiths","owner_email":"a@example.com"}'
            Ctrl-C stops all of it; the data stays in \(configuration.directory).

            """)
        let failure = await stack.waitForFailure()
        if failure != nil { say("stopping …") }
        await stack.stop()
        if let failure { throw ProcessError(.startFailed, "a part of the stack ended by itself: \(failure)") }
        return .ended
    }
}
