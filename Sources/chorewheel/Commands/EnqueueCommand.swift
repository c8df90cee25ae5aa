// `chorewheel enqueue`: one job, or many alike for drills.

import ArgumentParser
import JobModel
import JobQueue
import Tenancy

struct EnqueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enqueue", abstract: "Enqueue a job.",
        discussion: """
            The kind must have been registered by a worker, and the payload be of its shape. With an idempotency key, \
            the same key and payload give the first job again; the same key with another payload is refused.

              chorewheel enqueue diagnostic.sleep --payload '{"seconds": 2}' --family smith-nyc
            """)

    @Argument(help: "The handler's name, as family.compute_stats.")
    var kind: String

    @Option(help: ArgumentHelp("The arguments of the job, as JSON. Default: {}.", valueName: "json"))
    var payload: String?

    @Option(
        name: .customLong("payload-file"),
        help: ArgumentHelp("A file with the payload; - is standard input.", valueName: "file"))
    var payloadFile: String?

    @Option(help: ArgumentHelp("The family to work on; without it, the platform.", valueName: "slug or id"))
    var family: String?

    @Option(help: ArgumentHelp("Default: the kind's own.", valueName: "name"))
    var queue: String?

    @Option(help: "high, normal or low.")
    var priority: JobPriority = .normal

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Not before this many seconds from now.", valueName: "seconds"))
    var delay: Double?

    @Option(
        name: .customLong("idempotency-key"),
        help: ArgumentHelp("Enqueue at most once for this family, kind and key.", valueName: "key"))
    var idempotencyKey: String?

    @Option(
        name: .customLong("max-attempts"), help: ArgumentHelp("Default: the kind's own.", valueName: "number"))
    var maxAttempts: Int?

    @Option(help: ArgumentHelp("The job's id, to send the same command again safely.", valueName: "uuid"))
    var id: JobID?

    @Option(help: ArgumentHelp("Enqueue this many, all or none.", valueName: "number"))
    var count = 1

    @OptionGroup var common: CommonOptions

    /// What the queue takes at most (`JobRequest`), and far below what `Duration` can hold.
    private static let delaySecondsMax = 366.0 * 86_400

    func validate() throws {
        if self.payload != nil, self.payloadFile != nil {
            throw ValidationError("--payload and --payload-file exclude each other.")
        }
        guard (1...JobLimits.batchJobsMax).contains(self.count) else {
            throw ValidationError("--count must be 1 to \(JobLimits.batchJobsMax).")
        }
        if self.count > 1, self.idempotencyKey != nil || self.id != nil {
            throw ValidationError("--count excludes --idempotency-key and --id: each names one job.")
        }
        if let delay, !(0...Self.delaySecondsMax).contains(delay) {
            throw ValidationError("--delay must be 0 to \(Int(Self.delaySecondsMax)) seconds.")
        }
    }

    func run() async throws {
        let payload = try self.readPayload()
        let options = EnqueueOptions(
            idempotencyKey: self.idempotencyKey, queue: try self.queue.map { try QueueName(validating: $0) },
            priority: self.priority,
            delay: self.delay.map { .milliseconds(Int64(($0 * 1000).rounded(.up))) }, maxAttempts: self.maxAttempts,
            id: self.id)
        let kind = try JobKind(validating: self.kind)
        try await self.common.withStores { context in
            let target = JobTarget(family: try await self.familyID(context))
            let request = try JobRequest(kind: kind, target: target, payload: payload, options: options)
            // Redis alone has fast jobs: one that may throw them away gets none, as by the API.
            if try await context.client.ledger.kind(kind)?.durability == .fast {
                try await context.client.index.requireSafeSettings()
            }
            guard self.count > 1 else {
                let job = try await context.client.enqueueChecked(request)
                return try context.output.show(
                    EnqueuedDocument(job),
                    asText: "\(job.replayed ? "was enqueued before" : "enqueued"): \(kind) \(job.id)\n")
            }
            let jobs = try await context.client.enqueueChecked(Array(repeating: request, count: self.count))
            try context.output.show(
                EnqueuedDocument.Batch(jobs: jobs.map(EnqueuedDocument.init)),
                asText: "enqueued: \(jobs.count) of \(kind)\n")
        }
    }

    private func familyID(_ context: CommandContext) async throws -> FamilyID? {
        guard let family else { return nil }
        return try await context.family(family).id
    }

    /// - Throws: `CommandFailure(.data)`, field `payload`, unless it is JSON. Its size is `JobRequest`'s to judge.
    private func readPayload() throws -> [UInt8] {
        let bytes =
            if let payloadFile {
                try InputFile.read(payloadFile, bytesMax: JobLimits.payloadBytesMax)
            } else {
                Array((self.payload ?? "{}").utf8)
            }
        guard bytes.count <= JobLimits.payloadBytesMax else {
            throw CommandFailure(.data, field: "payload", "must have at most \(JobLimits.payloadBytesMax) bytes")
        }
        do {
            _ = try JSONText.decode(JSONValue.self, from: bytes)
        } catch {
            throw CommandFailure(.data, field: "payload", "must be JSON")
        }
        return bytes
    }
}

/// What an enqueue made, as the HTTP API answers it.
struct EnqueuedDocument: Encodable {
    let id: JobID
    let href: String
    let replayed: Bool

    init(_ job: EnqueuedJob) {
        self.id = job.id
        self.href = "/v1/jobs/\(job.id)"
        self.replayed = job.replayed
    }

    struct Batch: Encodable { let jobs: [EnqueuedDocument] }
}
