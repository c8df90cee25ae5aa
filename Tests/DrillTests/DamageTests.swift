// Bad data in Redis, done by hand beside a working worker: what is damaged stands still, all else goes on, the doctor
// names it, nothing is thrown away unseen, and a person's mending brings it back.

import JobModel
import JobQueue
import Logging
import Postgres
import Processes
import QueueTestSupport
import Redis
import Synchronization
import TestSupport
import Testing
import WorkerKit
import WorkerRuntime

private struct DurableWord: AnyTargetJob {
    static let kind: JobKind = "test.damage"
    var word: String
}

private struct FastWord: AnyTargetJob {
    static let kind: JobKind = "test.fast_damage"
    static let durability: Durability = .fast
    var word: String
}

/// Counts runs by word.
private final class Words: WorkerPlugin {
    let name = "Words"
    private let counts = Mutex<[String: Int]>([:])

    var runs: [String: Int] { self.counts.withLock { $0 } }

    func register(in registry: inout HandlerRegistry) {
        registry.add(Durable(words: self))
        registry.add(Fast(words: self))
    }

    private func add(_ word: String) { self.counts.withLock { $0[word, default: 0] += 1 } }

    private struct Durable: AnyTargetHandler {
        let words: Words

        func run(_ job: DurableWord, context: JobContext) async throws -> NoResult {
            self.words.add(job.word)
            return NoResult()
        }
    }

    private struct Fast: AnyTargetHandler {
        let words: Words

        func run(_ job: FastWord, context: JobContext) async throws -> NoResult {
            self.words.add(job.word)
            return NoResult()
        }
    }
}

/// Every family's database is the platform's: nothing is done to it.
private struct OneDatabase: FamilyDatabaseProvider {
    let database: PostgresDatabase

    func database(of family: FamilyID, minimumSchemaVersion: Int) async throws -> PostgresDatabase { self.database }
}

extension QueueFixture {
    /// Sends a command of bytes. - Parameter session: for `%SESSION`.
    fileprivate func send(_ parts: [[UInt8]], to queue: QueueName, session: SessionID) async throws {
        var command = RedisCommand(String(decoding: parts[0], as: UTF8.self))
        for part in parts.dropFirst() {
            var part = part
            for (mark, bytes) in [
                ("%BASE", Array("{\(self.index.namespace):\(queue)}".utf8)),
                ("%POOL", Array("{\(self.index.namespace)}".utf8)), ("%SESSION", session.uuid.bytes),
            ] {
                guard let found = part.firstRange(of: Array(mark.utf8)) else { continue }
                part.replaceSubrange(found, with: bytes)
            }
            command.append(part)
        }
        _ = try await self.redis.send(command)
    }

    /// Runs `chorewheel doctor --json`. - Returns: Its exit code and its document.
    func doctor() async throws -> (exit: Int32?, findings: [(level: String, subject: String, what: String)]) {
        let executable = try BuiltExecutable.path()
        let output = "\(self.servers.directory)/doctor-\(JobID.mint()).json"
        let script = #"exec "$0" doctor --json >"$OUTPUT" 2>/dev/null"#
        var command = ChildProcess.Configuration("/bin/sh", ["-c", script, executable])
        command.environment = .inherited(adding: [
            "DATABASE_URL": self.platform.configuration.url, "REDIS_URL": self.servers.redisURL,
            "CHOREWHEEL_NAMESPACE": self.index.namespace, "CHOREWHEEL_MIGRATIONS": MigrationsInSource.directory,
            "OUTPUT": output,
        ])
        command.output = .discarded
        let status = try await ChildProcess.spawn(command, leash: executable).wait()
        let text = try FileSystem.text(of: output) ?? ""
        let value = try JSONText.decode(JSONValue.self, from: Array(text.utf8))
        guard case .array(let elements)? = value["findings"] else { throw Undecodable(text: text) }
        let code: Int32? = if case .exited(let code) = status { code } else { nil }
        return (
            code,
            elements.map { finding in
                func text(_ name: String) -> String { if case .string(let text)? = finding[name] { text } else { "" } }
                return (text("level"), text("subject"), text("what") + " — " + text("remedy"))
            }
        )
    }

    private struct Undecodable: Error { let text: String }
}

@Suite("Bad data in Redis", .timeLimit(.minutes(5)))
struct DamageTests {
    private static func word(_ queue: DamagedQueue, _ place: Place) -> String { "\(queue.name)/\(place)" }

    /// Enqueues one job in each place. - Returns: The places that took theirs.
    private static func enqueue(_ damaged: DamagedQueue, _ queue: QueueFixture) async throws -> Set<Place> {
        var taken: Set<Place> = []
        for place in Place.allCases {
            var options = EnqueueOptions(queue: damaged.name)
            let target: JobTarget
            switch place {
            case .durableHit, .fastHit: target = .family(DamagedQueue.hit)
            case .durableOther, .fastOther: target = .family(DamagedQueue.other)
            case .durableHigh, .fastHigh:
                target = .family(DamagedQueue.hit)
                options.priority = .high
            case .fastLater:
                target = .family(DamagedQueue.other)
                options.delay = .milliseconds(300)
            }
            do {
                let payload = Array(#"{"word":"\#(Self.word(damaged, place))"}"#.utf8)
                let request = try JobRequest(
                    kind: place.isFast ? FastWord.kind : DurableWord.kind, target: target, payload: payload,
                    options: options)
                _ = try await queue.client.enqueue(request, durability: place.isFast ? .fast : .durable)
                taken.insert(place)
            } catch let error where error.isOfOneQueue {
                // Refused, and said so: the place is damaged.
            }
        }
        return taken
    }

    private static func expectRuns(
        _ words: Words, _ damaged: [DamagedQueue], of places: (DamagedQueue) -> Set<Place>, _ what: String
    ) async throws {
        let wanted = Set(damaged.flatMap { damaged in places(damaged).map { Self.word(damaged, $0) } })
        do {
            try await eventually(what, within: .seconds(60)) { wanted.isSubset(of: words.runs.keys) }
        } catch {
            let missing = wanted.subtracting(words.runs.keys).sorted()
            Issue.record("\(what): not run are \(missing)")
            throw error
        }
        #expect(words.runs.filter { $0.value > 1 } == [:], "\(what): no job ran twice")
    }

    @Test("what is damaged stands still and is named, all else goes on, and what is mended comes back")
    func everyKey() async throws {
        try await QueueFixture.with { queue in
            try await queue.platform.query(
                "INSERT INTO database_servers (name, host, port, maintenance_database) VALUES ('platform', $1, $2, $3)",
                [
                    .text(queue.platform.configuration.host), .int(queue.platform.configuration.port),
                    .text(queue.platform.configuration.database),
                ])
            let damaged = DamagedQueue.all()
            try await queue.client.open(damaged.map(\.name))
            let words = Words()
            var configuration = WorkerConfiguration.forTests
            configuration.queues = damaged.map(\.name)
            configuration.reconcileEvery = .seconds(1)
            try await queue.withWorker(
                plugins: [words], configuration: configuration, families: OneDatabase(database: queue.platform)
            ) { _ in
                try await eventually("the worker is there") { try await !queue.ledger.sessions().isEmpty }
                let session = try #require(try await queue.ledger.sessions().first.flatMap { SessionID($0.id) })
                for damaged in damaged {
                    for command in damaged.damage {
                        try await queue.send(command, to: damaged.name, session: session)
                    }
                }
                for damaged in damaged {
                    let taken = try await Self.enqueue(damaged, queue)
                    #expect(taken == Set(Place.allCases).subtracting(damaged.refused), "queue \(damaged.name)")
                }
                let goesOn = { (damaged: DamagedQueue) in
                    Set(Place.allCases).subtracting(damaged.refused).subtracting(damaged.stands)
                }
                try await Self.expectRuns(words, damaged, of: goesOn, "all goes on that is not damaged")
                try await eventually("the entry between those that cannot be read is run") {
                    words.runs["ok"] == 1
                }
                for damaged in damaged {
                    for place in damaged.stands { #expect(words.runs[Self.word(damaged, place)] == nil) }
                    if damaged.dead > 0 {
                        try await eventually("what cannot be read in \(damaged.name) is among the dead") {
                            try await queue.index.deadFastJobs(of: damaged.name, limit: 100).count == damaged.dead
                        }
                        let dead = try await queue.index.deadFastJobs(of: damaged.name, limit: 100)
                        #expect(dead.allSatisfy { $0.reason == "undecodable" && $0.error != nil })
                        // Nobody runs again what nobody can read; it stays.
                        let ids = dead.compactMap { JobID($0.id) }
                        #expect(try await queue.index.decide(.retry, ids, of: damaged.name) == [])
                    }
                }

                let doctor = try await queue.doctor()
                #expect(doctor.exit == 70)
                for damaged in damaged where !damaged.named.isEmpty {
                    let found = doctor.findings.contains { finding in
                        finding.level != "ok" && finding.subject == "queue \(damaged.name)"
                            && damaged.named.allSatisfy { finding.what.contains($0) }
                    }
                    #expect(found, "the doctor names \(damaged.named) of queue \(damaged.name)")
                }
                #expect(!doctor.findings.contains { $0.level == "fail" && $0.subject == "queue healthy" })

                for damaged in damaged {
                    for command in damaged.mending {
                        try await queue.send(command, to: damaged.name, session: session)
                    }
                }
                try await Self.expectRuns(
                    words, damaged, of: { $0.stands.subtracting($0.lost) }, "what was mended comes back")
                try await eventually("what a session held that nobody knew is run") { words.runs["stranger"] == 1 }
                #expect(words.runs.filter { $0.value > 1 } == [:])
                try await eventually("the doctor finds nothing broken any more", within: .seconds(60)) {
                    try await queue.doctor().findings.allSatisfy { $0.level != "fail" }
                }
                #expect(try await queue.ledger.sessions().count == 1, "the worker never lost its session")
            }
        }
    }

    private static func damagePool(of queue: QueueFixture, _ session: SessionID) async throws {
        for name in ["sessions", "caretaker", "generation", "deaths"] {
            // In one step: the worker writes them all the time.
            let script = "redis.call('DEL', KEYS[1]); return redis.call('HSET', KEYS[1], 'garbage', '1')"
            let parts = ["EVAL", script, "1", "%POOL:\(name)"].map { Array($0.utf8) }
            try await queue.send(parts, to: .default, session: session)
        }
        try await queue.send(
            [Array("HSET".utf8), Array("%POOL:counters".utf8), Array("odd".utf8), Array("garbage".utf8)],
            to: .default, session: session)
    }

    @Test("keys that all queues share are economies: with all of them damaged work goes on, and the doctor names each")
    func pool() async throws {
        try await QueueFixture.with { queue in
            let words = Words()
            var configuration = WorkerConfiguration.forTests
            configuration.reconcileEvery = .seconds(1)
            try await queue.withWorker(
                plugins: [words], configuration: configuration, families: OneDatabase(database: queue.platform)
            ) { _ in
                try await eventually("the worker is there") { try await !queue.ledger.sessions().isEmpty }
                let session = try #require(try await queue.ledger.sessions().first.flatMap { SessionID($0.id) })
                // A new Redis is filled first, and marked with its generation in the end.
                try await eventually("redis has its generation") {
                    try await queue.redis.send(
                        RedisCommand("EXISTS", "{\(queue.index.namespace)}:generation")
                    ).requireInt() == 1
                }
                try await Self.damagePool(of: queue, session)
                let damaged = DamagedQueue(name: .default)
                #expect(try await Self.enqueue(damaged, queue) == Set(Place.allCases))
                try await Self.expectRuns(words, [damaged], of: { _ in Set(Place.allCases) }, "all jobs run")
                // Damaged again each time: a rebuild that was under way writes the generation anew, and mends it.
                let names = [":sessions", ":caretaker", ":generation", ":deaths", ":counters"]
                try await eventually("the doctor names each", within: .seconds(60)) {
                    try await Self.damagePool(of: queue, session)
                    let findings = try await queue.doctor().findings.filter { $0.level == "fail" }
                    return names.allSatisfy { name in findings.contains { $0.what.contains(name) } }
                }
                #expect(try await queue.ledger.sessions().count == 1, "the worker never lost its session")
                for name in ["sessions", "caretaker", "generation", "deaths", "counters"] {
                    try await queue.send(
                        [Array("DEL".utf8), Array("%POOL:\(name)".utf8)], to: .default, session: session)
                }
                try await eventually("redis knows the session again") {
                    try await queue.redis.send(
                        RedisCommand("ZCARD", "{\(queue.index.namespace)}:sessions")
                    ).requireInt() == 1
                }
                #expect(try await queue.ledger.sessions().count == 1)
            }
        }
    }

    @Test("a lane that its ring does not list is named, and a durable one is listed again")
    func lostLane() async throws {
        try await QueueFixture.with { queue in
            let words = Words()
            var configuration = WorkerConfiguration.forTests
            configuration.reconcileEvery = .seconds(4)
            try await queue.withWorker(
                plugins: [words], configuration: configuration, families: OneDatabase(database: queue.platform)
            ) { _ in
                try await queue.client.pause(.default)
                let damaged = DamagedQueue(name: .default)
                _ = try await Self.enqueue(damaged, queue)
                try await eventually("all wait in Redis") {
                    try await queue.index.audit(.default).durableWaiting == 3
                }
                _ = try await queue.redis.send(RedisCommand("DEL", "{\(queue.index.namespace):default}:ring:1"))
                let lost = try await queue.index.inspect(.default).damage
                let fastLanes = lost.filter { damage in
                    if case .unlistedLane(_, _, isDurable: false) = damage.fault { true } else { false }
                }
                #expect(fastLanes.count >= 2)
                // As the doctor says of fast lanes (DoctorTests).
                for family in [DamagedQueue.hit, DamagedQueue.other] {
                    var command = RedisCommand("RPUSH", "{\(queue.index.namespace):default}:ring:1")
                    command.append(Array("f".utf8) + family.uuid.bytes)
                    _ = try await queue.redis.send(command)
                }
                try await queue.client.resume(.default)
                try await Self.expectRuns(words, [damaged], of: { _ in Set(Place.allCases) }, "all jobs run")
            }
        }
    }
}
