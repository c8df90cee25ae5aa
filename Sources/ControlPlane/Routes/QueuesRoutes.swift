// Queues: list, pause, resume.

internal import Hummingbird
internal import JobModel
internal import JobQueue

struct QueuesRoutes: Sendable {
    let jobs: JobQueueClient

    func add(to group: RouterGroup<APIContext>) {
        group.get("/queues") { _, _ in
            try Response.json(QueueList(queues: try await self.jobs.ledger.queues()))
        }
        // Both may be sent again. A queue is known from the start of its first worker on.
        group.post("/queues/{name}/pause") { _, context in try await self.setPaused(true, context) }
        group.post("/queues/{name}/resume") { _, context in try await self.setPaused(false, context) }
    }

    private func setPaused(_ paused: Bool, _ context: APIContext) async throws -> Response {
        let queue = try context.queueName()
        if paused {
            try await self.jobs.pause(queue)
        } else {
            try await self.jobs.resume(queue)
        }
        return try .json(PausedQueue(name: queue.rawValue, paused: paused))
    }
}

private struct QueueList: Encodable { let queues: [QueueRecord] }

private struct PausedQueue: Encodable {
    let name: String
    let paused: Bool
}
