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
    private static let longestRest: Duration = .milliseconds(100)
    /// How many available jobs an ordinary pass compares. It goes on from there the next time, so that a backlog of
    /// a million costs a pass no more than one of this length.
    private static let pagesPerPass = 20

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
        /// Where the next ordinary pass goes on; 0: from the first job.
        public var next: Int64

        public init(available: Int = 0, pushed: Int = 0, repaired: Int = 0, next: Int64 = 0) {
            self.available = available
            self.pushed = pushed
            self.repaired = repaired
            self.next = next
        }
    }

    /// A whole pass: every job that is available. Due when Redis may have lost something.
    public func reconcile() async throws -> Report { try await self.pass(from: 0, pages: .max, mayRest: true) }

    /// An ordinary pass: a part of the jobs, from where the last one ended. - Parameter start: its report's `next`.
    public func reconcile(from start: Int64) async throws -> Report {
        try await self.pass(from: start, pages: Self.pagesPerPass, mayRest: true)
    }

    /// - Parameter mayRest: Leaves nine tenths of the time to the workers, who have nearly all of this already.
    private func pass(from start: Int64, pages: Int, mayRest: Bool) async throws -> Report {
        var report = Report(next: start)
        for known in try await self.ledger.queueSwitches() {
            do {
                try await self.index.set(known)
            } catch let error where error.isOfOneQueue {
                self.logger.error(
                    "redis cannot be told of a queue; chorewheel doctor says why",
                    metadata: ["queue": "\(known.queue)", "error": "\(error)"])
            }
        }
        report.repaired = try await self.ledger.repair()
        var last: JobID?
        for _ in 0..<pages {
            let stragglers = try await self.ledger.stragglers(after: last, limit: Self.page)
            try await self.push(stragglers.filter(\.isAvailable).map(\.job), to: &report)
            guard stragglers.count == Self.page else { break }
            last = stragglers.last?.job.id
        }
        for _ in 0..<pages {
            let began = ContinuousClock.now
            let jobs = try await self.ledger.availableJobs(after: report.next, limit: Self.page)
            try await self.push(jobs, to: &report)
            report.next = jobs.count == Self.page ? jobs.last?.seq ?? 0 : 0
            if report.next == 0 { break }
            if mayRest { try await Task.sleep(for: min((.now - began) * 9, Self.longestRest)) }
        }
        try await self.ledger.advanceWatermark()
        if report.repaired > 0 {
            self.logger.error(
                "the ledger held jobs that nothing would wake", metadata: ["repaired": "\(report.repaired)"])
        }
        return report
    }

    private func push(_ jobs: [WaitingJob], to report: inout Report) async throws {
        report.available += jobs.count
        for (queue, jobs) in Dictionary(grouping: jobs, by: \.queue) {
            report.pushed += try await self.index.push(jobs, to: queue)
        }
    }

    /// Begins a new life of Redis after it lost its memory: everything available is put in, then it is marked.
    public func rebuild() async throws -> Report {
        let generation = try await self.ledger.mintRedisGeneration()
        let report = try await self.pass(from: 0, pages: .max, mayRest: false)
        try await self.index.setGeneration(generation)
        self.logger.notice(
            "redis was empty and is rebuilt from the ledger",
            metadata: ["generation": "\(generation)", "available": "\(report.available)"])
        return report
    }
}
