// Clocks: this machine's, PostgreSQL's and Redis'. The queue itself asks only the servers', each for its own matters;
// this machine's is in ids, in webhook signatures and in everybody's logs.

internal import Postgres
internal import Redis

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

extension Examination {
    func checkClocks() async throws -> [Finding] {
        // The first statement may have to connect, which would count as time under way.
        try await self.platform.query("SELECT 1")
        let postgres = try await measureSkew {
            let rows = try await self.platform.query(
                "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            return try rows.first?.int(at: 0) ?? 0
        }
        let redis = try await measureSkew {
            let time = try await self.redis.send(RedisCommand("TIME")).requireArray()
            guard time.count == 2 else { throw UnexpectedAnswer("TIME of Redis has \(time.count) parts") }
            return try time[0].requireInt() * 1000 + time[1].requireInt() / 1000
        }
        return [clockFinding("PostgreSQL", postgres), clockFinding("Redis", redis)]
    }
}

/// How far another clock is from this machine's, in milliseconds.
struct ClockSkew: Sendable, Hashable {
    /// Positive: it is ahead.
    let milliseconds: Int
    /// How wrong that can be: half the time that the answer took.
    let uncertainty: Int

    init(before: Int, there: Int, after: Int) {
        self.milliseconds = there - (before + (after - before) / 2)
        self.uncertainty = max(1, (after - before + 1) / 2)
    }
}

/// Pure.
func clockFinding(_ name: String, _ skew: ClockSkew) -> Finding {
    let text =
        "\(name)'s clock is \(abs(skew.milliseconds)) ms \(skew.milliseconds < 0 ? "behind" : "ahead of") "
        + "this machine's (± \(skew.uncertainty) ms)"
    return abs(skew.milliseconds) - skew.uncertainty > 2000
        ? .warn("clocks", text, remedy: "set the clocks by NTP (chrony) on both machines") : .ok("clocks", text)
}

private func measureSkew(_ ask: () async throws -> Int) async throws -> ClockSkew {
    let before = wallClock()
    let there = try await ask()
    return ClockSkew(before: before, there: there, after: wallClock())
}

/// Milliseconds since 1970.
private func wallClock() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000
}
