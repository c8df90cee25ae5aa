// LISTEN/NOTIFY. While someone listens, a task of the connection's own watches the idle socket; during a statement it
// steps aside, and what arrives with the statement's results is delivered then.

import CLibPQ

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A message sent with NOTIFY.
public struct PostgresNotification: Sendable, Hashable {
    public let channel: String
    /// Up to 8,000 bytes; empty if none was given.
    public let payload: String
    /// The process that sent it; compare with `backendPID` to know one's own.
    public let backendPID: Int32
}

extension PostgresConnection {
    /// How many notifications wait for a slow reader; the oldest are dropped beyond. They are hints, never the only
    /// record.
    static let notificationsMax = 1_024

    /// The notifications from now on, after `query("LISTEN channel")`; several streams each get all.
    ///
    /// A stream ends when the connection is lost or closed. The pool does not lend such a connection to another user.
    public func notifications() -> AsyncStream<PostgresNotification> {
        condition.forbidReuse()
        let (stream, continuation) = AsyncStream.makeStream(
            of: PostgresNotification.self, bufferingPolicy: .bufferingNewest(Self.notificationsMax))
        guard handle != nil else {
            continuation.finish()
            return stream
        }
        subscribersMade += 1
        let number = subscribersMade
        subscribers[number] = continuation
        continuation.onTermination = { [weak self] _ in
            guard let self else { return }
            // Owned by the connection; ends at once.
            Task { await self.unsubscribe(number) }
        }
        // Owned by the connection; ends with the last subscriber or the connection (`lose` interrupts it).
        if watcher == nil { watcher = Task { await self.watchWhileIdle() } }
        return stream
    }

    private func unsubscribe(_ number: UInt64) {
        subscribers[number] = nil
        if subscribers.isEmpty { loop.interrupt(watchKey) }
    }

    private func watchWhileIdle() async {
        while let handle, !subscribers.isEmpty {
            let descriptor = isOccupied ? -1 : handle.descriptor
            let outcome = await wait(watchKey, descriptor: descriptor, events: Int16(POLLIN), until: nil)
            guard outcome == .ready, !isOccupied else { continue }
            _ = isAliveWhileIdle()
        }
        watcher = nil
    }

    /// Hands out what has arrived.
    func deliverNotifications() {
        guard let handle else { return }
        for notification in handle.takeNotifications() {
            for subscriber in subscribers.values { subscriber.yield(notification) }
        }
    }

    /// Ends the streams and the watch.
    func finishNotifications() {
        let ended = subscribers
        subscribers = [:]
        for subscriber in ended.values { subscriber.finish() }
        if watcher != nil { loop.interrupt(watchKey) }
    }
}
