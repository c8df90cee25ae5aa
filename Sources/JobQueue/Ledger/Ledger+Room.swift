// How many connections the ledger's server lets in: for workers, which look before they start.

internal import Postgres

/// What limits connections to the platform's database, and what others have of it.
public struct ConnectionRoom: Sendable, Hashable {
    public struct Limit: Sendable, Hashable {
        public enum Scope: Sendable, Hashable {
            /// All connections to the server, but those kept for superusers.
            case server
            /// Those of this role.
            case role(String)
            /// Those to this database.
            case database(String)
        }

        public var scope: Scope
        public var holds: Int
        /// By others than the connection that asked.
        public var used: Int

        public init(scope: Scope, holds: Int, used: Int) {
            self.scope = scope
            self.holds = holds
            self.used = used
        }
    }

    /// The server's first.
    public var limits: [Limit]
    /// False when the server is not what we connected to, probably a pooler: then that one's limits count.
    public var isDirect: Bool

    public init(limits: [Limit], isDirect: Bool) {
        self.limits = limits
        self.isDirect = isDirect
    }
}

extension Ledger {
    /// Looks what the server holds, and has.
    public func connectionRoom() async throws -> ConnectionRoom {
        guard let row = try await self.query(EmbeddedText.connectionRoom).first else {
            throw JobQueueError(.corrupt, "the catalog does not have the current role")
        }
        var room = ConnectionRoom(
            limits: [.init(scope: .server, holds: try row.int("server_holds"), used: try row.int("server_used"))],
            isDirect: true)
        if let port = try row.optionalInt("server_port") {
            room.isDirect = port == self.database.configuration.port
        }
        if try !row.bool("is_superuser") {
            if let holds = try row.optionalInt("role_holds") {
                let role = ConnectionRoom.Limit.Scope.role(try row.string("role"))
                room.limits.append(.init(scope: role, holds: holds, used: try row.int("role_used")))
            }
            if let holds = try row.optionalInt("database_holds") {
                let database = ConnectionRoom.Limit.Scope.database(try row.string("database"))
                room.limits.append(.init(scope: database, holds: holds, used: try row.int("database_used")))
            }
        }
        return room
    }
}
