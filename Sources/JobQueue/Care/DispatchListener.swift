// Hears of new tickets: PostgreSQL's notifications, on a connection of its own. What it hears is a hint and nothing
// more; whoever waits on it looks by itself, too.

internal import Logging
internal import Postgres
internal import Synchronization

/// Wakes the dispatcher when a transaction that enqueued commits.
final class DispatchListener: Sendable {
    /// Woken by each notification, and whenever one may have been missed. For one waiter.
    let heard = WakeSignal()
    private let database: PostgresConfiguration
    private let logger: Logger
    private let listening = Mutex(false)

    init(database: PostgresConfiguration, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    /// Whether notifications arrive now.
    var isListening: Bool { self.listening.withLock { $0 } }

    /// Listens until cancelled; connects again when the connection is lost.
    func run() async {
        var backoff = Backoff()
        while !Task.isCancelled {
            do {
                try await self.listen { backoff.reset() }
                self.logger.notice("the listening connection was lost; connecting again")
            } catch {
                if Task.isCancelled { return }
                self.logger.warning("cannot listen for new jobs; looking instead", metadata: ["error": "\(error)"])
            }
            // What comes now must not wait for the next look.
            self.heard.wake()
            await backoff.pause()
        }
    }

    /// - Returns: When the connection is lost, or the task cancelled.
    private func listen(onSuccess: () -> Void) async throws {
        let connection = try await PostgresConnection.connect(self.database, logger: self.logger)
        do {
            try await connection.query("LISTEN chorewheel_dispatch")
            let notifications = await connection.notifications()
            self.listening.withLock { $0 = true }
            onSuccess()
            // What was committed before the LISTEN told nobody.
            self.heard.wake()
            for await _ in notifications { self.heard.wake() }
        } catch {
            self.listening.withLock { $0 = false }
            await connection.close()
            throw error
        }
        self.listening.withLock { $0 = false }
        await connection.close()
    }
}
