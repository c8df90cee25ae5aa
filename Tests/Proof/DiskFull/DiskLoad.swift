// Jobs of both classes, enqueued all the time; what was acknowledged, and what was refused with which words.

internal import JobModel
internal import JobQueue
internal import QueueTestSupport
internal import Synchronization

/// What callers were told.
final class DiskLoad: Sendable {
    private struct Told {
        var acknowledged: Set<JobID> = []
        /// Enqueued, whatever the answer was.
        var tried: Set<JobID> = []
        var refused: [Durability: Int] = [:]
        var words: [Durability: [String: Int]] = [:]
        var isOver = false
    }

    private let queue: QueueFixture
    private let told = Mutex(Told())
    /// Some weight, so that logs and tables grow.
    private let payload = Array(#"{"note":"\#(String(repeating: "ballast ", count: 100))"}"#.utf8)

    init(_ queue: QueueFixture) {
        self.queue = queue
    }

    var acknowledged: Set<JobID> { self.told.withLock { $0.acknowledged } }
    var tried: Set<JobID> { self.told.withLock { $0.tried } }
    func refused(_ durability: Durability) -> Int { self.told.withLock { $0.refused[durability] ?? 0 } }
    /// What was said, and how often.
    func words(_ durability: Durability) -> [String: Int] { self.told.withLock { $0.words[durability] ?? [:] } }
    func finish() { self.told.withLock { $0.isOver = true } }

    /// What is wrong with the effects of jobs, some of which were acknowledged; nil: nothing is. Pure.
    static func fault(of effects: [JobID], acknowledged: Set<JobID>) -> String? {
        let missing = acknowledged.subtracting(effects)
        if !missing.isEmpty {
            return "LOST: \(missing.count) of \(acknowledged.count) acknowledged jobs were never done, as "
                + "\(missing.prefix(3).map(\.description))"
        }
        let doubles = effects.count - Set(effects).count
        return doubles > 0 ? "DOUBLED: \(doubles) effects happened twice" : nil
    }

    /// Enqueues one job. - Returns: It, if it was acknowledged.
    func enqueue(_ durability: Durability) async -> JobID? {
        let id = JobID.mint()
        self.told.withLock { _ = $0.tried.insert(id) }
        do {
            var options = EnqueueOptions(queue: "diagnostics")
            options.id = id
            let request = try JobRequest(
                kind: "diagnostic.effect", target: .platform, payload: self.payload, options: options)
            _ = try await self.queue.client.enqueue(request, durability: durability)
            self.told.withLock { _ = $0.acknowledged.insert(id) }
            return id
        } catch {
            self.told.withLock { told in
                told.refused[durability, default: 0] += 1
                told.words[durability, default: [:]]["\(error)", default: 0] += 1
            }
            return nil
        }
    }

    /// Enqueues until `finish`.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for durability in [Durability.durable, .durable, .fast, .fast] {
                group.addTask {
                    while !self.told.withLock({ $0.isOver }), !Task.isCancelled {
                        let isTaken = await self.enqueue(durability) != nil
                        try? await Task.sleep(for: .milliseconds(isTaken ? 5 : 50))
                    }
                }
            }
        }
    }
}
