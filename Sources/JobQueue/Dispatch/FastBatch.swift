// Many fast jobs of one kind, as a bulk enqueue has them. They differ in id and payload alone, so that a job costs its
// JSON, its id and a copy on its way to Redis: nothing is allocated for each.

internal import JobModel

/// Fast jobs that are alike but for ids and payloads.
struct FastBatch: Sendable {
    /// What all have in common; its id and its payload are one job's, and do not count.
    let common: FastEntry
    let ids: [JobID]
    private let payloads: JSONTexts
    private let head: (beforeID: [UInt8], afterID: [UInt8])

    /// - Parameter ids: One for each job.
    /// - Throws: `JobQueueError(.invalid)` for the first job whose payload does not encode, or is too large; its field
    ///   begins with `jobs[<index>]`.
    init(_ jobs: [some Encodable], like common: FastEntry, ids: [JobID]) throws(JobQueueError) {
        self.payloads = try JSONTexts(of: jobs) { index, text throws(JobQueueError) in
            try JobQueueError.inBatch(at: index) { () throws(JobQueueError) in
                switch text {
                case .success(let byteCount): try JobRequest.check(payloadBytes: byteCount)
                case .failure(let error): throw JobRequest.unencodable(error)
                }
            }
        }
        self.common = common
        self.ids = ids
        self.head = common.head
    }

    /// How many bytes Redis keeps of each job.
    var sizes: [Int] {
        let head = self.common.byteCount - self.common.payload.count
        return self.ids.indices.map { head + self.payloads[$0].count }
    }

    /// Appends what Redis keeps of a job.
    func append(job index: Int, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: self.head.beforeID)
        FastEntry.append(self.ids[index].uuid, to: &bytes)
        bytes.append(contentsOf: self.head.afterID)
        bytes.append(contentsOf: self.payloads[index])
    }
}
