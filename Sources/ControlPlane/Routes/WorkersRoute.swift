// Worker sessions: who is alive, and who was within the last hour.

internal import Hummingbird
internal import JobQueue

struct WorkersRoute: Sendable {
    let ledger: Ledger

    func add(to group: RouterGroup<APIContext>) {
        group.get("/workers") { _, _ in try Response.json(WorkerList(workers: try await self.ledger.sessions())) }
    }
}

private struct WorkerList: Encodable { let workers: [SessionRecord] }
