// What the pool tells of its dead: each worker hears with its heartbeat whose jobs were given back, and a scrape sees
// how long that took. Kept in Redis, for watching and not for truth: an emptied Redis has forgotten it.

public import JobModel
internal import Redis

/// A worker's death, as it was noted when its jobs had been given back.
public struct NotedDeath: Sendable, Hashable {
    public let session: SessionID
    /// How many jobs were given back.
    public let jobs: Int
    /// From the death, or the last heartbeat where nobody saw it, until then.
    public let recovery: Duration

    public init(session: SessionID, jobs: Int, recovery: Duration) {
        self.session = session
        self.jobs = jobs
        self.recovery = recovery
    }

    /// The session's 16 bytes, the jobs, ':', and milliseconds.
    init?(bytes: [UInt8]) {
        guard let session = SessionID(bytes: bytes.prefix(16)) else { return nil }
        let numbers = bytes.dropFirst(16).split(separator: UInt8(ascii: ":")).map {
            Int(String(decoding: $0, as: UTF8.self))
        }
        guard numbers.count == 2, let jobs = numbers[0], let milliseconds = numbers[1] else { return nil }
        self.init(session: session, jobs: jobs, recovery: .milliseconds(milliseconds))
    }
}

/// How long the jobs of dead workers waited to be given back.
public struct RecoveryTimes: Sendable, Hashable {
    public let last: Duration
    /// The longest since Redis last lost its memory.
    public let longest: Duration
}

extension DispatchIndex {
    var deathsKey: String { "{\(self.namespace)}:deaths" }
    private var recoveryKey: String { "{\(self.namespace)}:recovery" }

    /// How many deaths are kept for those who have not heard of them: more in one heartbeat are not all told.
    private static let deathsMax = 64

    /// Tells the other workers, and whoever watches, that a worker's jobs were given back.
    public func note(_ death: NotedDeath) async throws {
        _ = try await self.redis.run(Script.noteDeath, keys: [self.deathsKey, self.recoveryKey]) { command in
            command.append(death.session)
            command.append(death.jobs)
            command.append(Int(death.recovery.wholeMilliseconds))
            command.append(Self.deathsMax)
        }
    }

    /// How long it took; nil when nobody has died.
    public func recoveryTimes() async throws -> RecoveryTimes? {
        var command = RedisCommand("HMGET")
        command.append(self.recoveryKey)
        command.append("last_ms")
        command.append("max_ms")
        let values = try await self.redis.send(command).array ?? []
        let times = values.map { $0.string.flatMap { Int($0) } }
        guard times.count == 2, let last = times[0], let longest = times[1] else { return nil }
        return RecoveryTimes(last: .milliseconds(last), longest: .milliseconds(longest))
    }
}
