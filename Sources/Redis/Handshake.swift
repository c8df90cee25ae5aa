// What is said on a new connection before anyone may use it, and what the answers mean. A value; sends nothing.
//
// All commands go in one flush. `PING` comes last, because a server that is loading its data answers AUTH and SELECT
// but nothing that we could use it for.

struct Handshake: Sendable, Equatable {
    private enum Step: Sendable, Equatable {
        case authenticate(RedisConfiguration.Credentials)
        case select(Int)
        case name(String)
        /// Sentinels may name a server that was the master a moment ago: ask it.
        case checkMaster
        case ping
    }

    private var steps: [Step] = []

    /// The handshake with a data server.
    init(configuration: RedisConfiguration) {
        if let credentials = configuration.credentials { self.steps.append(.authenticate(credentials)) }
        if configuration.database != 0 { self.steps.append(.select(configuration.database)) }
        if let name = configuration.clientName { self.steps.append(.name(name)) }
        if case .sentinel = configuration.topology { self.steps.append(.checkMaster) }
        self.steps.append(.ping)
    }

    /// The handshake with a sentinel.
    init(sentinelOf configuration: RedisConfiguration) {
        if let credentials = configuration.sentinelCredentials { self.steps.append(.authenticate(credentials)) }
        self.steps.append(.ping)
    }

    /// The commands, in order; as many replies are expected.
    var commands: [RedisCommand] {
        self.steps.map { step in
            switch step {
            case .authenticate(let credentials):
                if let username = credentials.username {
                    RedisCommand("AUTH", username, credentials.password)
                } else {
                    RedisCommand("AUTH", credentials.password)
                }
            case .select(let database): RedisCommand("SELECT", String(database))
            case .name(let name): RedisCommand("CLIENT", "SETNAME", name)
            case .checkMaster: RedisCommand("ROLE")
            case .ping: RedisCommand("PING")
            }
        }
    }

    /// Why the connection cannot be used, or `nil` if it is ready.
    func verdict(on replies: [RedisValue]) -> RedisError? {
        guard replies.count == self.steps.count else {
            return RedisError(.protocolViolation, "\(replies.count) replies to \(self.steps.count) commands")
        }
        for (step, reply) in zip(self.steps, replies) {
            switch step {
            case .authenticate, .select:
                if let error = reply.error { return RedisError(error) }
            case .name, .ping:
                // A user without the right to PING or to name itself may well have the rights that it needs; and a
                // server that cannot save answers all but writes (and PING): each command hears for itself.
                if let error = reply.error, !["NOPERM", "MISCONF"].contains(error.prefix) { return RedisError(error) }
            case .checkMaster:
                if let error = reply.error { return RedisError(error) }
                guard let role = reply.array?.first?.string, role == "master" else {
                    return RedisError(.unavailable, "the server that the sentinels named is not a master (yet)")
                }
            }
        }
        return nil
    }
}
