// Puts ledger jobs whose time has come into Redis. It listens for PostgreSQL's notifications, so that a commit is
// followed by its dispatch at once, and looks by itself when the next ticket is due. Listening is an economy: without
// it (no connection to spare, a pooler that does not pass notifications on) dispatch goes on, by looking more often.
//
// Invariant: a ticket goes away only after Redis has its job. A crash in between puts the job twice, which is nothing.

internal import JobModel
public import Logging
internal import Postgres

/// Moves due tickets of the ledger to Redis.
///
/// Any number of dispatchers may run; one is enough. See `Caretaker` in WorkerRuntime for who runs it.
public struct Dispatcher: Sendable {
    private let ledger: Ledger
    private let index: DispatchIndex
    private let logger: Logger

    /// How many tickets one statement takes up.
    private static let batch = 1000
    /// Looks at least this often, in case a notification was lost.
    private static let poll: Duration = .seconds(5)
    /// Looks at least this often while it cannot listen.
    private static let deafPoll: Duration = .milliseconds(500)

    public init(ledger: Ledger, index: DispatchIndex, logger: Logger) {
        self.ledger = ledger
        self.index = index
        self.logger = logger
    }

    /// Dispatches until cancelled. Servers that are away are waited for.
    public func run() async {
        let listener = DispatchListener(database: self.ledger.database.configuration, logger: self.logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await listener.run() }
            var backoff = Backoff()
            while !Task.isCancelled {
                do {
                    try await self.dispatchDue()
                    backoff.reset()
                    let due = try await self.ledger.nextDue() ?? Self.poll
                    let poll = listener.isListening ? Self.poll : Self.deafPoll
                    await listener.heard.wait(atMost: min(max(due, .milliseconds(1)), poll))
                } catch {
                    if Task.isCancelled { break }
                    self.logger.warning("dispatching interrupted; trying again", metadata: ["error": "\(error)"])
                    await backoff.pause()
                }
            }
            group.cancelAll()
        }
    }

    /// Dispatches what is due now. - Returns: How many jobs were put in.
    @discardableResult
    public func dispatchDue() async throws -> Int {
        var dispatched = 0
        while true {
            let due = try await self.ledger.takeDue(limit: Self.batch)
            for (queue, jobs) in Dictionary(grouping: due.filter(\.runnable).map(\.job), by: \.queue) {
                try await self.index.push(jobs, to: queue)
                dispatched += jobs.count
            }
            if !due.isEmpty { try await self.ledger.finish(tickets: due.map(\.ticket)) }
            if due.count < Self.batch { return dispatched }
        }
    }
}
