// What is made of replies that no script gives: a key of another type, a hand in Redis, a damaged stream. Those that
// `make fuzz` found first; no server.

import JobModel
import Testing

@testable import JobQueue
@testable import Redis

@Suite("Replies of another shape")
struct ReplyTests {
    private static func text(_ text: String) -> RedisValue { .bytes(Array(text.utf8)) }

    @Test("a claim with an entry that is no string is corrupt, not shorter", arguments: [RedisValue.null, .integer(1)])
    func claim(entry: RedisValue) throws {
        let head = [Self.text("more"), .integer(-1), .integer(0), Self.text("")]
        #expect(try Claim(.array(head), queue: "default").count == 0)
        let error = #expect(throws: JobQueueError.self) { try Claim(.array(head + [entry]), queue: "default") }
        #expect(error?.code == .corrupt)
    }

    @Test("a dead job's time that is none is shown as 1970", arguments: ["inf", "-inf", "nan", "1e300", "-1e18", "x"])
    func died(score: String) throws {
        let id = JobID.mint()
        let dead = DeadFastJob.list(
            died: .array([.bytes(id.uuid.bytes), Self.text(score)]), graves: .array([.null]))
        #expect(dead.map(\.id) == [id.description])
        #expect(dead.map(\.diedAt) == ["1970-01-01T00:00:00.000Z"])
    }
}
