// Many fast jobs of any kinds, as a bulk enqueue has them: sorted into what goes to one place in Redis, each part in
// the caller's order. No I/O: what keys hold already is told.

internal import JobModel

/// Fast jobs by queue, priority, lane and delay.
struct FastLines: Sendable {
    /// A job of the caller's batch.
    struct Job: Sendable {
        /// Its place in the batch.
        let place: Int
        let entry: FastEntry
        /// Its idempotency key, or the id that its caller gave it.
        let key: FastKey?

        /// The job that this one repeats, by what its key holds.
        ///
        /// - Throws: `JobQueueError(.conflict)` when that is another.
        func replay(of holder: FastKey.Holder, inBatch: Bool) throws(JobQueueError) -> JobID {
            guard let key, holder.payload != key.holder.payload else { return holder.id }
            let error = JobQueueError(
                .conflict, field: key.field, "was used before with another payload", existing: holder.id)
            throw inBatch ? error.inBatch(at: self.place) : error
        }
    }

    struct Line: Sendable {
        let queue: QueueName
        /// nil: none, also where the caller wrote zero: the jobs of a lane are to keep their order.
        let delay: Duration?
        var jobs: [Job]
    }

    private struct Place: Hashable {
        var queue: QueueName
        var priority: JobPriority
        var family: FamilyID?
        var delay: Duration?
    }

    /// In the order in which they began.
    private(set) var all: [Line] = []
    private var places: [Place: Int] = [:]
    /// Neighbours are mostly of one line.
    private var last: (place: Place, index: Int)?

    mutating func add(_ job: Job, to queue: QueueName, delay: Duration?) {
        let delay = delay.flatMap { $0 > .zero ? $0 : nil }
        let place = Place(queue: queue, priority: job.entry.priority, family: job.entry.family, delay: delay)
        let index: Int
        if let last, last.place == place {
            index = last.index
        } else if let known = self.places[place] {
            index = known
        } else {
            index = self.all.count
            self.all.append(Line(queue: queue, delay: delay, jobs: []))
            self.places[place] = index
        }
        self.last = (place, index)
        self.all[index].jobs.append(job)
    }

    /// The jobs that have keys, by queue.
    var keyed: [QueueName: [Job]] {
        var keyed: [QueueName: [Job]] = [:]
        for line in self.all {
            let jobs = line.jobs.filter { $0.key != nil }
            if !jobs.isEmpty { keyed[line.queue, default: []] += jobs }
        }
        return keyed
    }

    /// Takes out what need not be enqueued: what a key holds already, and what repeats an earlier one of the batch.
    ///
    /// - Parameter holders: What keys hold, by the places of their jobs.
    /// - Returns: Place and id of what was taken out.
    /// - Throws: `JobQueueError(.conflict)` for the first whose key is another job's.
    mutating func removeKnown(_ holders: [Int: FastKey.Holder]) throws(JobQueueError) -> [(place: Int, id: JobID)] {
        var holdersByKey: [[UInt8]: FastKey.Holder] = [:]
        var known: [(place: Int, id: JobID)] = []
        let jobs = self.all.flatMap(\.jobs).sorted { $0.place < $1.place }
        for job in jobs {
            guard let key = job.key else { continue }
            if let holder = holders[job.place] ?? holdersByKey[key.digest] {
                known.append((job.place, try job.replay(of: holder, inBatch: true)))
            } else {
                holdersByKey[key.digest] = key.holder
            }
        }
        guard !known.isEmpty else { return [] }
        let places = Set(known.map(\.place))
        for index in self.all.indices { self.all[index].jobs.removeAll { places.contains($0.place) } }
        self.all.removeAll { $0.jobs.isEmpty }
        self.places = [:]
        self.last = nil
        return known
    }
}
