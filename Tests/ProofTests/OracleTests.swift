// The oracle that the crash points end with: each of its questions is seen to find what it asks for, planted by hand
// into the stores of a queue that is sound.

import DiagnosticsWorker
import JobModel
import JobQueue
import Postgres
import QueueTestSupport
import Redis
import TestSupport
import Testing

@testable import chorewheel_proof

@Suite("The oracle")
struct OracleTests {
    /// What is done to a sound queue, and what the oracle must say then.
    struct Plant: Sendable, CustomTestStringConvertible {
        let invariant: String
        let says: String
        /// Statements for the ledger.
        var sql: [String] = []
        /// Commands for Redis: what stands in braces is put in from the scene.
        var redis: [[String]] = []
        /// Whether it is a question for a queue at rest.
        var isAtRest: Bool

        var testDescription: String { "\(self.invariant): \(self.says)" }

        static func always(_ invariant: String, _ says: String, _ sql: String...) -> Plant {
            Plant(invariant: invariant, says: says, sql: sql, isAtRest: false)
        }

        static func atRest(_ invariant: String, _ says: String, _ sql: String...) -> Plant {
            Plant(invariant: invariant, says: says, sql: sql, isAtRest: true)
        }

        static func atRest(_ invariant: String, _ says: String, redis: [String]...) -> Plant {
            Plant(invariant: invariant, says: says, redis: redis, isAtRest: true)
        }
    }

    private static let plants: [Plant] = [
        .always("I4", "beyond its own", "UPDATE job_attempts SET epoch = epoch + 10"),
        .always("I4", "times; ended or running are", "UPDATE jobs SET epoch = epoch + 1 WHERE state = 'succeeded'"),
        .always("I4", "times; ended or running are", "DELETE FROM job_attempts"),
        .always("I5", "its handler ran", "UPDATE jobs SET attempt = attempt + 1 WHERE state = 'succeeded'"),
        .always("I5", "its history has", "UPDATE jobs SET crashes = 1 WHERE state = 'succeeded'"),
        .always("I6", "has ended", "UPDATE worker_sessions SET ended_at = clock_timestamp()"),
        .always("I6", "has noted no batch with it", "DELETE FROM job_claims"),
        .always("I6", "is still noted", "UPDATE worker_sessions SET ended_at = clock_timestamp()"),
        .always("I6", "it waits for ever", "DELETE FROM job_dispatches"),
        .always("I7", "is dead as poison", "UPDATE jobs SET reason = 'poison' WHERE state = 'dead'"),
        .always("I7", "of 9 failures", "UPDATE jobs SET max_attempts = 9 WHERE state = 'dead'"),
        .atRest(
            "I6", "has a ticket that is due",
            "UPDATE job_dispatches SET due_at = clock_timestamp() - interval '1 minute'"),
        .atRest(
            "I6", "somebody asked to cancel",
            """
            INSERT INTO job_cancellations (job_id, session_id)
            SELECT j.id, w.id FROM jobs j, worker_sessions w WHERE j.state = 'dead' AND w.ended_at IS NULL
            """),
        .atRest("I10", "is nowhere in Redis", redis: ["DEL", "{base}:d:1:", "{base}:ring:1"]),
        .atRest(
            "I10", "waits in Redis; in the ledger it is succeeded",
            "UPDATE jobs SET state = 'succeeded', settled_at = clock_timestamp() WHERE state = 'available'"),
        .atRest("I10", "in the ledger it is available", redis: ["HSET", "{base}:run:{session}", "{waiting}", "d1:1:"]),
        .atRest("I10", "which ended", "UPDATE worker_sessions SET ended_at = clock_timestamp()"),
        .atRest("I10", "does not know session", redis: ["DEL", "{pool}:sessions"]),
        .atRest("I10", "and still holds jobs", redis: ["RENAME", "{base}:run:{session}", "{base}:run:{waiting}"]),
        .atRest("I10", "paused in the ledger", "UPDATE queues SET paused_at = clock_timestamp()"),
        .atRest(
            "I6", "durable job",
            redis: ["ZADD", "{base}:d:2:", "1", "{waiting}"], ["RPUSH", "{base}:ring:2", "d"]),
        .atRest("I6", "fast job", redis: ["COPY", "{base}:f:1:", "{base}:f:2:"], ["RPUSH", "{base}:ring:2", "f"]),
        .atRest("I6", "is too short", redis: ["RPUSH", "{base}:f:1:", "x"]),
        .atRest("I6", "holds jobs and is not in", redis: ["DEL", "{base}:ring:1"]),
        .atRest("I6", "is empty and in", redis: ["RPUSH", "{base}:ring:0", "d"]),
        .atRest("I6", "a lane is twice in", redis: ["RPUSH", "{base}:ring:1", "d"]),
        .atRest("I6", "is nobody's", redis: ["SET", "{base}:other", "x"]),
        .atRest("I6", "holds 2 tokens", redis: ["DEL", "{base}:wake"], ["RPUSH", "{base}:wake", "1", "1"]),
        .atRest("I7", "has no reason", redis: ["HSET", "{base}:graves", "{waiting}", "x"]),
        .atRest("I6", "differ in length", redis: ["ZADD", "{base}:dead", "1", "{waiting}"]),
    ]

    @Test("each question finds what is planted for it", arguments: plants)
    func finds(_ plant: Plant) async throws {
        try await QueueFixture.with { queue in
            let scene = try await Self.scene(in: queue)
            let oracle = QueueOracle(
                platform: queue.platform, redis: queue.redis, namespace: queue.index.namespace)
            #expect(try await oracle.always() == [])
            #expect(try await oracle.atRest() == [])
            for statement in plant.sql { try await queue.platform.query(statement) }
            for words in plant.redis {
                var command = RedisCommand(words[0])
                for word in words.dropFirst() { command.append(scene.bytes(of: word)) }
                _ = try await queue.redis.send(command)
            }
            let found = plant.isAtRest ? try await oracle.atRest() : try await oracle.always()
            #expect(
                found.contains { $0.invariant == plant.invariant && $0.what.contains(plant.says) },
                "\(found)")
        }
    }

    /// The names of things in a queue.
    private struct Scene {
        let namespace: String
        let session: SessionID
        /// A durable job that waits.
        let waiting: JobID

        /// `{base}:run:{session}` as Redis has it.
        func bytes(of word: String) -> [UInt8] {
            var bytes: [UInt8] = []
            var rest = word[...]
            while let open = rest.firstIndex(of: "{"), let close = rest.firstIndex(of: "}") {
                bytes += Array(rest[..<open].utf8)
                switch rest[open...close] {
                case "{base}": bytes += Array("{\(self.namespace):diagnostics}".utf8)
                case "{pool}": bytes += Array("{\(self.namespace)}".utf8)
                case "{session}": bytes += self.session.uuid.bytes
                default: bytes += self.waiting.uuid.bytes
                }
                rest = rest[rest.index(after: close)...]
            }
            return bytes + Array(rest.utf8)
        }
    }

    /// A queue with a job in every place: succeeded, dead, running, waiting, scheduled, and a fast one that waits.
    private static func scene(in queue: QueueFixture) async throws -> Scene {
        let name: QueueName = "diagnostics"
        @Sendable func enqueue(_ kind: JobKind, _ durability: Durability = .durable, delay: Duration? = nil)
            async throws -> JobID
        {
            let request = try JobRequest(
                kind: kind, target: .platform, payload: Array("{}".utf8),
                options: EnqueueOptions(queue: name, delay: delay, maxAttempts: 1))
            return try await queue.client.enqueue([request], durability: durability)[0].id
        }
        try await queue.withWorker(plugins: [DiagnosticsPlugin()]) { _ in
            try await queue.wait(for: try await enqueue("diagnostic.noop"), toBe: .succeeded)
            try await queue.wait(for: try await enqueue("diagnostic.fail"), toBe: .dead)
        }
        // A job may be dispatched twice: no worker is left to let go of its second hint.
        let other = SessionID.mint()
        let late = try await queue.index.claim(upTo: 10, from: name, session: other, settled: [])
        try await queue.index.drop(hints: late.durable, of: other, in: name)
        let running = try await enqueue("diagnostic.noop")
        let waiting = try await enqueue("diagnostic.noop")
        _ = try await enqueue("diagnostic.noop", delay: .seconds(3600))
        let dispatcher = Dispatcher(ledger: queue.ledger, index: queue.index, logger: queue.logger)
        try await dispatcher.dispatchDue()
        let session = SessionID.mint()
        _ = try await queue.ledger.register(
            SessionRegistration(
                id: session, host: "here", pid: 1, version: "test", queues: [name], kinds: ["diagnostic.noop"],
                concurrency: 1))
        _ = try await queue.index.beat(
            session, lease: .seconds(3600), caretakerLease: .seconds(1), registering: true)
        let claim = try await queue.index.claim(upTo: 1, from: name, session: session, settled: [])
        #expect(claim.durable == [running])
        _ = try await queue.ledger.begin([running], session: session, number: 1)
        _ = try await enqueue("diagnostic.fast_noop", .fast)
        return Scene(namespace: queue.index.namespace, session: session, waiting: waiting)
    }
}
