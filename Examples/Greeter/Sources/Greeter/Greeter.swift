// A kind of job, and the plugin with its handler: all that a plugin's author writes.

import JobModel
import JobQueue
import WorkerKit

struct Greet: PlatformJob {
    static let kind: JobKind = "example.greet"
    var name: String
}

struct Greeter: PlatformHandler, WorkerPlugin {
    let name = "Greeter"
    func register(in registry: inout HandlerRegistry) { registry.add(self) }
    func run(_ job: Greet, context: JobContext) async throws -> String { "Hello, \(job.name)!" }
}
