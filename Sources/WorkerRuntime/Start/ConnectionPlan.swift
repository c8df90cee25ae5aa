// What connections workers may open at most, and what that means beside what the servers hold. Pure: `StartCheck` asks
// the servers, and says what is found here.

internal import JobQueue
internal import Logging
internal import Postgres

/// How many connections the processes of one `work` may open to the platform's servers.
struct ConnectionPlan: Sendable, Hashable {
    /// A worker's statements for the ledger have connections of their own (`Stores`).
    static let ledger = Stores.ledgerLimits.total
    /// What a process's handlers may have to one server when nobody says otherwise.
    static let usual = PostgresPoolLimits().perServer
    /// And to one database: the platform's.
    static let perDatabase = PostgresPoolLimits().perDatabase
    /// A handler that holds its family's database may need the platform's besides.
    static let least = 2
    /// The caretaker's, which listens; there is one caretaker.
    static let listener = 1
    /// A supervisor's ledger, and the ledger and the one job of the child that runs suspects of crashes.
    static let supervision = Self.ledger + Self.ledger + Self.least
    /// To Redis: commands, and the wait for work.
    static let redisPerProcess = 2
    /// To Redis: the supervisor's commands, and its quarantine's two.
    static let redisSupervision = 3

    var processes: Int
    var isSupervised: Bool
    /// Handlers at once in each process.
    var concurrency: Int
    /// Connections of each process's handlers, by `chorewheel.connections`; nil: nobody said.
    var told: Int?

    /// What Redis holds.
    struct RedisRoom: Sendable, Hashable {
        var holds: Int
        var used: Int
    }

    /// Something to say.
    struct Remark: Sendable, Hashable {
        var level: Logger.Level
        var text: String
        var figures: [String: Int]
    }

    /// What follows.
    struct Verdict: Sendable, Hashable {
        /// Connections that each process's handlers shall have to a server.
        var connections: Int
        var remarks: [Remark] = []
        var refusal: InvalidSetting?
    }

    private var fixed: Int { Self.listener + (self.isSupervised ? Self.supervision : 0) }

    /// What may be open at once, of what the limit counts.
    func need(_ connections: Int, under scope: ConnectionRoom.Limit.Scope) -> Int {
        let handlers =
            switch scope {
            case .server: connections
            case .role, .database: min(connections, Self.perDatabase)
            }
        return self.processes * (handlers + Self.ledger) + self.fixed
    }

    /// The most connections for each process's handlers with which the need is no more than that.
    private func most(for need: Int, under scope: ConnectionRoom.Limit.Scope) -> Int {
        let most = (need - self.fixed) / self.processes - Self.ledger
        return scope == .server || most < Self.perDatabase ? most : .max
    }

    /// What a worker does about the room that there is.
    ///
    /// What was asked for by name is refused when it cannot be held. What was not is made to fit: a quarter is left to
    /// the web tier and to people.
    func verdict(_ room: ConnectionRoom) -> Verdict {
        var verdict = Verdict(connections: self.told ?? Self.usual)
        if self.told == nil, room.isDirect {
            let fitting = room.limits.map { self.most(for: $0.holds - $0.holds / 4, under: $0.scope) }
            verdict.connections = max(Self.least, min(Self.usual, fitting.min() ?? Self.usual))
            if verdict.connections < Self.usual {
                verdict.remarks.append(
                    Remark(
                        level: .notice,
                        text: "each process's handlers get fewer connections to PostgreSQL than usual, "
                            + "so that all fit; CHOREWHEEL_CONNECTIONS sets another number",
                        figures: [
                            "processes": self.processes, "connections": verdict.connections, "usual": Self.usual,
                            "holds": room.limits.map(\.holds).min() ?? 0,
                        ]))
            }
        }
        for limit in room.limits {
            let need = self.need(verdict.connections, under: limit.scope)
            if need > limit.holds {
                let text = self.refusal(need, verdict.connections, limit)
                if room.isDirect {
                    verdict.refusal = InvalidSetting(field: self.settingToLower, rule: text)
                    return verdict
                }
                verdict.remarks.append(
                    Remark(
                        level: .warning, text: "\(text). Unless what stands between shares connections", figures: [:]))
            } else if need > limit.holds - limit.used {
                verdict.remarks.append(
                    Remark(
                        level: .warning, text: "workers may want more connections than \(limit.setting) has free now",
                        figures: [
                            "may_open": need, "free": limit.holds - limit.used, "holds": limit.holds,
                            "used_by_others": limit.used, "processes": self.processes,
                            "connections": verdict.connections,
                        ]))
            }
        }
        if self.concurrency > verdict.connections * 2 {
            verdict.remarks.append(
                Remark(
                    level: .notice,
                    text: "many more handlers run at once than have a connection to one server: those that use a "
                        + "database wait for each other; lower CHOREWHEEL_CONCURRENCY, or raise "
                        + "CHOREWHEEL_CONNECTIONS",
                    figures: [
                        "concurrency": self.concurrency, "connections": verdict.connections,
                        "connections_to_platform": min(verdict.connections, Self.perDatabase),
                    ]))
        }
        return verdict
    }

    private var settingToLower: String {
        self.told != nil ? "chorewheel.connections" : self.isSupervised ? "processes" : "database.url"
    }

    /// The rule that was broken, with all figures.
    private func refusal(_ need: Int, _ connections: Int, _ limit: ConnectionRoom.Limit) -> String {
        let handlers = limit.scope == .server ? connections : min(connections, Self.perDatabase)
        let parts = [
            "\(handlers) for the handlers and \(Self.ledger) for the ledger of each", "\(Self.listener) that listens",
            self.isSupervised ? "\(Self.supervision) for the supervisor and its quarantine" : nil,
        ].compactMap { $0 }.joined(separator: ", ")
        let processes = self.processes == 1 ? "1 worker process" : "\(self.processes) worker processes"
        let most = self.most(for: limit.holds, under: limit.scope)
        var remedies: [String] = []
        if self.told != nil, most >= Self.least { remedies.append("set CHOREWHEEL_CONNECTIONS to \(most) or fewer") }
        let perProcess = (self.told == nil ? Self.least : handlers) + Self.ledger
        let mostProcesses = (limit.holds - self.fixed) / perProcess
        if self.isSupervised, self.processes > 1, mostProcesses >= 1 {
            remedies.append("run fewer --processes (at most \(min(mostProcesses, self.processes - 1)))")
        }
        remedies.append("raise \(limit.setting)")
        return "asks for more than \(limit.setting) holds: \(processes) may open \(need) connections to PostgreSQL "
            + "(\(parts)), it holds \(limit.holds), others have \(limit.used) of them: "
            + remedies.joined(separator: ", or ")
    }

    /// The same for Redis, where a process has no more connections than it needs.
    func verdict(_ room: RedisRoom) -> (refusal: InvalidSetting?, remark: Remark?) {
        let need =
            self.processes * Self.redisPerProcess + (self.isSupervised ? Self.redisSupervision : 0)
        if need > room.holds {
            return (
                InvalidSetting(
                    field: self.isSupervised ? "processes" : "redis.url",
                    rule: "asks for more than Redis' maxclients holds: \(self.processes) worker processes open "
                        + "\(need) connections (\(Self.redisPerProcess) each), it holds \(room.holds), others have "
                        + "\(room.used) of them: run fewer --processes, or raise maxclients"), nil
            )
        }
        guard need > room.holds - room.used else { return (nil, nil) }
        return (
            nil,
            Remark(
                level: .warning, text: "workers may want more connections than Redis' maxclients has free now",
                figures: [
                    "may_open": need, "free": room.holds - room.used, "holds": room.holds, "used_by_others": room.used,
                    "processes": self.processes,
                ])
        )
    }
}

extension ConnectionRoom.Limit {
    /// Where it is set.
    fileprivate var setting: String {
        switch self.scope {
        case .server: "max_connections"
        case .role(let name): "the CONNECTION LIMIT of role \(name)"
        case .database(let name): "the CONNECTION LIMIT of database \(name)"
        }
    }
}
