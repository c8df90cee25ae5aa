// Which server a new database goes to. Pure; the locking of the rows is FamilyPlacement's.

public import JobModel

/// How full a server is.
public struct ServerLoad: Sendable, Hashable {
    public let server: UUIDBytes
    public let name: String
    public let databases: Int
    public let databasesMax: Int
    public let alertPercent: Int

    public init(server: UUIDBytes, name: String, databases: Int, databasesMax: Int, alertPercent: Int) {
        self.server = server
        self.name = name
        self.databases = databases
        self.databasesMax = databasesMax
        self.alertPercent = alertPercent
    }

    public var hasRoom: Bool { self.databases < self.databasesMax }
    /// Whether it is time to think of another server.
    public var isNearlyFull: Bool { self.databases * 100 >= self.databasesMax * self.alertPercent }
}

/// Chooses among servers.
public enum ServerPlacement {
    /// The active server with the smallest share of its places taken; of equals the first by id.
    ///
    /// - Throws: `TenancyError(.fleetFull)`, saying how many servers there are and how full.
    public static func choose(among servers: [ServerLoad]) throws(TenancyError) -> ServerLoad {
        let open = servers.filter(\.hasRoom)
        let best = open.min { left, right in
            let shares = (left.databases * right.databasesMax, right.databases * left.databasesMax)
            return shares.0 == shares.1 ? left.server < right.server : shares.0 < shares.1
        }
        guard let best else {
            let taken = servers.reduce(0) { $0 + $1.databases }
            let places = servers.reduce(0) { $0 + $1.databasesMax }
            throw TenancyError(
                .fleetFull,
                servers.isEmpty
                    ? "there is no active database server: add one to database_servers"
                    : "all \(servers.count) active database servers are full (\(taken) of \(places) places taken)")
        }
        return best
    }
}
