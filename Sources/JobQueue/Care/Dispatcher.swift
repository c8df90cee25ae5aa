// Puts ledger jobs whose time has come into Redis. It listens for PostgreSQL's notifications, so that a commit is
// followed by its dispatch at once, and looks by itself when the next ticket is due. Listening is an economy: without
// it (no connection to spare, a pooler that does not pass notifications on) dispatch goes on, by looking more often.
//
// Invariant: a ticket goes away only after Redis has its job. A crash in between puts the job twice, which is nothing.

internal import JobModel
public import Logging
internal import Postgres
internal import Redis

/// Moves due tickets of the ledger to Redis.
///
/// Any number of dispatchers may run; one is enough. See `Caretaker` in WorkerRuntime for who runs it.
public struct Dispatcher: Sendable {
    private let ledger: Ledger
    private let index: DispatchIndex
    private let logger: Logger

    /// How many tickets one statement takes up.
    private static let batch = 1000
    /// So long without a notification is quiet.
    private static let quiet: Duration = .milliseconds(50)
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
        // Between a notification and the push nothing changes threads.
        await withTaskExecutorPreference(self.index.redis.executor) {
            let listener = DispatchListener(database: self.ledger.database.configuration, logger: self.logger)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await listener.run() }
                await self.dispatch(listener)
                group.cancelAll()
            }
        }
    }

    private func dispatch(_ listener: DispatchListener) async {
        var backoff = Backoff()
        var nextLook = ContinuousClock.now
        // Tickets whose jobs are in Redis: taken away together, when it is quiet, since a worker begins those jobs now.
        var done: [Int64] = []
        while !Task.isCancelled {
            do {
                let heard = listener.takeHeard()
                try await self.push(heard.announced)
                done += heard.announced.map(\.ticket)
                let mustLook = heard.mustLook || .now >= nextLook
                // A look takes up what has a ticket: not again what was pushed a moment ago.
                if !done.isEmpty, mustLook || heard.announced.isEmpty || done.count >= Self.batch {
                    try await self.ledger.finish(tickets: done)
                    done = []
                }
                if mustLook {
                    try await self.dispatchDue()
                    let due = try await self.ledger.nextDue() ?? Self.poll
                    let poll = listener.isListening ? Self.poll : Self.deafPoll
                    nextLook = .now + min(max(due, .milliseconds(1)), poll)
                }
                backoff.reset()
                let longest = done.isEmpty ? Self.poll : Self.quiet
                await listener.heard.wait(atMost: max(min(nextLook - .now, longest), .milliseconds(1)))
            } catch {
                if Task.isCancelled { return }
                self.logger.warning("dispatching interrupted; trying again", metadata: ["error": "\(error)"])
                // What was heard may not have been done.
                nextLook = .now
                await backoff.pause()
            }
        }
    }

    /// Dispatches what is due now. - Returns: How many jobs were put in.
    @discardableResult
    public func dispatchDue() async throws -> Int {
        var count = 0
        while true {
            let due = try await self.ledger.takeDue(limit: Self.batch)
            guard !due.isEmpty else { return count }
            count += try await self.push(due)
            try await self.ledger.finish(tickets: due.map(\.ticket))
            if due.count < Self.batch { return count }
        }
    }

    @discardableResult
    private func push(_ due: [DueDispatch]) async throws -> Int {
        let jobs = due.filter(\.runnable).map(\.job)
        for (queue, jobs) in Dictionary(grouping: jobs, by: \.queue) { try await self.index.push(jobs, to: queue) }
        return jobs.count
    }
}
