// Redis' side of each queue: its invariants, and whether it has what the ledger says is available.

internal import JobModel
internal import JobQueue
internal import Postgres

/// How often ledger and Redis are compared before a difference is one: jobs are on their way between the two.
private let comparisonsMax = 4

extension Examination {
    func checkQueues() async throws -> [Finding] {
        let ledger = self.client.ledger
        let queues = try await ledger.queueSwitches()
        var findings = try await self.checkPool()
        for (queue, isPaused) in queues.map({ ($0.queue, $0.isPaused) }) {
            let inspected = try await self.checkIndex(of: queue)
            findings += inspected.findings
            let audit = try await self.client.index.audit(queue)
            for fault in audit.faults where !inspected.keys.contains(where: { fault.contains($0) }) {
                findings.append(
                    .fail("queue \(queue)", fault, remedy: "pause the queue and report it with the output of this"))
            }
            if audit.fastDead > 0 {
                findings.append(
                    .warn(
                        "queue \(queue)", "\(audit.fastDead) dead fast jobs",
                        remedy: "see why: chorewheel queues dead list \(queue); then retry, or discard, some or all: "
                            + "chorewheel queues dead retry \(queue) --all"))
            }
            let quarantined = audit.durableQuarantined + audit.fastQuarantined
            if quarantined > 0 {
                findings.append(
                    .warn(
                        "queue \(queue)",
                        "\(quarantined) jobs were aboard \(JobLimits.crashesMax) crashes and wait to be run alone",
                        remedy: "one of them may kill workers; it will be dead as poison, which says which: "
                            + "chorewheel jobs list --state dead"))
            }
            if isPaused {
                findings.append(
                    .warn(
                        "queue \(queue)", "is paused", remedy: "chorewheel queues resume \(queue), when you are ready"))
            }
        }
        let orphans = try await self.platform.query(
            "SELECT queue, count(*) AS jobs FROM jobs "
                + "WHERE (seq > (SELECT settled_seq FROM reconciliation) OR id IN (SELECT job_id FROM job_stragglers)) "
                + "AND state = 'available' AND queue NOT IN (SELECT name FROM queues) GROUP BY queue ORDER BY queue")
        for row in orphans {
            findings.append(
                .warn(
                    "queue \(try row.string("queue"))",
                    "\(try row.int("jobs")) waiting in a queue that no worker ever had",
                    remedy: "start a worker on it, chorewheel work --queues \(try row.string("queue")), or cancel them")
            )
        }
        let differences = try await self.persistentDifferences(queues.map(\.queue))
        findings += differences.sorted { $0.key < $1.key }.map { differenceFinding($0.key, $0.value) }
        if findings.isEmpty {
            findings.append(.ok("queues", "\(queues.count) queues: sound in Redis, and as the ledger has them"))
        }
        return findings
    }
}

/// What the two stores say of one queue.
struct QueueDifference: Sendable, Hashable {
    let available: Int
    let waiting: Int
}

/// Pure.
func differenceFinding(_ queue: QueueName, _ difference: QueueDifference) -> Finding {
    let counts = "\(difference.available) jobs are available in the ledger, \(difference.waiting) wait in Redis"
    return difference.waiting < difference.available
        ? .warn(
            "queue \(queue)", counts,
            remedy: "a living worker puts in what is missing within 30 s; is one alive?")
        : .warn(
            "queue \(queue)", counts,
            remedy: "what is too much is let go when it is claimed; if this grows, report it")
}

extension Examination {
    /// The queues that differ at every look.
    private func persistentDifferences(
        _ queues: [QueueName]
    ) async throws -> [QueueName: QueueDifference] {
        var suspects = Set(queues)
        var differences: [QueueName: QueueDifference] = [:]
        for comparison in 1...comparisonsMax {
            let records = try await self.client.ledger.queues()
            let available = Dictionary(records.map { ($0.name, $0.available) }) { first, _ in first }
            differences = [:]
            for queue in suspects {
                let audit = try await self.client.index.audit(queue)
                let waiting = audit.durableWaiting + audit.durableQuarantined
                let expected = available[queue.rawValue] ?? 0
                if waiting != expected { differences[queue] = QueueDifference(available: expected, waiting: waiting) }
            }
            suspects = Set(differences.keys)
            if suspects.isEmpty { return [:] }
            if comparison < comparisonsMax { try await Task.sleep(for: .milliseconds(500)) }
        }
        return differences
    }
}
