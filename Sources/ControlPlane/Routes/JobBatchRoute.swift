// Many jobs at once, all or none: one transaction, one answer, errors that name the element.

internal import Hummingbird
internal import JobModel
internal import JobQueue
internal import Tenancy

struct JobBatchRoute: Sendable {
    let jobs: JobQueueClient
    let families: FamilyStore
    let safety: RedisSafety
    let bodyBytesMax: Int

    func add(to group: RouterGroup<APIContext>) {
        group.post("/jobs/batch") { request, _ in try await self.enqueue(request) }
    }

    private func enqueue(_ request: Request) async throws -> Response {
        var fields = try await request.fields(upTo: self.bodyBytesMax)
        let elements = fields.objects("jobs", max: RequestLimits.batchJobsMax)
        var errors = fields.allErrors()
        var inputs: [JobInput] = []
        let hasTimes = elements?.contains { $0.has("due_at") } == true
        let now = hasTimes ? try await self.jobs.ledger.now() : nil
        for var element in elements ?? [] {
            let input = try JobInput(&element, now: now)
            errors += element.allErrors()
            if let input { inputs.append(input) }
        }
        guard errors.isEmpty else { throw Problem(breaking: Array(errors.prefix(RequestLimits.errorsMax))) }
        let requests = try await self.requests(inputs)
        try await self.safety.require(for: requests, jobs: self.jobs)
        let enqueued = try await self.jobs.enqueueChecked(requests)
        let isNew = enqueued.contains { !$0.replayed }
        return try .json(BatchAnswer(jobs: enqueued.map(EnqueueAnswer.init)), status: isNew ? .created : .ok)
    }

    private func requests(_ inputs: [JobInput]) async throws -> [JobRequest] {
        var known: [String: FamilyID] = [:]
        var requests: [JobRequest] = []
        requests.reserveCapacity(inputs.count)
        for (index, input) in inputs.enumerated() {
            var target = JobTarget.platform
            if let reference = input.family {
                if known[reference] == nil { known[reference] = try await self.families.find(reference) }
                guard let family = known[reference] else {
                    throw Problem("jobs[\(index)].family", "must be the slug or id of a family; there is none")
                }
                target = .family(family)
            }
            do throws(JobQueueError) {
                requests.append(try input.request(target: target))
            } catch {
                throw Problem("jobs[\(index)].\(error.field ?? "")", error.message)
            }
        }
        return requests
    }
}

private struct BatchAnswer: Encodable {
    /// In the order of the request.
    let jobs: [EnqueueAnswer]
}
