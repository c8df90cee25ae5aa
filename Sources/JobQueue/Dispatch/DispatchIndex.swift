// Redis' side of the queue: where workers find jobs. Each method is one script or one command (or, for many fast jobs,
// one transaction); the keys and their invariants are described in the scripts. Nothing here knows the ledger.

public import JobModel
public import Redis

/// The queue's keys in Redis. A value over a shared client; any number of tasks may use it.
///
/// Every call may throw `RedisError`; when the reply was lost (`connectionLost`, `timeout`) the script may have been
/// applied. All of them may be sent again but `claim`, whose jobs then come back with the session's end.
public struct DispatchIndex: Sendable {
    public let redis: RedisClient
    /// The first part of every key.
    public let namespace: String

    public init(redis: RedisClient, namespace: String = "chorewheel") {
        self.redis = redis
        self.namespace = namespace
    }

    /// The base of a queue's keys. Its braces keep them in one slot of a cluster.
    func base(_ queue: QueueName) -> String { "{\(self.namespace):\(queue)}" }

    var sessionsKey: String { "{\(self.namespace)}:sessions" }
    var caretakerKey: String { "{\(self.namespace)}:caretaker" }
    var generationKey: String { "{\(self.namespace)}:generation" }

    /// The key whose elements wake idle workers of a queue; see `waitForWork`.
    func wakeKey(_ queue: QueueName) -> String { "\(self.base(queue)):wake" }

    enum Script {
        static let pushDurable = onEntries("push_durable", EmbeddedText.pushDurable)
        static let pushFast = onEntries("push_fast", EmbeddedText.pushFast)
        static let joinLane = RedisScript(name: "join_lane", source: EmbeddedText.joinLane)
        static let claim = onEntries("claim_jobs", EmbeddedText.claimJobs)
        static let claimQuarantined = onEntries("claim_quarantined", EmbeddedText.claimQuarantined)
        static let settleFast = onEntries("settle_fast", EmbeddedText.settleFast)
        static let takeBack = onEntries("take_back", EmbeddedText.takeBack)
        static let setQueueState = onEntries("set_queue_state", EmbeddedText.setQueueState)
        static let decideDead = onEntries("decide_dead", EmbeddedText.decideDead)
        static let audit = onEntries("audit_queue", EmbeddedText.auditQueue)
        static let beat = onEntries("beat", EmbeddedText.beat)
        static let takeTurn = RedisScript(name: "take_turn", source: EmbeddedText.takeTurn)
        static let forget = RedisScript(name: "forget_session", source: EmbeddedText.forgetSession)
        static let noteDeath = RedisScript(name: "note_death", source: EmbeddedText.noteDeath)
        static let addCounters = RedisScript(name: "add_counters", source: EmbeddedText.addCounters)

        /// A script that uses the functions of entries.lua.
        private static func onEntries(_ name: String, _ source: String) -> RedisScript {
            RedisScript(
                name: name,
                source: "local crashes_max = \(JobLimits.crashesMax)\n"
                    + "local dead_max = \(JobLimits.deadFastJobsMax)\n"
                    + "local entry_version = \(FastEntry.version)\n" + EmbeddedText.entries + source)
        }
    }

    /// Puts available ledger jobs of one queue in. - Returns: How many were not there.
    @discardableResult
    public func push(_ jobs: [WaitingJob], to queue: QueueName) async throws -> Int {
        guard !jobs.isEmpty else { return 0 }
        let reply = try await self.redis.run(Script.pushDurable, keys: [self.base(queue)]) { command in
            for job in jobs {
                if job.isQuarantined { command.append("q") } else { command.append(job.priority.rawValue) }
                command.append(job.family?.uuid.bytes ?? [])
                command.append(Int(job.seq))
                command.append(job.id)
            }
        }
        return try ScriptReply(Script.pushDurable, reply).int("how many jobs were not there")
    }

    /// How many entries one call takes: Redis does nothing else meanwhile.
    private static let entriesPerCall = 1000
    /// From so many on, entries go past Lua (docs/decisions/0013-past-lua.md): before that its script costs more.
    private static let worthATransaction = 16

    /// Enqueues fast jobs of one lane.
    func push(fast entries: [FastEntry], to queue: QueueName, delay: Duration?) async throws {
        guard let first = entries.first else { return }
        let sizes = entries.map(\.byteCount)
        try await self.push(like: first, sizes, to: queue, delay: delay) { entries[$0].append(to: &$1) }
    }

    /// Enqueues fast jobs of one kind and lane.
    func push(fast batch: FastBatch, to queue: QueueName, delay: Duration?) async throws {
        try await self.push(like: batch.common, batch.sizes, to: queue, delay: delay) { batch.append(job: $0, to: &$1) }
    }

    /// Enqueues fast jobs of one lane in as few calls as may be.
    ///
    /// - Parameters:
    ///   - sizes: How many bytes each has.
    ///   - append: Appends those of one.
    private func push(
        like first: FastEntry, _ sizes: [Int], to queue: QueueName, delay: Duration?,
        append: (_ index: Int, _ bytes: inout [UInt8]) -> Void
    ) async throws {
        let count = sizes.count
        let calls = stride(from: 0, to: count, by: Self.entriesPerCall).map { start in
            start..<min(start + Self.entriesPerCall, count)
        }
        func appendEntries(_ indices: Range<Int>, to command: inout RedisCommand) {
            command.reserve(arguments: indices.count, bytes: sizes[indices].reduce(0, +))
            for index in indices { command.append { append(index, &$0) } }
        }
        guard count >= Self.worthATransaction, delay ?? .zero == .zero, try await self.redis.allowsTransactions()
        else {
            try await self.redis.run(Script.pushFast, keys: [self.base(queue)], times: calls.count) { call, command in
                Self.appendHead(like: first, delay: delay, key: nil, to: &command)
                appendEntries(calls[call], to: &command)
            }
            return
        }
        let lane = Array("\(self.base(queue)):f:\(first.priority.rawValue):".utf8) + first.lane
        try await self.redis.run(
            transactions: calls.map { indices in
                var push = RedisCommand("RPUSH")
                push.append(lane)
                appendEntries(indices, to: &push)
                let join = Script.joinLane.evaluation(keys: [self.base(queue)]) { command in
                    command.append(first.priority.rawValue)
                    command.append(first.lane)
                    command.append(indices.count)
                }
                return [push, join]
            })
    }

    /// Enqueues fast jobs of one lane, of which some have keys, each by itself and in their order, in one pipeline.
    ///
    /// - Returns: For each nil when it was enqueued; else what its key holds.
    func push(
        fast jobs: [FastLines.Job], to queue: QueueName, delay: Duration?
    ) async throws -> [FastKey.Holder?] {
        let replies = try await self.redis.run(Script.pushFast, keys: [self.base(queue)], times: jobs.count) {
            call, command in
            let job = jobs[call]
            Self.appendHead(like: job.entry, delay: delay, key: job.key, to: &command)
            command.append { job.entry.append(to: &$0) }
        }
        return try replies.map { try ScriptReply(Script.pushFast, $0).keyHolder() }
    }

    /// What keys of a queue hold now; nil: nothing, or what cannot be read.
    func holders(of keys: [FastKey], in queue: QueueName) async throws -> [FastKey.Holder?] {
        var command = RedisCommand("MGET")
        for key in keys { command.append(Array("\(self.base(queue)):key:".utf8) + key.digest) }
        return try await self.redis.send(command).requireArray().map { $0.bytes.flatMap(FastKey.Holder.init(bytes:)) }
    }

    /// Appends what push_fast.lua takes before the entries.
    private static func appendHead(
        like entry: FastEntry, delay: Duration?, key: FastKey?, to command: inout RedisCommand
    ) {
        command.append(entry.priority.rawValue)
        command.append(entry.lane)
        command.append(delay?.wholeMilliseconds ?? 0)
        command.append(key?.digest ?? [])
        command.append(key?.holder.bytes ?? [])
        command.append(FastKey.retention.wholeMilliseconds)
    }

    /// Claims jobs for a session, and first lets go of those that are settled.
    public func claim(
        upTo count: Int, from queue: QueueName, session: SessionID, settled: [JobID]
    ) async throws -> Claim {
        let reply = try await self.redis.run(Script.claim, keys: [self.base(queue)]) { command in
            command.append(session)
            command.append(count)
            for id in settled { command.append(id) }
        }
        return try ScriptReply(Script.claim, reply).claim(of: queue)
    }

    /// Those of the queues in which a claim would find something: jobs that wait, are delayed, or are to be run alone.
    ///
    /// For a worker that was idle and has no sign of work: one command a queue, where a claim is nine. It tells nothing
    /// of a queue's state or of the session's; the claim does, and the heartbeat.
    public func queuesWithJobs(among queues: [QueueName]) async throws -> [QueueName] {
        let commands = queues.map { queue in
            var command = RedisCommand("EXISTS")
            for place in ["ring:0", "ring:1", "ring:2", "due", "quarantine"] {
                command.append("\(self.base(queue)):\(place)")
            }
            return command
        }
        let replies = try await self.redis.pipeline(commands)
        return try zip(queues, replies).filter { try $1.throwingErrors().requireInt() > 0 }.map(\.0)
    }

    /// Drops hints of jobs that are settled: nobody is to look for them.
    public func drop(hints ids: [JobID], of session: SessionID, in queue: QueueName) async throws {
        guard !ids.isEmpty else { return }
        let base = self.base(queue)
        var command = RedisCommand("HDEL", key: base)
        command.append(Array("\(base):run:".utf8) + session.uuid.bytes)
        for id in ids { command.append(id) }
        _ = try await self.redis.send(command)
    }

    /// Settles fast attempts. - Returns: The ids that were fenced.
    public func settle(_ settled: [SettledFast], of queue: QueueName, session: SessionID) async throws -> [JobID] {
        guard !settled.isEmpty else { return [] }
        let reply = try await self.redis.run(Script.settleFast, keys: [self.base(queue)]) { command in
            command.append(session)
            command.append(settled.count { $0.acknowledgement != nil })
            for attempt in settled {
                if let id = attempt.acknowledgement { command.append(id) }
            }
            for attempt in settled {
                guard case .kept(let act, let field, let entry, let note) = attempt.outcome else { continue }
                command.append(act)
                command.append(field)
                command.append(entry)
                command.append(note)
            }
        }
        return try ScriptReply(Script.settleFast, reply).ids("fenced")
    }

    /// Takes back what a session holds in a queue. - Parameter crashed: Counts as a crash of each fast job.
    /// - Returns: How many hints and fast jobs went back to where they wait, and the fast jobs that are dead as poison.
    public func reap(
        _ session: SessionID, from queue: QueueName, crashed: Bool
    ) async throws -> (hints: Int, fast: Int, poison: [JobID]) {
        try await self.takeBack(session, from: queue, crashed: crashed)
    }

    /// What Redis holds for running under a session in a queue.
    public func running(of session: SessionID, in queue: QueueName) async throws -> [JobID] {
        let base = self.base(queue)
        var command = RedisCommand("HKEYS", key: base)
        command.append(Array("\(base):run:".utf8) + session.uuid.bytes)
        return (try await self.redis.send(command).array ?? []).compactMap { $0.bytes.flatMap { JobID(bytes: $0) } }
    }

    /// Those of the sessions that hold jobs in a queue.
    public func holders(among sessions: [SessionID], in queue: QueueName) async throws -> [SessionID] {
        guard !sessions.isEmpty else { return [] }
        let base = self.base(queue)
        let commands = sessions.map { session in
            var command = RedisCommand("EXISTS", key: base)
            command.append(Array("\(base):run:".utf8) + session.uuid.bytes)
            return command
        }
        let replies = try await self.redis.pipeline(commands)
        return try zip(sessions, replies).filter { try $1.throwingErrors().requireInt() == 1 }.map(\.0)
    }

    /// Gives back, at no cost, jobs that a live session holds and does not know of. - Returns: How many.
    public func giveBack(_ ids: [JobID], of session: SessionID, in queue: QueueName) async throws -> Int {
        guard !ids.isEmpty else { return 0 }
        let counts = try await self.takeBack(session, from: queue, crashed: false, only: ids)
        return counts.hints + counts.fast
    }

    private func takeBack(
        _ session: SessionID, from queue: QueueName, crashed: Bool, only ids: [JobID] = []
    ) async throws -> (hints: Int, fast: Int, poison: [JobID]) {
        let reply = try await self.redis.run(Script.takeBack, keys: [self.base(queue)]) { command in
            command.append(session)
            command.append(crashed ? 1 : 0)
            for id in ids { command.append(id) }
        }
        return try ScriptReply(Script.takeBack, reply).takenBack()
    }

    /// A heartbeat; see beat.lua. - Parameter last: The time that the one before told: deaths since then are told.
    public func beat(
        _ session: SessionID, lease: Duration, caretakerLease: Duration, registering: Bool, canCare: Bool = true,
        last: Int? = nil
    ) async throws -> Heartbeat {
        let keys = [self.sessionsKey, self.caretakerKey, self.generationKey, self.deathsKey]
        let reply = try await self.redis.run(Script.beat, keys: keys) { command in
            command.append(session)
            command.append(lease.wholeMilliseconds)
            command.append(caretakerLease.wholeMilliseconds)
            command.append(registering ? 1 : 0)
            command.append(canCare ? 1 : 0)
            command.append(last.map { "\($0)" } ?? "")
        }
        return try ScriptReply(Script.beat, reply).heartbeat()
    }

    /// Sessions that are known here and have not beaten for their lease. Once they are taken back from every queue,
    /// `end` forgets them.
    public func overdueSessions() async throws -> [SessionID] {
        let time = try await self.redis.send(RedisCommand("TIME", key: self.sessionsKey)).array ?? []
        guard let seconds = time.first?.string else { throw JobQueueError(.corrupt, "TIME returned no time") }
        let command = RedisCommand("ZRANGEBYSCORE", self.sessionsKey, "-inf", "\(seconds)000")
        return (try await self.redis.send(command).array ?? []).compactMap { $0.bytes.flatMap { SessionID(bytes: $0) } }
    }

    /// Forgets a session that ended.
    public func end(_ session: SessionID) async throws {
        _ = try await self.redis.run(Script.forget, keys: [self.sessionsKey, self.caretakerKey]) { command in
            command.append(session)
        }
    }

    /// Marks Redis' life; a Redis without the mark has lost its memory.
    public func setGeneration(_ generation: Int64) async throws {
        var command = RedisCommand("SET")
        command.append(self.generationKey)
        command.append(Int(generation))
        _ = try await self.redis.send(command)
    }

    /// Holds a queue, or opens it; the ledger has the truth of it, and an older word of it changes nothing. Waiting
    /// workers of a queue that opens are woken.
    public func set(_ told: QueueSwitch) async throws {
        _ = try await self.redis.run(Script.setQueueState, keys: [self.base(told.queue)]) { command in
            command.append(told.isPaused ? "paused" : "open")
            command.append(told.version)
        }
    }

    private static let clusterWait: Duration = .milliseconds(250)

    /// Waits until there may be work in one of the queues, or the time is over. On a client of its own: the wait
    /// blocks the connection.
    ///
    /// - Returns: The queue whose token was taken; nil when the time was over.
    public func waitForWork(
        in queues: [QueueName], atMost timeout: Duration, on client: RedisClient
    ) async throws -> QueueName? {
        var (queues, timeout) = (queues, timeout)
        if client.configuration.isCluster, let one = queues.randomElement() {
            // Keys of several slots cannot be waited for at once: one queue at a time, and not for long.
            (queues, timeout) = ([one], min(timeout, Self.clusterWait))
        }
        var command = RedisCommand("BLPOP")
        for queue in queues { command.append(self.wakeKey(queue)) }
        let milliseconds = max(10, timeout.wholeMilliseconds)
        command.append("\(Double(milliseconds) / 1000)")
        let reply = try await client.send(command, timeout: timeout + .seconds(5))
        guard let key = reply.array?.first?.string else { return nil }
        return queues.first { self.wakeKey($0) == key }
    }

    /// Counts what a queue holds and checks its invariants.
    public func audit(_ queue: QueueName) async throws -> IndexAudit {
        let reply = try await self.redis.run(Script.audit, keys: [self.base(queue)]) { _ in }
        return try ScriptReply(Script.audit, reply).audit()
    }

    /// Checks that Redis keeps what it is given.
    ///
    /// - Throws: `JobQueueError(.unsafeRedis)` when its eviction policy may drop keys.
    public func requireSafeSettings() async throws {
        var command = RedisCommand("INFO")
        command.append("memory")
        let info = try await self.redis.send(command).string ?? ""
        let policy = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("maxmemory_policy:") }
        guard let policy = policy?.dropFirst("maxmemory_policy:".count), policy != "noeviction" else { return }
        throw JobQueueError(
            .unsafeRedis, field: "maxmemory-policy",
            "must be noeviction, is \(policy): Redis would throw jobs away when its memory is full. "
                + "Set it in redis.conf, or now: redis-cli CONFIG SET maxmemory-policy noeviction")
    }
}
