// The words in which `PoolState` is spoken to: what a connection leads to, who waits, and what is to be done. Plain
// values, without rules.

extension PoolState {
    struct Server: Hashable {
        let host: String
        let port: Int
    }

    struct Database: Hashable {
        let server: Server
        let name: String
    }

    /// Connections that are interchangeable: same database, same user, same settings.
    struct Line: Hashable {
        let configuration: PostgresConfiguration
        var server: Server { Server(host: configuration.host, port: configuration.port) }
        var database: Database { Database(server: server, name: configuration.database) }
        var endpoint: Endpoint { Endpoint(server: server, tls: configuration.tls) }
    }

    /// What can be away: a server as it is reached with these TLS settings. A wrong certificate file of one caller is
    /// no outage for the others.
    struct Endpoint: Hashable {
        let server: Server
        let tls: PostgresConfiguration.TLS
    }

    struct ConnectionID: Hashable { let number: UInt64 }
    struct WaiterID: Hashable, Comparable {
        let number: UInt64
        static func < (left: WaiterID, right: WaiterID) -> Bool { left.number < right.number }
    }

    /// How a caller gets its connection.
    enum Start: Equatable {
        /// Take this open one; look whether it is alive (`replace` if not).
        case lend(ConnectionID)
        /// Open one under this id, after closing the other; answer with `opened` or `remove`.
        case open(ConnectionID, closing: ConnectionID?)
    }

    enum AcquireAction: Equatable {
        case start(Start)
        case wait(WaiterID)
        case refuse(PostgresError.Code)
        /// The server is away, and it is not time to try again: see `failure(at:)`.
        case unreachable
    }

    /// What to do about a lent connection that was found dead.
    enum Replacement: Equatable {
        /// Open one in its place, under this id; answer with `opened` or `remove`.
        case open(ConnectionID)
        /// As for `AcquireAction`; its place is free.
        case unreachable(Consequences)
    }

    /// A waiter that is not served because its server is away: see `failure(at:)`.
    struct Unreachable: Equatable {
        let waiter: WaiterID
        let endpoint: Endpoint
    }

    struct Grant: Equatable {
        let waiter: WaiterID
        let start: Start
    }

    /// What follows from an event; everything in it is independent of each other.
    struct Consequences: Equatable {
        var close: [ConnectionID] = []
        var grants: [Grant] = []
        var expired: [WaiterID] = []
        var unreachable: [Unreachable] = []
    }
}
