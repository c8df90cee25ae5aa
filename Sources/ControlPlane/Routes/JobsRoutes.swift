// Jobs: enqueue one, show, list, retry, cancel.

internal import Hummingbird
internal import JobModel
internal import JobQueue
internal import Tenancy

struct JobsRoutes: Sendable {
    let jobs: JobQueueClient
    let families: FamilyStore
    let safety: RedisSafety

    func add(to group: RouterGroup<APIContext>) {
        group.post("/jobs") { request, _ in try await self.enqueue(request) }
        group.get("/jobs") { request, _ in try await self.list(request) }
        group.get("/jobs/{id}") { _, context in try Response.json(try await self.show(try context.jobID())) }
        group.post("/jobs/{id}/retry") { _, context in
            let id = try context.jobID()
            try await self.jobs.ledger.retry(id)
            return try Response.json(try await self.show(id))
        }
        group.post("/jobs/{id}/cancel") { _, context in
            let id = try context.jobID()
            let outcome = try await self.jobs.ledger.cancel(id)
            // A running job is asked to stop; whether it does is seen later.
            return try Response.json(
                try await self.show(id), status: outcome == .cancelled ? .ok : .accepted, location: jobPath(id))
        }
    }

    private func enqueue(_ request: Request) async throws -> Response {
        var fields = try await request.fields(upTo: RequestLimits.jobBytesMax)
        let now = fields.has("due_at") ? try await self.jobs.ledger.now() : nil
        let input = try JobInput(&fields, headerKey: try request.idempotencyKey(), now: now)
        try fields.finish()
        guard let input else { throw Problem(.invalidInput) }
        var target = JobTarget.platform
        if let reference = input.family {
            guard let family = try await self.families.find(reference) else {
                throw Problem("family", "must be the slug or id of a family; there is none")
            }
            target = .family(family)
        }
        let request = try input.request(target: target)
        try await self.safety.require(for: [request], jobs: self.jobs)
        let job = try await self.jobs.enqueueChecked(request)
        return try .json(
            EnqueueAnswer(job), status: job.replayed ? .ok : .created, location: jobPath(job.id))
    }

    private func show(_ id: JobID) async throws -> JobRecord {
        guard let job = try await self.jobs.ledger.job(id) else {
            throw Problem(.notFound, "There is no job \(id). (Fast jobs are not in the ledger.)")
        }
        return job
    }

    private func list(_ request: Request) async throws -> Response {
        var query = QueryFields(request)
        var filter = JobFilter()
        let states = JobState.allCases.map(\.rawValue).joined(separator: ", ")
        filter.state = query.value("state", "must be one of \(states)") { JobState(rawValue: $0) }
        filter.kind = query.value("kind", InvalidName.rule) { try? JobKind(validating: $0) }
        filter.queue = query.value("queue", InvalidName.rule) { try? QueueName(validating: $0) }
        filter.before = query.int("before", in: 0...Int.max)
        filter.limit = query.int("limit", in: 1...1000) ?? filter.limit
        let reference = query.value("family", "must not be empty") { $0.isEmpty ? nil : $0 }
        try query.finish()
        if let reference {
            guard let family = try await self.families.find(reference) else {
                throw Problem("family", "must be the slug or id of a family; there is none")
            }
            filter.family = family
        }
        let jobs = try await self.jobs.ledger.jobs(filter)
        return try .json(JobPage(jobs: jobs, before: jobs.count == filter.limit ? jobs.last?.seq : nil))
    }
}

/// A page of jobs.
private struct JobPage: Encodable {
    let jobs: [JobRecord]
    /// The `before` of the next page; absent on the last.
    let before: Int?
}
