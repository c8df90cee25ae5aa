// Dead fast jobs: kept in Redis, the newest `JobLimits.deadFastJobsMax` of a queue, until someone decides. (Dead
// durable jobs are rows of the ledger.)

public import JobModel
internal import Redis

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Why a fast job is dead: one line of JSON before its entry.
struct DeathNote: Codable, Sendable, Hashable {
    var reason: DeathReason
    var error: AttemptError?

    /// JSON writes no line break.
    var line: [UInt8] { (try? JSONText.encode(self)) ?? Array(#"{"reason":"\#(self.reason.rawValue)"}"#.utf8) }
}

/// A dead fast job, as people see it.
public struct DeadFastJob: Codable, Sendable, Hashable {
    public var id: String
    /// Absent when the entry is not readable.
    public var kind: String?
    public var familyID: String?
    public var failures: Int?
    public var crashes: Int?
    public var payload: JSONValue?
    public var reason: String?
    public var error: AttemptError?
    /// RFC 3339 in UTC, by Redis' clock.
    public var diedAt: String

    enum CodingKeys: String, CodingKey {
        case id, kind
        case familyID = "family_id"
        case failures, crashes, payload, reason, error
        case diedAt = "died_at"
    }

    init?(id: [UInt8], diedAt: Int, grave: [UInt8]?) {
        guard let id = JobID(bytes: id) else { return nil }
        let parts = (grave ?? []).split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        let note = parts.first.flatMap { try? JSONText.decode(DeathNote.self, from: Array($0)) }
        let entry = parts.count == 2 ? try? FastEntry(bytes: Array(parts[1])) : nil
        self.id = id.description
        self.kind = entry?.kind.rawValue
        self.familyID = entry?.family?.description
        self.failures = entry?.failures
        self.crashes = entry?.crashes
        self.payload = entry.flatMap { try? JSONText.decode(JSONValue.self, from: $0.payload) }
        self.reason = note?.reason.rawValue
        self.error = note?.error
        let moment = Date(timeIntervalSince1970: Double(diedAt) / 1000)
        self.diedAt = moment.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// The ids in a range of the sorted set of the dead: every other element, a score after each.
    static func ids(_ died: RedisValue) -> [[UInt8]] {
        let died = died.array ?? []
        return stride(from: 0, to: died.count - 1, by: 2).compactMap { died[$0].bytes }
    }

    /// The dead of a range of the sorted set, with their graves in the same order.
    static func list(died: RedisValue, graves: RedisValue) -> [DeadFastJob] {
        let scores = died.array ?? []
        return zip(Self.ids(died), graves.array ?? []).enumerated().compactMap { position, found in
            DeadFastJob(id: found.0, diedAt: Self.time(scores[2 * position + 1]), grave: found.1.bytes)
        }
    }

    /// Milliseconds since 1970, up to the year 9999; 0 for what is no such time: a score may be anything.
    private static func time(_ score: RedisValue) -> Int {
        guard let time = score.string.flatMap({ Double($0) }), (0..<253_402_300_800_000).contains(time) else {
            return 0
        }
        return Int(time)
    }
}

/// What a person decides of a dead fast job.
public enum DeadDecision: String, Sendable, Codable {
    /// It runs again, with a fresh budget.
    case retry
    /// It is thrown away.
    case discard
}

extension DispatchIndex {
    /// Dead fast jobs of a queue, newest first.
    ///
    /// - Parameter limit: 1 to 1000.
    public func deadFastJobs(of queue: QueueName, skipping offset: Int = 0, limit: Int) async throws -> [DeadFastJob] {
        guard (1...1000).contains(limit) else { throw JobQueueError.invalid("limit", "must be 1 to 1000") }
        guard offset >= 0 else { throw JobQueueError.invalid("offset", "must not be negative") }
        var range = RedisCommand("ZREVRANGE")
        range.append("\(self.base(queue)):dead")
        range.append(offset)
        range.append(offset + limit - 1)
        range.append("WITHSCORES")
        let died = try await self.redis.send(range)
        let ids = DeadFastJob.ids(died)
        guard !ids.isEmpty else { return [] }
        var lookup = RedisCommand("HMGET")
        lookup.append("\(self.base(queue)):graves")
        for id in ids { lookup.append(id) }
        return DeadFastJob.list(died: died, graves: try await self.redis.send(lookup))
    }

    /// Decides of dead fast jobs. - Returns: Those that were dead, and are not any more.
    @discardableResult
    public func decide(_ decision: DeadDecision, _ ids: [JobID], of queue: QueueName) async throws -> [JobID] {
        guard !ids.isEmpty else { return [] }
        guard ids.count <= 1000 else { throw JobQueueError.invalid("ids", "must be at most 1000") }
        let reply = try await self.redis.run(Script.decideDead, keys: [self.base(queue)]) { command in
            command.append(decision.rawValue)
            for id in ids { command.append(id) }
        }
        return try ScriptReply(Script.decideDead, reply).ids("decided")
    }
}
