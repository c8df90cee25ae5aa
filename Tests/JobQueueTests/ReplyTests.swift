// What is made of keys that a hand changed, as `make fuzz` found it first; no server. ScriptReplyTests has the scripts'
// replies.

import JobModel
import Testing

@testable import JobQueue
@testable import Redis

@Suite("Replies of another shape")
struct ReplyTests {
    private static func text(_ text: String) -> RedisValue { .bytes(Array(text.utf8)) }

    @Test("a dead job's time that is none is shown as 1970", arguments: ["inf", "-inf", "nan", "1e300", "-1e18", "x"])
    func died(score: String) throws {
        let id = JobID.mint()
        let dead = DeadFastJob.list(
            died: .array([.bytes(id.uuid.bytes), Self.text(score)]), graves: .array([.null]))
        #expect(dead.map(\.id) == [id.description])
        #expect(dead.map(\.diedAt) == ["1970-01-01T00:00:00.000Z"])
    }
}
