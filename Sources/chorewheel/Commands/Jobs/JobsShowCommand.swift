// `chorewheel jobs show`: everything the ledger knows of one job.

import ArgumentParser
import JobModel
import JobQueue

struct JobsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a job with its payload, its result and its attempts.")

    @Argument(help: "The job's id.")
    var id: JobID

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await self.common.withStores { context in
            guard let job = try await context.client.ledger.job(self.id) else {
                throw CommandFailure(
                    .notFound, field: "id", "there is no job \(self.id) (fast jobs are not in the ledger)")
            }
            try context.output.show(job, asText: try Self.text(job))
        }
    }

    static func text(_ job: JobRecord) throws -> String {
        var fields = TextFields()
        fields.append("id", job.id)
        fields.append("kind", job.kind)
        fields.append("target", job.familyID.map { "family \($0)" } ?? "platform")
        fields.append("queue", job.queue)
        fields.append("priority", job.priority)
        fields.append("state", job.reason.map { "\(job.state) (\($0))" } ?? job.state)
        fields.append(
            "attempts", "\(job.attempt), \(job.failures) of \(job.maxAttempts) failed, \(job.crashes) crashed")
        fields.append("idempotency key", job.idempotencyKey)
        fields.append("session", job.sessionID)
        fields.append("enqueued", job.enqueuedAt)
        fields.append("due", job.dueAt)
        fields.append("started", job.startedAt)
        fields.append("settled", job.settledAt)
        fields.append("progress", try job.progress.map { try JSONText.string($0) })
        fields.append("payload", try job.payload.map { try JSONText.string($0) })
        fields.append("result", try job.result.map { try JSONText.string($0) })
        fields.append("error", try job.error.map { try JSONText.string($0) })
        guard let attempts = job.attempts, !attempts.isEmpty else { return fields.text }
        var table = TextTable(
            .number("EPOCH"), .number("ATTEMPT"), "OUTCOME", "STARTED", "ENDED", "SESSION", "ERROR")
        for attempt in attempts {
            table.append([
                "\(attempt.epoch)", "\(attempt.attempt)", attempt.outcome, attempt.startedAt, attempt.endedAt,
                attempt.sessionID, attempt.error?["message"]?.string,
            ])
        }
        return fields.text + "\n" + table.text
    }
}
