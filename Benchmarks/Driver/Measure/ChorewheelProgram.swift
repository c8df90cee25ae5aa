// The real `chorewheel` on a measurement's queue: workers under a supervisor, and the API.

internal import Processes

/// Starts `chorewheel` processes.
struct ChorewheelProgram {
    static let token = "bench-token"
    static let secretKeys = "bench:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

    let executable: String
    let queue: OurQueue

    /// A supervisor with workers that know the diagnostic kinds.
    func startWorkers(processes: Int, concurrency: Int) throws -> ChildProcess {
        try self.start([
            "work", "--processes", "\(processes)", "--concurrency", "\(concurrency)", "--diagnostics", "--grace", "5",
        ])
    }

    func startAPI(port: UInt16) throws -> ChildProcess { try self.start(["serve", "--port", "\(port)"]) }

    private func start(_ arguments: [String]) throws -> ChildProcess {
        guard FileSystem.isExecutable(self.executable) else {
            throw BenchFailure("there is no \(self.executable): swift build -c release --product chorewheel")
        }
        var command = ChildProcess.Configuration(self.executable, arguments)
        command.environment = .inherited(adding: [
            "DATABASE_URL": self.queue.databaseURL, "REDIS_URL": self.queue.redisURL,
            "CHOREWHEEL_SECRET_KEYS": Self.secretKeys, "CHOREWHEEL_TOKEN": Self.token,
            "CHOREWHEEL_MIGRATIONS": FileSystem.absolutePath("migrations"), "CHOREWHEEL_LOG_LEVEL": "critical",
        ])
        command.grace = .seconds(30)
        command.orphanGrace = .milliseconds(500)
        return try ChildProcess.spawn(command, leash: try Executable.current())
    }
}
