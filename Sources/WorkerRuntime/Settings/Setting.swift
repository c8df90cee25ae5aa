// The one list of all settings, with a sentence each: what a settings file may hold, what a variable may be called, and
// what people are told of both. A setting that is not here is not read by anybody.

/// A setting, as people know it.
public struct Setting: Sendable, Hashable {
    /// `chorewheel.lease.seconds`; the member `seconds` of the object `lease` of the object `chorewheel` in a file.
    public let name: String
    /// Who reads it, what it is, and its default.
    public let summary: String

    public init(_ name: String, _ summary: String) {
        self.name = name
        self.summary = summary
    }

    /// The environment variable: `CHOREWHEEL_LEASE_SECONDS`.
    public var variable: String { Settings.variable(self.name) }
}

extension Setting {
    /// Every setting of the processes in this package.
    public static let all = [
        Setting("database.url", "All: the platform's database. Required."),
        Setting("redis.url", "All: redis, rediss, redis+unix, redis+sentinel, redis+cluster. Required."),
        Setting("chorewheel.token", "serve: bearer tokens, separated by commas. Required."),
        Setting("chorewheel.secret.keys", "work: keys that seal the families' passwords, id:base64 each. Required."),
        Setting("stripe.webhook.secret", "serve: the webhook endpoint's secrets. Default: none, webhooks get 503."),
        Setting("chorewheel.host", "serve: the address to listen on. Default: 127.0.0.1."),
        Setting("chorewheel.port", "serve: the port to listen on; 0 picks a free one. Default: 8080."),
        Setting("chorewheel.concurrency", "work: handlers at once in each process. Default: 32."),
        Setting(
            "chorewheel.connections",
            "work: connections of each process's handlers to one PostgreSQL server. Default: 64, or as many as fit."),
        Setting("chorewheel.queues", "work: queues to claim from. Default: those of its kinds, and default."),
        Setting("chorewheel.grace.seconds", "work: how long handlers may go on after SIGTERM. Default: 25."),
        Setting("chorewheel.lease.seconds", "work: without a heartbeat for this long, jobs are others'. Default: 10."),
        Setting("chorewheel.worker", "work: the worker's id, given by its supervisor. Default: minted."),
        Setting("chorewheel.quarantine", "work: alone, leave or only, told by its supervisor. Default: alone."),
        Setting("chorewheel.namespace", "All: the first part of every key in Redis. Default: chorewheel."),
        Setting("chorewheel.migrations", "serve, work, migrate: where platform/ and family/ are. Default: searched."),
        Setting("chorewheel.log.level", "All: trace to critical. Default: info; error for commands that end."),
        Setting("chorewheel.log.format", "All: text or json. Default: text."),
        Setting("chorewheel.config", "All: a JSON file of settings. Default: none."),
        Setting("chorewheel.url", "Clients of the API: its address, as chorewheel dev tells it. Not read here."),
    ]

    /// The setting that a wrong name was probably meant to be; nil when none is near.
    static func nearest(to name: String, among settings: [Setting]) -> Setting? {
        let candidates = settings.map { ($0, Self.distance(Array(name.utf8), Array($0.name.utf8))) }
        guard let (nearest, distance) = candidates.min(by: { $0.1 < $1.1 }), distance <= max(2, name.utf8.count / 4)
        else { return nil }
        return nearest
    }

    /// How many bytes have to be put in, taken out or changed to make one text of the other (Levenshtein).
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let changed = diagonal + (a == b ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(changed, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
