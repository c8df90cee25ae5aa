// The dead fast jobs of a queue, which Redis alone has: list, retry one, discard one. (Dead durable jobs are
// `GET /v1/jobs?state=dead`.)

internal import Hummingbird
internal import JobModel
internal import JobQueue

struct DeadFastJobsRoutes: Sendable {
    let jobs: JobQueueClient

    func add(to group: RouterGroup<APIContext>) {
        group.get("/queues/{name}/dead") { request, context in try await self.list(request, context) }
        // Sent again, both find the job not dead any more: 404.
        group.post("/queues/{name}/dead/{id}/retry") { _, context in try await self.decide(.retry, context) }
        group.delete("/queues/{name}/dead/{id}") { _, context in try await self.decide(.discard, context) }
    }

    private func list(_ request: Request, _ context: APIContext) async throws -> Response {
        let queue = try context.queueName()
        var query = QueryFields(request)
        let limit = query.int("limit", in: DeadFastJobPage.limits) ?? DeadFastJobPage.defaultLimit
        let offset = query.int("offset", in: 0...JobLimits.deadFastJobsMax) ?? 0
        try query.finish()
        return try .json(try await self.jobs.deadFastJobs(of: queue, from: offset, limit: limit))
    }

    /// There is nothing to show afterwards: a fast job that waits or runs has no record.
    private func decide(_ decision: DeadDecision, _ context: APIContext) async throws -> Response {
        try await self.jobs.decide(decision, of: try context.jobID(), in: try context.queueName())
        return Response(status: .noContent, headers: [.cacheControl: "no-store"])
    }
}
