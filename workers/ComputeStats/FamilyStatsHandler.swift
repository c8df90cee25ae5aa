// Reads a family's figures in its own database and records them on the platform. Reading twice does no harm; the rows
// are replaced, never added to, so that a repeated job ends in the same state.

internal import JobModel
internal import JobQueue
internal import Postgres
internal import WorkerKit

struct FamilyStatsHandler: FamilyHandler {
    /// The activity log came with the family schema's version 9.
    var requiredSchemaVersion: Int { 9 }

    func run(_ job: ComputeFamilyStats, for family: FamilyID, context: JobContext) async throws -> FamilyStats {
        let day = try checkedDay(job.day)
        guard let row = try await context.database.query(EmbeddedText.readFamilyStats, [.text(day)]).first else {
            throw JobFailure.retry(after: nil, "the family's database gave no figures")
        }
        let stats = FamilyStats(
            day: try row.string("day"), memberCount: try row.int("member_count"),
            activeUsers: try row.int("active_users"), choresCompleted: try row.int("chores_completed"),
            storageBytes: try row.int("storage_bytes"), lastActivityAt: try row.optionalString("last_activity_at"))
        return try await context.effect(on: .platform) { transaction in
            let rows = try await transaction.query(
                EmbeddedText.recordFamilyStats,
                [
                    .text(family.description), .text(stats.day), .int(stats.memberCount), .int(stats.activeUsers),
                    .int(stats.choresCompleted), .int(stats.storageBytes), .text(stats.lastActivityAt),
                ])
            guard !rows.isEmpty else { throw JobFailure.familyGone("there is no family \(family)") }
            return stats
        }
    }
}
