// Idempotency keys of fast jobs: a Redis key for each, that outlives the job.

internal import Crypto
internal import JobModel

/// A fast job's idempotency key, as Redis keeps it.
struct FastKey: Sendable, Hashable {
    /// Keys are kept this long. Longer than any redelivery that a caller would try: Stripe retries for 3 days.
    static let retention: Duration = .seconds(7 * 86_400)

    /// Names (target, kind, key) in 16 bytes.
    let digest: [UInt8]
    let holder: Holder

    /// Whose key it is.
    struct Holder: Sendable, Hashable {
        let id: JobID
        /// The first 16 bytes of the payload's SHA-256.
        let payload: [UInt8]

        var bytes: [UInt8] { self.id.uuid.bytes + self.payload }

        init(id: JobID, payload: [UInt8]) {
            self.id = id
            self.payload = payload
        }

        init?(bytes: [UInt8]) {
            guard bytes.count == 32, let id = JobID(bytes: bytes[..<16]) else { return nil }
            self.init(id: id, payload: Array(bytes[16...]))
        }
    }

    init?(_ request: JobRequest, id: JobID) {
        guard let key = request.options.idempotencyKey else { return nil }
        let target = request.target.family?.description ?? ""
        self.digest = Array(SHA256.hash(data: Array("\(target)\u{0}\(request.kind)\u{0}\(key)".utf8)).prefix(16))
        self.holder = Holder(id: id, payload: Array(SHA256.hash(data: request.payload).prefix(16)))
    }
}
