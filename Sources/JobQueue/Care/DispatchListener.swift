// Hears of new tickets: PostgreSQL's notifications, on a connection of its own. What it hears is a hint and nothing
// more; whoever waits on it looks by itself, too. A notification that says which job it is spares the look.

internal import JobModel
internal import Logging
internal import Postgres
internal import Synchronization

/// Wakes the dispatcher when a transaction that enqueued commits.
final class DispatchListener: Sendable {
    /// Woken by each notification, and whenever one may have been missed. For one waiter.
    let heard = WakeSignal()
    private let database: PostgresConfiguration
    private let logger: Logger
    private let state = Mutex(State())

    /// What was heard and not yet taken.
    struct Heard {
        /// Tickets that are due now, told with all that dispatch needs.
        var announced: [DueDispatch] = []
        /// There may be others.
        var mustLook = false
    }

    private struct State {
        var isListening = false
        var heard = Heard()
    }

    /// From so many on, some may have been dropped on their way: a look finds them all.
    private static let announcedMax = 100

    init(database: PostgresConfiguration, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    /// Whether notifications arrive now.
    var isListening: Bool { self.state.withLock { $0.isListening } }

    func takeHeard() -> Heard {
        self.state.withLock { state in
            defer { state.heard = Heard() }
            return state.heard
        }
    }

    private func hear(_ notification: PostgresNotification?) {
        self.state.withLock { state in
            if let announced = notification.flatMap({ DueDispatch(announcement: $0.payload) }),
                state.heard.announced.count < Self.announcedMax
            {
                state.heard.announced.append(announced)
            } else {
                state.heard.mustLook = true
            }
        }
        self.heard.wake()
    }

    /// Listens until cancelled; connects again when the connection is lost.
    func run() async {
        var backoff = Backoff()
        while !Task.isCancelled {
            do {
                try await self.listen { backoff.reset() }
                if Task.isCancelled { return }
                self.logger.notice("the listening connection was lost; connecting again")
            } catch {
                if Task.isCancelled { return }
                self.logger.warning("cannot listen for new jobs; looking instead", metadata: ["error": "\(error)"])
            }
            // What comes now must not wait for the next look.
            self.hear(nil)
            await backoff.pause()
        }
    }

    /// - Returns: When the connection is lost, or the task cancelled.
    private func listen(onSuccess: () -> Void) async throws {
        let connection = try await PostgresConnection.connect(self.database, logger: self.logger)
        do {
            try await connection.query("LISTEN chorewheel_dispatch")
            let notifications = await connection.notifications()
            self.state.withLock { $0.isListening = true }
            onSuccess()
            // What was committed before the LISTEN told nobody.
            self.hear(nil)
            for await notification in notifications { self.hear(notification) }
        } catch {
            self.state.withLock { $0.isListening = false }
            await connection.close()
            throw error
        }
        self.state.withLock { $0.isListening = false }
        await connection.close()
    }
}

extension DueDispatch {
    /// Reads what the ledger's `enqueue` announces: ticket, job, seq, priority, queue and, if it has one, its family,
    /// with blanks between. nil for anything else, such as the empty text: look.
    init?(announcement: String) {
        let words = announcement.split(separator: " ").map(String.init)
        guard words.count == 5 || words.count == 6, let ticket = Int64(words[0]), let id = JobID(words[1]),
            let seq = Int64(words[2]), let priority = Int(words[3]).flatMap({ JobPriority(rawValue: $0) }),
            let queue = try? QueueName(validating: words[4])
        else { return nil }
        let family = words.count == 6 ? FamilyID(words[5]) : nil
        guard family != nil || words.count == 5 else { return nil }
        self.init(
            ticket: ticket, job: WaitingJob(id: id, queue: queue, family: family, priority: priority, seq: seq),
            runnable: true)
    }
}
