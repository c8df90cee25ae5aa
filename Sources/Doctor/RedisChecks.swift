// Redis: reachable, new enough, keeping what it is given. What it answers is read into `RedisFacts`; what that means is
// decided there, purely.

internal import Redis

extension Examination {
    func checkRedis() async throws -> [Finding] {
        var info = ""
        for section in ["server", "memory", "persistence", "replication"] {
            info += try await self.redis.send(RedisCommand("INFO", key: nil, section)).requireString() + "\r\n"
        }
        return RedisFacts(info: info).findings
    }
}

/// What Redis says of itself.
struct RedisFacts: Sendable, Hashable {
    private let values: [String: String]

    /// - Parameter info: The text of `INFO`: `name:value` a line, headings after `#`.
    init(info: String) {
        var values: [String: String] = [:]
        for line in info.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
        }
        self.values = values
    }

    private func number(_ name: String) -> Int? { self.values[name].flatMap { Int($0) } }

    var findings: [Finding] {
        [self.version, self.role, self.policy, self.persistence, self.lastWrite, self.memory].compactMap { $0 }
    }

    private var version: Finding {
        let version = self.values["redis_version"] ?? "unknown"
        let major = version.split(separator: ".").first.flatMap { Int($0) } ?? 0
        return major >= 7
            ? .ok("redis", "version \(version)")
            : .fail("redis", "version \(version) is too old", remedy: "use Redis 7 or newer", cause: .configuration)
    }

    private var role: Finding? {
        guard let role = self.values["role"], role != "master" else { return nil }
        return .fail(
            "redis", "is a \(role == "slave" ? "replica" : role): nothing can be written",
            remedy: "let REDIS_URL name the master, or the sentinels (redis+sentinel://)", cause: .configuration)
    }

    private var policy: Finding {
        let policy = self.values["maxmemory_policy"] ?? "unknown"
        return policy == "noeviction"
            ? .ok("redis", "maxmemory-policy noeviction")
            : .fail(
                "redis", "maxmemory-policy is \(policy): Redis would throw jobs away when its memory is full",
                remedy: "set maxmemory-policy noeviction in redis.conf, and now: redis-cli CONFIG SET "
                    + "maxmemory-policy noeviction", cause: .configuration)
    }

    private var persistence: Finding {
        self.values["aof_enabled"] == "1"
            ? .ok("redis", "appendonly on")
            : .warn(
                "redis", "appendonly is off: a restart loses fast jobs (durable ones come back from the ledger)",
                remedy: "set appendonly yes and appendfsync everysec")
    }

    private var lastWrite: Finding? {
        let broken = ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"].filter {
            self.values[$0].map { $0 != "ok" } == true
        }
        guard !broken.isEmpty else { return nil }
        return .fail(
            "redis", "cannot write to its disk (\(broken.joined(separator: ", ")))",
            remedy: "look at its log and the room on its disk")
    }

    private var memory: Finding? {
        guard let used = self.number("used_memory"), let limit = self.number("maxmemory"), limit > 0 else { return nil }
        let text = "\(used / 1_048_576) of \(limit / 1_048_576) MiB used"
        return used / 8 >= limit / 10
            ? .warn("redis", text, remedy: "raise maxmemory: when it is full, nothing is dispatched")
            : .ok("redis", text)
    }
}
