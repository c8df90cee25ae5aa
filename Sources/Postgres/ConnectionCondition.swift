// What others than the loop may ask about a connection without a hop: the pool decides by it whether a connection can
// be lent again.

import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A connection's state as last seen by its loop, which alone writes it.
final class ConnectionCondition: Sendable {
    /// Connecting → idle ⇄ busy; all → lost, which is final.
    enum Phase: UInt8, AtomicRepresentable { case connecting, idle, busy, lost }

    private let phase = Atomic<Phase>(.connecting)
    private let inTransaction = Atomic<Bool>(false)
    private let mayBeReused = Atomic<Bool>(true)
    private let descriptor = Atomic<Int32>(-1)

    func enter(_ phase: Phase, descriptor: Int32, isInTransaction: Bool) {
        self.descriptor.store(descriptor, ordering: .relaxed)
        inTransaction.store(isInTransaction, ordering: .relaxed)
        self.phase.store(phase, ordering: .releasing)
    }

    func forbidReuse() { mayBeReused.store(false, ordering: .releasing) }

    var isUsable: Bool {
        switch phase.load(ordering: .acquiring) {
        case .idle, .busy: true
        case .connecting, .lost: false
        }
    }

    /// Whether the next user would find it as a fresh one: idle, outside a transaction, and not marked by its last
    /// user.
    var isReusable: Bool {
        phase.load(ordering: .acquiring) == .idle && !inTransaction.load(ordering: .relaxed)
            && mayBeReused.load(ordering: .acquiring)
    }

    /// Whether something lies unread in the socket of an idle connection. Usually that is its end.
    /// Costs one system call, which does not wait. The pool asks only about connections that nobody else holds.
    var hasUnreadInput: Bool {
        var set = pollfd(fd: descriptor.load(ordering: .relaxed), events: Int16(POLLIN), revents: 0)
        return poll(&set, 1, 0) != 0
    }
}
