// What a worker finds that was idle, and had no sign: a token that was lost with its taker, a delay that is over.

import JobModel
import JobQueue
import QueueTestSupport
import Redis
import Synchronization
import TestSupport
import Testing
import WorkerKit
import WorkerRuntime

private struct Quiet: PlatformJob {
    static let kind: JobKind = "test.quiet"
    static let durability: Durability = .fast
    var word: String
}

/// Notes what ran.
private final class Words: WorkerPlugin {
    let name = "Words"
    private let said = Mutex<[String]>([])

    var all: [String] { self.said.withLock { $0 } }

    func register(in registry: inout HandlerRegistry) { registry.add(Saying(words: self)) }

    private struct Saying: PlatformHandler {
        let words: Words

        func run(_ job: Quiet, context: JobContext) async throws -> NoResult {
            self.words.said.withLock { $0.append(job.word) }
            return NoResult()
        }
    }
}

@Suite("An idle worker")
struct IdleTests {
    @Test("finds what is delayed, and what waits though its token was lost, without a sign")
    func findsWithoutASign() async throws {
        try await QueueFixture.with { queue in
            let words = Words()
            try await queue.withWorker(plugins: [words]) { worker in
                try await queue.client.enqueue(Quiet(word: "first"))
                try await eventually("it works") { words.all == ["first"] }
                // It has nothing to do now; neither of these wakes it.
                let base = "{\(queue.index.namespace):default}"
                let now = try #require(try await queue.redis.send(RedisCommand("TIME")).array?.first?.int)
                var delay = RedisCommand("ZADD")
                delay.append("\(base):due")
                // After the claim that follows upon the first job, which is no idle worker's look.
                delay.append((now + 3) * 1000)
                delay.append(try #require(Self.entry(word: "delayed")))
                _ = try await queue.redis.send(delay)
                try await eventually("the delayed one has run") { words.all == ["first", "delayed"] }
                let bytes = try #require(Self.entry(word: "lost"))
                var push = RedisCommand("RPUSH")
                push.append("\(base):f:1:")
                push.append(bytes)
                _ = try await queue.redis.run(transactions: [[push, RedisCommand("RPUSH", "\(base):ring:1", "f")]])
                try await eventually("the one without a token has run") { words.all.last == "lost" }
            }
            let audit = try await queue.index.audit(.default)
            #expect(audit.faults == [])
        }
    }

    /// An entry as FastEntry writes it (its layout is described there).
    private static func entry(word: String) -> [UInt8]? {
        let payload = Array(#"{"word":"\#(word)"}"#.utf8)
        let kind = Array("test.quiet".utf8)
        let head: [UInt8] = [1, 0, 0, UInt8(ascii: "1"), 3, 0]
        let bytes = head + JobID.mint().uuid.bytes + [UInt8(kind.count)] + kind + [1] + payload
        return (try? FastEntry(bytes: bytes)).map(\.bytes)
    }
}
