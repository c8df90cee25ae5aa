// `chorewheel dev`: a stack that is up until Ctrl-C.

public import Logging
internal import Processes
internal import UnixSignals

/// Runs a stack in the foreground.
public enum DevSession {
    /// Starts a stack, says where it is, and keeps it up until SIGINT or SIGTERM.
    ///
    /// - Parameter say: Prints a line for the person at the terminal.
    /// - Throws: what `DevStack.start` throws; `ProcessError(.startFailed)` when a part of the stack ends by itself.
    public static func run(
        _ configuration: DevStack.Configuration, logger: Logger, say: @escaping @Sendable (String) -> Void
    ) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
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
        let failure = await withTaskGroup(of: String?.self) { group in
            group.addTask {
                for await _ in signals { return nil }
                return nil
            }
            group.addTask { await stack.waitForFailure() }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        say("stopping …")
        await stack.stop()
        if let failure { throw ProcessError(.startFailed, "a part of the stack ended by itself: \(failure)") }
        say("stopped.")
    }
}
