// Redis key by key: what no part of the queue writes there is named, with its key, and what to do about it. Beside it
// the ledger: ids that wait and that it does not know.

internal import JobModel
internal import JobQueue
internal import Postgres

/// More of one queue are counted, not told.
private let damageMax = 20
/// How many ids one statement compares.
private let hintsPage = 1000

extension Examination {
    /// The findings of the keys that all queues share.
    func checkPool() async throws -> [Finding] {
        Doctor.findings(of: try await self.client.index.inspectPool(), subject: "redis")
    }

    /// The findings of a queue's keys, and which keys they name.
    func checkIndex(of queue: QueueName) async throws -> (findings: [Finding], keys: Set<String>) {
        var inspection = try await self.client.index.inspect(queue)
        inspection.damage += try await self.strangers(inspection.hints, of: queue)
        inspection.damage += try await self.orphans(inspection.holders, of: queue)
        return (
            Doctor.findings(of: inspection, subject: "queue \(queue)"), Set(inspection.damage.map(\.key))
        )
    }

    /// Ids that wait in Redis and are no jobs of the ledger, or have another place there.
    private func strangers(_ hints: [WaitingHint], of queue: QueueName) async throws -> [IndexDamage] {
        var damage: [IndexDamage] = []
        for first in stride(from: 0, to: hints.count, by: hintsPage) {
            let page = hints[first..<min(first + hintsPage, hints.count)]
            let rows = try await self.platform.query(
                "SELECT id, seq, queue FROM jobs WHERE id = ANY ($1::uuid[])", [.array(page.map(\.id.description))])
            var known: [String: (seq: Int, queue: String)] = [:]
            for row in rows { known[try row.string("id")] = (try row.int("seq"), try row.string("queue")) }
            for hint in page {
                let why: String
                switch known[hint.id.description] {
                case nil: why = "the ledger has no such job"
                case .some(let job) where job.queue != queue.rawValue: why = "the ledger has it in queue \(job.queue)"
                case .some(let job) where job.seq != hint.seq:
                    why = "at \(hint.seq), and its seq is \(job.seq): it does not wait its turn"
                case .some: continue
                }
                damage.append(IndexDamage(key: hint.key, fault: .strayHint(hint.id, why: why)))
            }
        }
        return damage
    }

    /// Sessions that hold something in Redis and that the ledger never heard of: nobody would give it back.
    private func orphans(_ holders: [SessionID], of queue: QueueName) async throws -> [IndexDamage] {
        guard !holders.isEmpty else { return [] }
        let rows = try await self.platform.query(
            "SELECT id FROM worker_sessions WHERE id = ANY ($1::uuid[])", [.array(holders.map(\.description))])
        let known = Set(try rows.map { try $0.string("id") })
        return holders.filter { !known.contains($0.description) }.map { session in
            self.client.index.damage(heldBy: session, in: queue)
        }
    }
}

/// Pure.
private func findings(of inspection: IndexInspection, subject: String) -> [Finding] {
    var findings = inspection.damage.prefix(damageMax).map { damage -> Finding in
        damage.fault.isBroken
            ? .fail(subject, damage.what, remedy: damage.remedy) : .warn(subject, damage.what, remedy: damage.remedy)
    }
    if inspection.damage.count > damageMax {
        findings.append(
            .warn(
                subject, "and \(inspection.damage.count - damageMax) more of this kind",
                remedy: "mend these, then run this again"))
    }
    if !inspection.isWhole {
        findings.append(
            .warn(
                subject, "holds more than is looked at one by one: only the first were",
                remedy: "run this again when the queue is shorter"))
    }
    return findings
}
