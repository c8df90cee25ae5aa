// One soak from start to end: servers, workers, load, faults; then everything is healed, the queue is drained, and the
// verdict is spoken. It ends by itself whatever happens: every wait has a limit, and what it started has a leash.

import Glibc
import JobModel
import JobQueue
import Postgres
import Processes

/// Runs a soak.
struct Soak: Sendable {
    let minutes: Double
    let seed: UInt64
    let rate: Double
    let only: Set<SoakFault>?

    /// How long what is left may take when nothing is broken any more. A parked job looks again after 22 s, a retry
    /// waits 5 s at most, a killer's last attempts take turns.
    private static let drainMax: Duration = .seconds(240)
    private static let familyCount = 4

    func run(_ stack: SoakStack) async throws -> SoakReport {
        let record = try SoakRecord(path: "\(stack.directory)/record")
        let random = SeededRandom(seed: self.seed)
        let network = try await SoakNetwork.start(stack)
        let pools = [
            SoakPool(name: "straight", processes: 2, stack: stack, record: record),
            SoakPool(
                name: "proxied", processes: 2, stack: stack, record: record, databaseURL: network.databaseURL,
                redisURL: network.redisURL),
            SoakPool(name: "single", processes: nil, stack: stack, record: record),
        ]
        let memory = try RedisMemory(stack: stack, record: record)
        let watch = SoakWatch(stack: stack, pools: pools, record: record)
        let counts = SoakFaultCounts()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for pool in pools { group.addTask { try await pool.run() } }
            group.addTask { await memory.run() }
            group.addTask { await watch.run() }
            let report: SoakReport
            do {
                let families = try await self.makeFamilies(stack)
                let load = SoakLoad(stack: stack, record: record, families: families, rate: self.rate)
                let nemesis = SoakNemesis(
                    stack: stack, pools: pools, network: network, record: record, counts: counts,
                    redisMemory: memory, only: self.only)
                say("\(families.count) families, \(pools.count) pools of workers; load and faults begin")
                let seconds = try await self.storm(load, nemesis, record, random)
                say("healed; draining")
                let leftovers = try await self.drain(stack)
                report = try await self.judge(
                    stack, pools, record, counts, watch, seconds: seconds, leftovers: leftovers)
            } catch {
                group.cancelAll()
                for pool in pools { _ = await pool.close() }
                throw error
            }
            for pool in pools {
                let status = await pool.close()
                if let status, !status.isSuccess { record.violation("pool \(pool.name), told to end, \(status)") }
            }
            group.cancelAll()
            try await network.close()
            return report.adding(record.violations)
        }
    }

    private func makeFamilies(_ stack: SoakStack) async throws -> [SoakFamily] {
        for number in 1...Self.familyCount { try await stack.signUp("soak-\(number)") }
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            let families = try await stack.families()
            if families.count == Self.familyCount { return families }
            guard ContinuousClock.now < deadline else { throw ProofFailure("families were not provisioned") }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Load and faults for the minutes.
    ///
    /// - Returns: How many seconds that took.
    private func storm(
        _ load: SoakLoad, _ nemesis: SoakNemesis, _ record: SoakRecord, _ random: SeededRandom
    ) async throws -> Double {
        let began = ContinuousClock.now
        let end = began + .seconds(self.minutes * 60)
        let faults = Task {
            await withTaskGroup(of: Void.self) { group in
                for (number, domain) in SoakFault.Domain.allCases.enumerated() {
                    group.addTask { await nemesis.run(domain, random.split(1000 + number)) }
                }
            }
        }
        let producers = Task { await load.run(random.split(1)) }
        var nextWord = began + .seconds(60)
        while ContinuousClock.now < end {
            try await Task.sleep(until: min(end, nextWord))
            if ContinuousClock.now >= nextWord {
                nextWord += .seconds(60)
                let fired = nemesis.counts.all.values.reduce(0) { $0 + $1.fired }
                say(
                    "\(record.now.inSeconds) s: \(record.entries.count) requests, \(fired) faults have fired, "
                        + "\(record.violations.count) violations seen so far")
            }
        }
        faults.cancel()
        await faults.value
        producers.cancel()
        await producers.value
        return (ContinuousClock.now - began) / .seconds(1)
    }

    /// Waits until nothing is open in either store.
    ///
    /// - Returns: What is left, when the limit is over.
    private func drain(_ stack: SoakStack) async throws -> String? {
        let deadline = ContinuousClock.now + Self.drainMax
        var left = "not looked at"
        while ContinuousClock.now < deadline {
            do {
                left = try await self.open(stack)
                if left.isEmpty { return nil }
            } catch {
                left = "\(error)"
            }
            try await Task.sleep(for: .milliseconds(500))
        }
        return left
    }

    /// What is open; empty when nothing is.
    private func open(_ stack: SoakStack) async throws -> String {
        var left: [String] = []
        for row in try await stack.platform.query(
            "SELECT state, count(*) FROM jobs WHERE state NOT IN ('succeeded', 'dead', 'cancelled') GROUP BY state")
        {
            left.append("\(try row.int(at: 1)) \(try row.string(at: 0))")
        }
        for known in try await stack.client.ledger.queueSwitches() {
            let audit = try await stack.client.index.audit(known.queue)
            let waiting =
                audit.durableWaiting + audit.fastWaiting + audit.durableQuarantined + audit.fastQuarantined
                + audit.fastDelayed
            if waiting > 0 { left.append("\(waiting) wait in Redis' \(known.queue)") }
            for session in try await stack.client.ledger.sessions() {
                guard let id = SessionID(session.id) else { continue }
                let running = try await stack.client.index.running(of: id, in: known.queue).count
                if running > 0 { left.append("\(running) run in Redis' \(known.queue) by \(id)") }
            }
        }
        return left.joined(separator: ", ")
    }

    private func judge(
        _ stack: SoakStack, _ pools: [SoakPool], _ record: SoakRecord, _ counts: SoakFaultCounts, _ watch: SoakWatch,
        seconds: Double, leftovers: String?
    ) async throws -> SoakReport {
        let evidence = try await SoakEvidence.gather(stack, logs: pools.map(\.log))
        let faults = counts.all
        let verdict = SoakVerdict(
            entries: record.entries, losses: record.losses, evidence: evidence,
            postgresKills: record.postgresKills)
        let doctor = try await stack.run(["doctor"], log: "doctor.log")
        return SoakReport(
            soak: self, verdict: verdict, faults: faults, seconds: seconds, leftovers: leftovers,
            doctor: doctor.isSuccess ? nil : stack.failures(of: "doctor.log"),
            reconciliations: watch.reconciliations, lives: watch.lives(longerThan: .seconds(120)))
    }
}

/// A line for whoever watches.
func say(_ line: String) { show("soak: \(line)") }

/// Text for whoever watches, written at once.
func show(_ text: String) {
    let bytes = Array("\(text)\n".utf8)
    _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
}
