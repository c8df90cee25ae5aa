// The `chorewheel` processes of a stack: how each is called, and how long it may take to end.

internal import Processes

/// Starts a stack's API and workers.
struct StackProgram: Sendable {
    let configuration: DevStack.Configuration
    let environment: [String: String]

    /// Longer than a supervisor grants its workers, and they their handlers.
    static let workersGrace: Duration = .seconds(45)
    static let apiGrace: Duration = .seconds(10)

    func startAPI(port: UInt16) throws(ProcessError) -> ChildProcess {
        try self.start(["serve", "--port", "\(port)"], grace: Self.apiGrace)
    }

    /// One supervisor with the configured number of worker processes under it.
    func startWorkers() throws(ProcessError) -> ChildProcess {
        try self.start(
            [
                "work", "--processes", "\(self.configuration.workers)", "--concurrency",
                "\(self.configuration.concurrency)", "--diagnostics",
            ], grace: Self.workersGrace)
    }

    private func start(_ arguments: [String], grace: Duration) throws(ProcessError) -> ChildProcess {
        var command = ChildProcess.Configuration(self.configuration.executable, arguments)
        command.environment = .inherited(adding: self.environment)
        command.grace = grace
        // Jobs survive their workers: nothing of the stack is to outlive it by a drain.
        command.orphanGrace = .milliseconds(500)
        if let log = self.configuration.log { command.output = .file(log) }
        return try ChildProcess.spawn(command, leash: self.configuration.executable)
    }
}
