// A place in a handler's conversation with its stores: the nth request of one name since its job was enqueued. Names
// and not numbers, so that what happens in the background (heartbeats, looks for work) shifts nothing.

/// `platform/settle_jobs#1`.
struct CrashPoint: Sendable, Hashable, Comparable, CustomStringConvertible {
    let request: String
    /// From 1.
    let occurrence: Int

    var description: String { "\(self.request)#\(self.occurrence)" }

    init(_ request: String, _ occurrence: Int) {
        self.request = request
        self.occurrence = occurrence
    }

    /// Reads what `description` writes.
    init?(_ text: String) {
        let parts = text.split(separator: "#")
        guard parts.count == 2, let occurrence = Int(parts[1]), occurrence > 0 else { return nil }
        self.init(String(parts[0]), occurrence)
    }

    static func < (one: CrashPoint, other: CrashPoint) -> Bool {
        (one.request, one.occurrence) < (other.request, other.occurrence)
    }

    /// How requests begin that a worker makes by the clock, or again and again while it looks for work, whatever its
    /// jobs do: how many of them there are in a run says nothing, and one of each name is a point.
    private static let background = [
        "redis/beat", "redis/BLPOP", "redis/add_counters", "redis/HKEYS", "redis/take_turn", "redis/ZRANGEBYSCORE",
        "redis/claim_jobs", "redis/EVAL ", "redis/EXISTS", "platform/beat_session", "platform/promote_due",
        "platform/next_due", "platform/running_jobs", "platform/expired_sessions",
    ]

    static func isBackground(_ request: String) -> Bool { self.background.contains { request.hasPrefix($0) } }

    /// Whether it is one of many that are alike; or a script's text, which only a Redis gets that does not know it yet.
    var isRepetition: Bool {
        self.occurrence > 1 && Self.isBackground(self.request) || self.request.hasPrefix("redis/EVAL ")
    }
}
