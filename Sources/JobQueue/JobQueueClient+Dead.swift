// Dead fast jobs as people meet them, by HTTP and on the command line: pages of them, and a decision on each, with
// errors that name an unknown queue and a job that is not dead. How they are kept is `DispatchIndex+Dead.swift`.

public import JobModel

/// A page of a queue's dead fast jobs, newest first.
public struct DeadFastJobPage: Encodable, Sendable {
    public let jobs: [DeadFastJob]
    /// The `offset` of the next page; absent on the last.
    public let offset: Int?

    /// How many jobs a page may have: each comes with its payload.
    public static let limits = 1...100
    public static let defaultLimit = 50
}

extension JobQueueClient {
    /// A page of the fast jobs of a queue that are dead, newest first. A job that dies meanwhile may show the last one
    /// of a page again on the next.
    ///
    /// - Parameters:
    ///   - offset: How many newer ones to leave out.
    ///   - limit: Within `DeadFastJobPage.limits`.
    /// - Throws: `JobQueueError(.notFound)`: no worker ever registered the queue; `RedisError`.
    public func deadFastJobs(of queue: QueueName, from offset: Int, limit: Int) async throws -> DeadFastJobPage {
        let jobs = try await self.index.deadFastJobs(of: queue, skipping: offset, limit: limit)
        if jobs.isEmpty { try await self.ledger.requireQueue(queue) }
        return DeadFastJobPage(jobs: jobs, offset: jobs.count == limit ? offset + limit : nil)
    }

    /// All fast jobs of a queue that are dead now, at most `JobLimits.deadFastJobsMax`, newest first.
    ///
    /// - Throws: As the page.
    public func allDeadFastJobs(of queue: QueueName) async throws -> [JobID] {
        var ids: [JobID] = []
        var seen: Set<JobID> = []
        var next: Int? = 0
        while let offset = next, offset <= JobLimits.deadFastJobsMax {
            let page = try await self.deadFastJobs(of: queue, from: offset, limit: DeadFastJobPage.limits.upperBound)
            for id in page.jobs.compactMap({ JobID($0.id) }) where seen.insert(id).inserted { ids.append(id) }
            next = page.offset
        }
        return ids
    }

    /// Decides of one dead fast job. Nothing else has it meanwhile: of two who decide, one is told that it is gone.
    ///
    /// - Throws: `JobQueueError(.notFound)`, field `queue` or `id`; `RedisError`.
    public func decide(_ decision: DeadDecision, of id: JobID, in queue: QueueName) async throws {
        guard try await self.index.decide(decision, [id], of: queue).isEmpty else { return }
        try await self.ledger.requireQueue(queue)
        throw JobQueueError(.notFound, field: "id", "there is no dead fast job \(id) in queue \(queue)")
    }
}
