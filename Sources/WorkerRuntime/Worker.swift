// A worker process's work: one session after another, until it is told to stop.

internal import JobModel
public import JobQueue
public import Logging
public import Postgres
internal import Redis
internal import ServiceLifecycle
internal import Synchronization
public import WorkerKit

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Claims jobs and runs them.
///
/// A service: graceful shutdown drains (handlers go on for `configuration.grace`, then are cancelled and their jobs
/// given back at no cost); cancelling the task drains without grace. `quiet` goes before either.
public final class Worker: QuietableService {
    private let configuration: WorkerConfiguration
    private let registry: HandlerRegistry
    private let families: (any FamilyDatabaseProvider)?
    private let client: JobQueueClient
    private let platform: PostgresDatabase
    private let counters: RuntimeCounters
    private let logger: Logger
    private let state = Mutex(State())
    private let stopping = WakeSignal()
    /// Who started this process.
    private let parent = getppid()

    private struct State {
        var session: WorkerSession?
        var isQuiet = false
        var isDraining = false
        var isHurrying = false
    }

    /// - Parameter platform: What handlers are lent; nil: the ledger's own connections, which they can then exhaust.
    /// - Throws: `InvalidSetting`.
    public init(
        configuration: WorkerConfiguration, registry: HandlerRegistry, families: (any FamilyDatabaseProvider)?,
        client: JobQueueClient, platform: PostgresDatabase? = nil, counters: RuntimeCounters = RuntimeCounters(),
        logger: Logger
    ) throws(InvalidSetting) {
        try configuration.validate()
        self.configuration = configuration
        self.registry = registry
        self.families = families
        self.client = client
        self.platform = platform ?? client.ledger.database
        self.counters = counters
        self.logger = logger
        counters.announce(kinds: registry.kinds)
    }

    /// Works until shut down. Servers that are away are waited for.
    ///
    /// - Throws: `JobQueueError` or `RedisError` that trying again cannot help: Redis would throw jobs away, the schema
    ///   is missing, a password is wrong.
    public func run() async throws {
        try await withGracefulShutdownHandler {
            try await withTaskCancellationHandler {
                // Owner: this call, which waits for it: a session ends in order even when the call is cancelled.
                try await Task { try await self.runSessions() }.value
            } onCancel: {
                self.stop(hurrying: true)
            }
        } onGracefulShutdown: {
            self.stop(hurrying: false)
        }
    }

    /// Claims nothing more, gives back what waits for a slot, and lets what runs go on without a limit but its own
    /// timeout. The session lives on: it beats, and may be the caretaker. It ends when the worker is shut down.
    public func quiet() {
        let session = self.state.withLock { state -> WorkerSession?? in
            guard !state.isQuiet, !state.isDraining else { return nil }
            state.isQuiet = true
            return .some(state.session)
        }
        guard let session else { return }
        self.logger.notice("quiet: nothing more is claimed, what runs goes on; SIGTERM ends, nothing undoes this")
        session?.quiet()
        self.stopping.wake()
    }

    /// Claims nothing more and ends when what runs has, or the grace is over: what a graceful shutdown does.
    public func drain() { self.stop(hurrying: false) }

    private func stop(hurrying: Bool) {
        let session = self.state.withLock { state in
            state.isDraining = true
            if hurrying { state.isHurrying = true }
            return state.session
        }
        if hurrying { session?.hurry() } else { session?.drain() }
        self.stopping.wake()
    }

    private var isStopping: Bool { self.state.withLock { $0.isDraining } }
    private var isQuiet: Bool { self.state.withLock { $0.isQuiet } }

    private func runSessions() async throws {
        var backoff = Backoff()
        while !self.isStopping {
            if self.isQuiet {
                // Between two sessions there is nothing that should live on: it begins none.
                await self.stopping.wait(atMost: .seconds(60))
                continue
            }
            let session: WorkerSession
            do {
                session = try await self.begin()
                backoff.reset()
            } catch let error as JobQueueError where !error.canRetry {
                // Wrong settings, a missing schema, an unsafe Redis: waiting does not help.
                throw error
            } catch let error as RedisError where !error.canRetry {
                throw error
            } catch {
                self.logger.warning("cannot start a session yet; trying again", metadata: ["error": "\(error)"])
                await self.stopping.wait(atMost: backoff.nextPause())
                continue
            }
            self.state.withLock { $0.session = session }
            if self.isQuiet { session.quiet() }
            if self.isStopping { self.stop(hurrying: self.state.withLock { $0.isHurrying }) }
            session.logger.info(
                "session started",
                metadata: [
                    "queues": "\(session.queues.map(\.rawValue).joined(separator: ","))",
                    "concurrency": "\(self.configuration.concurrency)",
                ])
            let end = await session.run()
            self.state.withLock { $0.session = nil }
            await self.end(session, end)
            // Nobody told it to: a quarantine child has found that it is not needed any more.
            if end == .stopped { return }
            if self.configuration.quarantine != .alone, getppid() != self.parent {
                // Killed, and its supervisor took us for dead: our place is another's now, and nobody would end us.
                self.logger.error("the process that held this one for its supervisor is gone; ending")
                return
            }
        }
    }

    private func begin() async throws -> WorkerSession {
        try await self.client.index.requireSafeSettings()
        let queues = self.configuration.queues(for: self.registry)
        try await self.client.ledger.register(
            kinds: self.registry.handlers.values.map { handler in
                KindRegistration(
                    kind: handler.kind.rawValue, queue: handler.queue.rawValue, durability: handler.durability,
                    target: handler.targets, maxAttempts: handler.retryPolicy.maxAttempts,
                    payloadSchema: handler.payloadSchema)
            })
        try await self.client.open(Set(queues + self.registry.queues).sorted())
        let registration = SessionRegistration(
            id: SessionID.mint(), worker: self.configuration.worker, host: hostName(), pid: Int(getpid()),
            version: self.configuration.version, queues: queues, kinds: self.registry.kinds,
            concurrency: self.configuration.concurrency)
        let number = try await self.client.ledger.register(registration)
        let session = WorkerSession(
            registration: registration, number: number, configuration: self.configuration, registry: self.registry,
            families: self.families, ledger: self.client.ledger, platform: self.platform, index: self.client.index,
            counters: self.counters, logger: self.logger)
        do {
            _ = try await session.beat(registering: true)
        } catch {
            _ = try await self.client.ledger.reap(registration.id, because: .stopped)
            throw error
        }
        return session
    }

    private func end(_ session: WorkerSession, _ end: WorkerSession.End) async {
        switch end {
        case .lost:
            // Redis keeps the mark of a reaped session for an hour, and loses it when it is emptied. Without it Redis
            // gave the session jobs after its end, and nobody else looks for them there. They go back at no cost.
            do {
                try await self.sayFarewell(session)
            } catch {
                session.logger.error(
                    "what redis gave this session after its end could not be given back",
                    metadata: ["error": "\(error)"])
            }
            session.logger.notice("going on under a new session")
        case .stopped:
            do {
                try await self.sayFarewell(session)
                session.logger.info("session ended")
            } catch {
                session.logger.error(
                    "the session could not be ended in order; its lease will end it", metadata: ["error": "\(error)"])
            }
        }
    }
}

extension Worker {
    /// Ends a session in both stores, in bounded time: a drained one that cannot, its lease ends; a lost one was ended
    /// by others in the ledger, and there is only what Redis holds.
    private func sayFarewell(_ session: WorkerSession) async throws {
        let reaper = SessionReaper(
            ledger: self.client.ledger, index: self.client.index, counters: self.counters, logger: session.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await reaper.reap(session.id, because: .stopped) }
            group.addTask {
                try await Task.sleep(for: WorkerConfiguration.farewellLimit)
                throw JobQueueError(.unavailable, "no answer within \(WorkerConfiguration.farewellLimit)")
            }
            try await group.next()
            group.cancelAll()
        }
    }
}

private func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "unknown" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
