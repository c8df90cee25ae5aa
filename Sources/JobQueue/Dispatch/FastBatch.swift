// Many fast jobs of one kind, as a bulk enqueue has them. They differ in id and payload alone, so that a job costs its
// JSON, its id and a copy on its way to Redis: nothing is allocated for each.

internal import JobModel

/// Fast jobs that are alike but for ids and payloads.
struct FastBatch: Sendable {
    /// What all have in common; its id and its payload are one job's, and do not count.
    let common: FastEntry
    let ids: [JobID]
    private let payloads: JSONTexts

    /// - Parameter ids: One for each job.
    /// - Throws: `JobQueueError(.invalid)` for the first job whose payload does not encode, or is too large; its field
    ///   begins with `jobs[<index>]`.
    init(_ jobs: [some Encodable], like common: FastEntry, ids: [JobID]) throws(JobQueueError) {
        var payloads = JSONTexts()
        let writer = JSONWriter()
        for (index, job) in jobs.enumerated() {
            try JobQueueError.inBatch(at: index) { () throws(JobQueueError) in
                do {
                    try payloads.append(job, by: writer)
                } catch {
                    throw JobRequest.unencodable(error)
                }
                try JobRequest.check(payloadBytes: payloads.last.count)
            }
        }
        self.common = common
        self.ids = ids
        self.payloads = payloads
    }

    /// How many bytes Redis keeps of each job.
    var sizes: [Int] {
        let head = self.common.byteCount - self.common.payload.count
        return self.ids.indices.map { head + self.payloads[$0].count }
    }

    /// Appends what Redis keeps of a job.
    func append(job index: Int, to bytes: inout [UInt8]) {
        self.common.appendHead(of: self.ids[index], to: &bytes)
        bytes.append(contentsOf: self.payloads[index])
    }
}
