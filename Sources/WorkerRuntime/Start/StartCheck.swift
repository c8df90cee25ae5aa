// Before workers start: whether the servers have room for their connections. Done once, by a supervisor for all its
// children or by a worker that has none. Servers that are away are waited for, as the workers themselves would.

internal import JobQueue
public import Logging
internal import Postgres
internal import Redis
internal import ServiceLifecycle

/// Compares what workers may open with what PostgreSQL and Redis hold.
public struct StartCheck: Sendable {
    private let plan: ConnectionPlan
    private let stores: Stores
    private let logger: Logger

    /// - Parameter processes: How many a supervisor starts; nil: this process is the worker.
    /// - Throws: `InvalidSetting` naming `chorewheel.connections`.
    public init(
        settings: Settings, stores: Stores, configuration: WorkerConfiguration, processes: Int?, logger: Logger
    ) throws(InvalidSetting) {
        self.plan = ConnectionPlan(
            processes: processes ?? 1, isSupervised: processes != nil, concurrency: configuration.concurrency,
            told: try settings.connections())
        self.stores = stores
        self.logger = logger
    }

    /// The worker, which starts when its room is known. A supervised one has been counted by its supervisor.
    public func before(_ worker: Worker) -> any QuietableService {
        CheckedStart(check: self, service: worker) { [pool = self.stores.pool] in pool.limit(perServer: $0) }
    }

    /// The supervisor, which starts when the room for its children is known.
    public func before(_ supervisor: WorkerSupervisor) -> any QuietableService {
        CheckedStart(check: self, service: supervisor) { supervisor.limitConnections(to: $0) }
    }

    /// Looks, and says what is to be said.
    ///
    /// - Returns: How many connections to one server each process's handlers shall have.
    /// - Throws: `InvalidSetting` with all figures when the servers cannot hold what may be opened;
    ///   `CancellationError`.
    func run() async throws -> Int {
        let room = try await self.waitFor("PostgreSQL") { try await self.stores.client.ledger.connectionRoom() }
        var verdict = ConnectionPlan.Verdict(connections: self.plan.told ?? ConnectionPlan.usual)
        if let room { verdict = self.plan.verdict(room) }
        for remark in verdict.remarks { self.say(remark) }
        if let refusal = verdict.refusal { throw refusal }
        if let room = try await self.waitFor("Redis", self.redisRoom) ?? nil {
            let (refusal, remark) = self.plan.verdict(room)
            if let remark { self.say(remark) }
            if let refusal { throw refusal }
        }
        return verdict.connections
    }

    private func say(_ remark: ConnectionPlan.Remark) {
        self.logger.log(
            level: remark.level, "\(remark.text)", metadata: remark.figures.mapValues { "\($0)" })
    }

    /// Asks until the server answers. - Returns: nil when it answers and will not tell: the workers' own errors say
    /// more about that.
    private func waitFor<Room: Sendable>(_ server: String, _ ask: () async throws -> Room) async throws -> Room? {
        var backoff = Backoff()
        var hasSaid = false
        while true {
            do {
                return try await ask()
            } catch {
                try Task.checkCancellation()
                let canRetry = (error as? JobQueueError)?.canRetry ?? (error as? RedisError)?.canRetry ?? false
                guard canRetry else {
                    self.logger.notice(
                        "the room for connections is not known", metadata: ["server": "\(server)", "error": "\(error)"])
                    return nil
                }
                if !hasSaid {
                    self.logger.warning(
                        "waiting for a server", metadata: ["server": "\(server)", "error": "\(error)"])
                }
                hasSaid = true
                await backoff.pause()
            }
        }
    }

    /// - Returns: nil when Redis does not say: before 7 it did not.
    private func redisRoom() async throws -> ConnectionPlan.RedisRoom? {
        let info = try await self.stores.redis.send(RedisCommand("INFO", key: nil, "clients")).string ?? ""
        func number(_ name: String) -> Int? {
            let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
            return line.flatMap { Int($0.dropFirst(name.utf8.count + 1)) }
        }
        guard let holds = number("maxclients"), let used = number("connected_clients") else { return nil }
        // One of them is this process's.
        return .init(holds: holds, used: max(0, used - 1))
    }
}

/// A service that starts after the check.
private struct CheckedStart: QuietableService {
    let check: StartCheck
    let service: any QuietableService
    let adopt: @Sendable (Int) -> Void

    func run() async throws {
        do {
            self.adopt(try await cancelWhenGracefulShutdown { try await self.check.run() })
        } catch is CancellationError {
            // Told to end before it began.
            return
        }
        try await self.service.run()
    }

    func quiet() { self.service.quiet() }
}

extension Settings {
    /// `chorewheel.connections`: how many connections to one server a worker process's handlers may have.
    func connections() throws(InvalidSetting) -> Int? {
        try self.int("chorewheel.connections", in: ConnectionPlan.least...10_000)
    }

    /// Whether a supervisor started this process, and has looked whether there is room for it.
    public var isSupervised: Bool { self.string("chorewheel.worker") != nil }
}
