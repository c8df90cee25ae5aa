// Idempotency keys of fast jobs: a Redis key for each, that outlives the job. An id that its caller minted is such a
// key itself: the caller may send the same request again after a lost reply.

internal import Crypto
internal import JobModel

/// A fast job's idempotency key, as Redis keeps it.
struct FastKey: Sendable, Hashable {
    /// Keys are kept this long. Longer than any redelivery that a caller would try: Stripe retries for 3 days.
    static let retention: Duration = .seconds(7 * 86_400)

    /// The request's field that the key comes from.
    let field: String
    /// Names (target, kind, key), or the id, in 16 bytes.
    let digest: [UInt8]
    let holder: Holder

    /// Whose key it is.
    struct Holder: Sendable, Hashable {
        let id: JobID
        /// The first 16 bytes of the SHA-256 of the payload (of target, kind and payload for an id).
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
        let target = request.target.family?.description ?? ""
        if let key = request.options.idempotencyKey {
            self.field = "idempotency_key"
            self.digest = Self.digest(Array("\(target)\u{0}\(request.kind)\u{0}\(key)".utf8))
            self.holder = Holder(id: id, payload: Self.digest(request.payload))
        } else if let id = request.options.id {
            self.field = "id"
            self.digest = Self.digest(Array("id\u{0}\(id)".utf8))
            let whole = Array("\(target)\u{0}\(request.kind)\u{0}".utf8) + request.payload
            self.holder = Holder(id: id, payload: Self.digest(whole))
        } else {
            return nil
        }
    }

    private static func digest(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes).prefix(16)) }
}
