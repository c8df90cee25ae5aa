// A job as a request describes it: the members that `POST /v1/jobs` and each element of a batch share.

internal import Hummingbird
internal import JobModel
internal import JobQueue
internal import Tenancy

/// What a caller wants to be run; its family is not looked up yet.
struct JobInput: Sendable {
    let kind: JobKind
    /// Slug or id.
    let family: String?
    let payload: [UInt8]
    let options: EnqueueOptions

    /// Takes the members; broken rules are noted in `fields`.
    ///
    /// - Parameters:
    ///   - headerKey: The `Idempotency-Key` header. The member `idempotency_key` says the same inside a batch.
    ///   - now: Milliseconds since 1970, by the ledger's clock: `due_at` is taken relative to it. Not asked for
    ///     otherwise.
    /// - Returns: nil if a rule is broken that leaves nothing to go on with.
    /// - Throws: `Problem` 413: the payload is too large.
    init?(_ fields: inout RequestFields, headerKey: String? = nil, now: Int64?) throws(Problem) {
        let kind = fields.requiredString("kind").flatMap { text -> JobKind? in
            do throws(InvalidName) {
                return try JobKind(validating: text)
            } catch {
                fields.reject("kind", InvalidName.rule)
                return nil
            }
        }
        let queue = fields.string("queue").flatMap { text -> QueueName? in
            do throws(InvalidName) {
                return try QueueName(validating: text)
            } catch {
                fields.reject("queue", InvalidName.rule)
                return nil
            }
        }
        let payload = fields.json("payload") ?? Array("{}".utf8)
        guard payload.count <= JobLimits.payloadBytesMax else {
            throw Problem(
                .payloadTooLarge,
                "payload must have at most \(JobLimits.payloadBytesMax) bytes of JSON, has \(payload.count).")
        }
        let id = fields.string("id").flatMap { text -> JobID? in
            guard let id = JobID(text) else {
                fields.reject("id", "must be a UUID of 36 characters")
                return nil
            }
            return id
        }
        self.family = fields.string("family")
        self.payload = payload
        self.options = EnqueueOptions(
            idempotencyKey: Self.key(&fields, headerKey: headerKey), queue: queue, priority: Self.priority(&fields),
            delay: Self.delay(&fields, now: now), maxAttempts: fields.int("max_attempts", in: 1...1000), id: id)
        guard let kind else { return nil }
        self.kind = kind
    }

    private static func key(_ fields: inout RequestFields, headerKey: String?) -> String? {
        guard let key = fields.string("idempotency_key") else { return headerKey }
        if let headerKey, headerKey != key {
            fields.reject("idempotency_key", "differs from the Idempotency-Key header")
        }
        guard (1...JobLimits.idempotencyKeyBytesMax).contains(key.utf8.count) else {
            fields.reject("idempotency_key", "must have 1 to \(JobLimits.idempotencyKeyBytesMax) bytes")
            return nil
        }
        return key
    }

    private static func priority(_ fields: inout RequestFields) -> JobPriority {
        guard let word = fields.string("priority") else { return .normal }
        guard let priority = JobPriority(word: word) else {
            fields.reject("priority", "must be \"high\", \"normal\" or \"low\"")
            return .normal
        }
        return priority
    }

    private static let delayMax: Duration = .seconds(366 * 86_400)

    private static func delay(_ fields: inout RequestFields, now: Int64?) -> Duration? {
        let seconds = fields.double("delay_seconds", in: 0...(Self.delayMax / .seconds(1)))
        guard let text = fields.string("due_at") else {
            return seconds.map { .milliseconds(Int64(($0 * 1000).rounded(.up))) }
        }
        if seconds != nil { fields.reject("due_at", "excludes delay_seconds") }
        guard let due = InternetTime.milliseconds(text) else {
            fields.reject("due_at", "must be a date and time of RFC 3339: 2030-01-31T12:00:00Z")
            return nil
        }
        let delay = Duration.milliseconds(max(0, due - (now ?? due)))
        guard delay <= Self.delayMax else {
            fields.reject("due_at", "must be within 366 days")
            return nil
        }
        return delay
    }

    func request(target: JobTarget) throws(JobQueueError) -> JobRequest {
        try JobRequest(kind: self.kind, target: target, payload: self.payload, options: self.options)
    }
}

extension FamilyStore {
    /// The family that a request names by slug or id; nil when there is none.
    func find(_ reference: String) async throws -> FamilyID? {
        if let id = FamilyID(reference) { return try await self.family(id)?.id }
        let slug: Slug
        do {
            slug = try Slug(validating: reference)
        } catch {
            // No family can have this slug.
            return nil
        }
        return try await self.family(slug: slug)?.id
    }
}

/// What an enqueue answers.
struct EnqueueAnswer: Encodable {
    let id: JobID
    let href: String
    /// True: the idempotency key (or id) had this job already.
    let replayed: Bool

    init(_ job: EnqueuedJob) {
        self.id = job.id
        self.href = jobPath(job.id)
        self.replayed = job.replayed
    }
}

/// A job's address.
func jobPath(_ id: JobID) -> String { "/v1/jobs/\(id)" }
