// Socket options by which the kernel notices a peer that vanished without a word: a machine that lost its power, a
// cable, a firewall that forgot us. Whether a server that is there answers in time is the command timeout's business.
//
// The bound is 20 s, as for PostgreSQL (`PostgresConfiguration.liveness`): a silent connection is probed after 10 s and
// then every 5 s, and is given up when nothing was acknowledged for 15 s (Linux) or two probes were lost (elsewhere).
// What was sent and not acknowledged, or could not be sent because the peer takes nothing, is given up after 15 s.

import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

enum SocketLiveness {
    private static let idleSeconds: Int = 10
    private static let intervalSeconds: Int = 5
    private static let probes: Int = 2
    private static let unacknowledgedSeconds: Int = 15

    /// Options of the TCP level and their values, where the platform has them.
    static var options: [(option: NIOBSDSocket.Option, value: Int)] {
        #if os(Linux)
        [
            (.init(rawValue: TCP_KEEPIDLE), self.idleSeconds), (.init(rawValue: TCP_KEEPINTVL), self.intervalSeconds),
            (.init(rawValue: TCP_KEEPCNT), self.probes),
            (.init(rawValue: TCP_USER_TIMEOUT), self.unacknowledgedSeconds * 1000),
        ]
        #else
        [
            (.init(rawValue: TCP_KEEPALIVE), self.idleSeconds), (.init(rawValue: TCP_KEEPINTVL), self.intervalSeconds),
            (.init(rawValue: TCP_KEEPCNT), self.probes),
            (.init(rawValue: TCP_RXT_CONNDROPTIME), self.unacknowledgedSeconds),
        ]
        #endif
    }

    /// The bootstrap, for TCP, with these options.
    static func apply(to bootstrap: ClientBootstrap) -> ClientBootstrap {
        self.options.reduce(bootstrap.channelOption(.socketOption(.so_keepalive), value: 1)) {
            $0.channelOption(.tcpOption($1.option), value: $1.value)
        }
    }
}
