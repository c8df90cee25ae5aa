// Compares the ledger with Redis and mends Redis: after Redis lost its memory, after it was restarted (its last seconds
// may be gone), and every 30 seconds in case a hint was lost in a way nobody thought of. A no-op when healthy.

internal import JobModel
public import Logging

/// Puts what the ledger knows to be available into Redis, where it is missing.
public struct Reconciler: Sendable {
    private let ledger: Ledger
    private let index: DispatchIndex
    private let logger: Logger
    private static let page = 1000

    public init(ledger: Ledger, index: DispatchIndex, logger: Logger) {
        self.ledger = ledger
        self.index = index
        self.logger = logger
    }

    /// What a pass found.
    public struct Report: Sendable, Hashable {
        /// Available jobs looked at.
        public var available: Int
        /// Those that Redis did not have waiting: lost, or just being claimed.
        public var pushed: Int
        /// Jobs of the ledger that nothing would have woken.
        public var repaired: Int

        public init(available: Int = 0, pushed: Int = 0, repaired: Int = 0) {
            self.available = available
            self.pushed = pushed
            self.repaired = repaired
        }
    }

    /// One pass.
    public func reconcile() async throws -> Report {
        var report = Report()
        let queues = try await self.ledger.queueNames()
        for queue in queues.all {
            try await self.index.setPaused(queues.paused.contains(queue), queue: queue)
        }
        report.repaired = try await self.ledger.repair()
        var last: Int64?
        while true {
            let jobs = try await self.ledger.availableJobs(after: last, limit: Self.page)
            report.available += jobs.count
            for (queue, jobs) in Dictionary(grouping: jobs, by: \.queue) {
                report.pushed += try await self.index.push(jobs, to: queue)
            }
            guard jobs.count == Self.page, let seq = jobs.last?.seq else { break }
            last = seq
        }
        try await self.ledger.advanceWatermark()
        if report.repaired > 0 {
            self.logger.error(
                "the ledger held jobs that nothing would wake", metadata: ["repaired": "\(report.repaired)"])
        }
        return report
    }

    /// Begins a new life of Redis after it lost its memory: everything available is put in, then it is marked.
    public func rebuild() async throws -> Report {
        let generation = try await self.ledger.mintRedisGeneration()
        let report = try await self.reconcile()
        try await self.index.setGeneration(generation)
        self.logger.notice(
            "redis was empty and is rebuilt from the ledger",
            metadata: ["generation": "\(generation)", "available": "\(report.available)"])
        return report
    }
}
