// The load: producers that enqueue by every way a web tier has, note each request before it is sent and its answer when
// it comes, and send again what got no answer. Some ask for what must not be: a rolled back job, a key used twice.

import JobModel
import JobQueue
import Postgres
import Redis
import Synchronization

/// Enqueues until cancelled.
final class SoakLoad: Sendable {
    private struct Keyed: Sendable {
        var entry: SoakEntry
        var request: JobRequest
    }

    private let stack: SoakStack
    private let record: SoakRecord
    private let families: [SoakFamily]
    /// Jobs a second, of all producers.
    private let rate: Double
    private let producers = 6
    /// More than this many open jobs, and the producers wait: the queue is to be broken, not only to be full.
    private static let openMax = 2000
    private let isFull = Mutex(false)
    /// Jobs with keys that were acknowledged, to ask for once more.
    private let keyed = Mutex<[Keyed]>([])
    /// Jobs to cancel.
    private let recent = Mutex<[SoakEntry]>([])

    init(stack: SoakStack, record: SoakRecord, families: [SoakFamily], rate: Double) {
        self.stack = stack
        self.record = record
        self.families = families
        self.rate = rate
    }

    /// Runs all producers until cancelled. Each carries its request through.
    func run(_ random: SeededRandom) async {
        await withTaskGroup(of: Void.self) { group in
            for producer in 0..<self.producers {
                group.addTask { await self.produce(random.split(producer)) }
            }
            group.addTask { await self.produceKillers(random.split(100)) }
            group.addTask { await self.cancelSome(random.split(101)) }
            group.addTask { await self.enqueueSilently(random.split(102)) }
            group.addTask { await self.watchBacklog() }
        }
    }

    private func produce(_ random: SeededRandom) async {
        var random = random
        let pause = Double(self.producers) / self.rate
        while !Task.isCancelled {
            if !self.isFull.withLock({ $0 }) {
                var step = SeededRandom(seed: random.next())
                // Not cancelled: a request is carried through to its answer.
                await Task { await self.enqueueOne(&step) }.value
            }
            try? await Task.sleep(for: random.seconds(0.5 * pause...1.5 * pause))
        }
    }

    private func watchBacklog() async {
        while !Task.isCancelled {
            // Jobs below the watermark are terminal but for few.
            let open = try? await self.stack.platform.query(
                """
                SELECT count(*) FROM jobs WHERE seq > (SELECT settled_seq FROM reconciliation)
                AND state IN ('available', 'running', 'parked', 'scheduled')
                """, timeout: .seconds(5)
            ).first?.int(at: 0)
            if let open { self.isFull.withLock { $0 = open > Self.openMax } }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    // MARK: Everyday jobs

    private func enqueueOne(_ random: inout SeededRandom) async {
        if random.chance(0.03), await self.repeatKey(&random) { return }
        let plan = SoakPlan.random(using: &random)
        let family = random.chance(0.4) ? self.families.randomElement(using: &random)?.id : nil
        let id = JobID.mint()
        var options = EnqueueOptions(queue: "diagnostics", id: id)
        options.priority = random.one(of: JobPriority.allCases)
        if random.chance(0.1) { options.delay = random.seconds(0.1...15) }
        if plan.durability == .durable, random.chance(0.05) { options.idempotencyKey = "key \(id)" }
        let route: SoakEntry.Route =
            switch Int.random(in: 0..<100, using: &random) {
            case _ where plan.durability == .fast: .client
            case ..<65: .client
            case ..<92: .sql
            default: .rollback
            }
        await self.enqueue(plan, family, id, options, by: route)
    }

    /// One job, by its way, to its answer.
    private func enqueue(
        _ plan: SoakPlan, _ family: FamilyID?, _ id: JobID, _ options: EnqueueOptions, by route: SoakEntry.Route
    ) async {
        let entry = self.record.ask(
            plan, family: family, route: route, key: options.idempotencyKey, delay: options.delay, id: id)
        let request: JobRequest
        do {
            request = try JobRequest(
                kind: plan.kind, target: JobTarget(family: family),
                payload: Array(plan.payload(number: entry.number).utf8), options: options)
        } catch {
            self.record.violation("a valid request was refused: \(error)")
            return self.record.answer(entry.number, .refused)
        }
        await self.carryThrough(entry) {
            let job =
                switch route {
                case .client, .silent:
                    try await self.stack.client.enqueue(request, durability: plan.durability)
                case .sql, .rollback: try await self.enqueueBySQL(request, id, rollBack: route == .rollback)
                }
            // An id of our own is sent again after a lost reply: then it is "replayed", and the same.
            if job.id != entry.id { self.record.violation("job \(entry.id) was answered as \(job.id)") }
            return .acknowledged
        }
        let known = self.record.entry(entry.number)
        guard known.fate == .acknowledged else { return }
        if options.idempotencyKey != nil {
            self.keyed.withLock { keyed in
                keyed.append(Keyed(entry: known, request: request))
                if keyed.count > 40 { keyed.removeFirst() }
            }
        }
        if plan.durability == .durable {
            self.recent.withLock { recent in
                recent.append(known)
                if recent.count > 60 { recent.removeFirst() }
            }
        }
    }

    /// In the caller's transaction, with a row of the caller's own.
    private func enqueueBySQL(_ request: JobRequest, _ id: JobID, rollBack: Bool) async throws -> EnqueuedJob {
        struct RolledBack: Error {}
        do {
            return try await self.stack.platform.transaction { connection in
                // Sent again after a lost reply, the row may be there. (This table holds whatever a caller did.)
                try await connection.query(
                    """
                    INSERT INTO audit_logs (id, job_id, action) VALUES ($1::uuid, $1::uuid, 'soak')
                    ON CONFLICT DO NOTHING
                    """, [.text("\(id)")])
                let rows = try await connection.query(
                    """
                    SELECT job_id::text, replayed FROM enqueue($1, $2::jsonb, $3::uuid, $4, $5,
                        clock_timestamp() + make_interval(secs => $6::float8), $7::int, $8::uuid)
                    """,
                    [
                        .text(request.kind.rawValue), .text(String(decoding: request.payload, as: UTF8.self)),
                        .text(request.target.family?.description), .text(request.options.idempotencyKey),
                        .text(request.options.queue?.rawValue), .double(request.options.delay.map { $0 / .seconds(1) }),
                        .int(Int(request.options.priority.rawValue)), .text("\(id)"),
                    ], timeout: .seconds(30)
                )
                if rollBack { throw RolledBack() }
                guard let row = rows.first, let known = JobID(try row.string(at: 0)) else {
                    throw ProofFailure("enqueue returned no id")
                }
                return EnqueuedJob(id: known, replayed: try row.bool(at: 1))
            }
        } catch is RolledBack {
            return EnqueuedJob(id: id, replayed: false)
        }
    }

    /// Sends a request until it is answered, or given up as unknown.
    private func carryThrough(_ entry: SoakEntry, _ send: () async throws -> SoakEntry.Fate) async {
        for attempt in 1...12 {
            do {
                let fate = try await send()
                // A rollback is a refusal by the caller itself.
                return self.record.answer(entry.number, entry.route == .rollback ? .refused : fate)
            } catch let error as JobQueueError where !error.canRetry && !error.isOutage {
                self.record.violation("job \(entry.id) (\(entry.plan)) was refused: \(error)")
                return self.record.answer(entry.number, .refused)
            } catch {
                if attempt == 1 { self.record.note("no answer \(entry.number): \(error)") }
                try? await Task.sleep(for: .milliseconds(200 * attempt))
            }
        }
        self.record.answer(entry.number, entry.route == .rollback ? .refused : .unknown)
    }

    // MARK: What is not everyday

    /// A key that was used: with the same payload it is the first job, with another a conflict.
    private func repeatKey(_ random: inout SeededRandom) async -> Bool {
        guard let first = self.keyed.withLock({ $0.randomElement(using: &random) }) else { return false }
        let isSame = random.chance(0.6)
        let id = JobID.mint()
        var options = first.request.options
        options.id = id
        options.delay = nil
        let again = self.record.ask(
            first.entry.plan, family: first.entry.family, route: .client, key: options.idempotencyKey,
            id: id)
        let payload = isSame ? first.request.payload : Array("{\"seconds\": 0.001, \"times\": 77}".utf8)
        guard
            let request = try? JobRequest(
                kind: first.request.kind, target: first.request.target, payload: payload, options: options)
        else { return false }
        await self.carryThrough(again) {
            do {
                let job = try await self.stack.client.enqueue(request, durability: .durable)
                if !isSame { self.record.violation("key of \(first.entry.id) was taken with another payload") }
                if job.id != first.entry.id || !job.replayed {
                    self.record.violation("key of \(first.entry.id) was answered by \(job)")
                }
                return .replay(of: first.entry.id)
            } catch let error as JobQueueError where error.code == .conflict {
                if isSame { self.record.violation("key of \(first.entry.id) with the same payload: \(error)") }
                if error.existing != first.entry.id {
                    self.record.violation(
                        "conflict with \(first.entry.id) named \(error.existing.map(\.description) ?? "-")")
                }
                return .refused
            }
        }
        return true
    }

    /// Jobs that kill their processes: twice (then they succeed), or always.
    private func produceKillers(_ random: SeededRandom) async {
        var random = random
        let plans: [SoakPlan] = [
            .crash(times: 1), .fastCrash(times: 1), .crash(times: 2), .poison, .fastCrash(times: 2), .crash(times: 1),
            .fastPoison,
        ]
        var next = 0
        while (try? await Task.sleep(for: random.seconds(15...30))) != nil {
            let plan = plans[next % plans.count]
            next += 1
            let id = JobID.mint()
            let options = EnqueueOptions(queue: SoakPool.killersQueue, id: id)
            await Task { await self.enqueue(plan, nil, id, options, by: .client) }.value
        }
    }

    private func cancelSome(_ random: SeededRandom) async {
        var random = random
        while (try? await Task.sleep(for: random.seconds(1...4))) != nil {
            guard let entry = self.recent.withLock({ $0.randomElement(using: &random) }) else { continue }
            self.record.askedToCancel(entry.number)
            do {
                _ = try await self.stack.client.ledger.cancel(entry.id)
            } catch {
                self.record.note("cancel \(entry.number): \(error)")
            }
        }
    }

    /// The rows of an enqueue, and no notification: what a lost one leaves.
    private func enqueueSilently(_ random: SeededRandom) async {
        var random = random
        while (try? await Task.sleep(for: random.seconds(4...8))) != nil {
            let id = JobID.mint()
            let entry = self.record.ask(.effect(seconds: nil), family: nil, route: .silent, id: id)
            await Task {
                await self.carryThrough(entry) {
                    try await self.stack.platform.query(
                        """
                        WITH job AS (
                            INSERT INTO jobs (id, kind, queue, payload, max_attempts)
                            VALUES ($1::uuid, 'diagnostic.effect', 'diagnostics', '{}', 10)
                            ON CONFLICT DO NOTHING RETURNING id, seq
                        )
                        INSERT INTO job_dispatches (job_id, seq) SELECT id, seq FROM job
                        """, [.text("\(id)")], timeout: .seconds(10))
                    return .acknowledged
                }
            }.value
        }
    }
}

extension JobQueueError {
    /// A server's fault that the queue does not know as one that passes: nothing is known of the request then.
    fileprivate var isOutage: Bool {
        switch self.code {
        case .conflict, .invalid, .notFound, .notPossible: false
        case .unavailable, .corrupt, .unsafeRedis: true
        }
    }
}
