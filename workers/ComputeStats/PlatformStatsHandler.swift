// Sums up the day over all families, in one statement on the platform.

internal import JobModel
internal import JobQueue
internal import Postgres
internal import WorkerKit

struct PlatformStatsHandler: PlatformHandler {
    func run(_ job: ComputePlatformStats, context: JobContext) async throws -> PlatformStats {
        let day = try checkedDay(job.day)
        return try await context.effect { transaction in
            let rows = try await transaction.query(EmbeddedText.recordPlatformStats, [.text(day)])
            var metrics: [String: Double] = [:]
            var recorded = day ?? ""
            for row in rows {
                recorded = try row.string("day")
                metrics[try row.string("metric_name")] = try row.double("metric_value")
            }
            return PlatformStats(day: recorded, metrics: metrics)
        }
    }
}
