// The fast path of the enqueue client: jobs that go to Redis alone.

internal import JobModel

extension JobQueueClient {
    /// Enqueues fast jobs, by queue, priority and lane.
    ///
    /// One that was enqueued before, under the id that its caller gave it, is not enqueued again. When such an id is
    /// another job's, nothing is enqueued; only of two callers at once, one may find that when a part of its batch is.
    ///
    /// - Parameter kinds: What is known of the kinds already; the others are looked up.
    func enqueueFast(
        _ requests: [JobRequest], kinds: [JobKind: KindRegistration] = [:]
    ) async throws -> [EnqueuedJob] {
        if requests.count > 1, let index = requests.firstIndex(where: { $0.options.idempotencyKey != nil }) {
            throw JobQueueError.invalid(
                "jobs[\(index)].idempotency_key",
                "is not taken in a batch of fast jobs: a conflict would come after others were enqueued")
        }
        var enqueued: [EnqueuedJob] = []
        enqueued.reserveCapacity(requests.count)
        var lines = FastLines()
        var kinds = kinds
        for (index, request) in requests.enumerated() {
            if request.ownQueue == nil, kinds[request.kind] == nil {
                kinds[request.kind] = try await self.ledger.kind(request.kind)
            }
            let kind = kinds[request.kind]
            let own = try request.ownQueue ?? kind.map { try QueueName(validating: $0.queue) } ?? .default
            let queue = request.options.queue ?? own
            guard queue == own || request.options.idempotencyKey == nil else {
                // A key lives beside its queue: in another queue it would be another key.
                throw JobQueueError.invalid(
                    "queue", "must be \(own), the kind's own, when a fast job has an idempotency key")
            }
            let id = request.options.id ?? self.mintIDs(1)[0]
            let entry = FastEntry(
                request, id: id, defaultMaxAttempts: kind?.maxAttempts ?? RetryPolicy().maxAttempts)
            let job = FastLines.Job(place: index, entry: entry, key: FastKey(request, id: id))
            lines.add(job, to: queue, delay: request.options.delay)
            enqueued.append(EnqueuedJob(id: id, replayed: false))
        }
        if requests.count > 1 {
            let holders = try await self.holders(of: lines.keyed)
            for (place, id) in try lines.removeKnown(holders) { enqueued[place] = EnqueuedJob(id: id, replayed: true) }
        }
        for line in lines.all {
            guard line.jobs.contains(where: { $0.key != nil }) else {
                try await self.index.push(fast: line.jobs.map(\.entry), to: line.queue, delay: line.delay)
                continue
            }
            let holders = try await self.index.push(fast: line.jobs, to: line.queue, delay: line.delay)
            for (job, holder) in zip(line.jobs, holders) {
                guard let holder else { continue }
                let id = try job.replay(of: holder, inBatch: requests.count > 1)
                enqueued[job.place] = EnqueuedJob(id: id, replayed: true)
            }
        }
        return enqueued
    }

    /// What keys hold already. - Returns: By the places of their jobs.
    private func holders(
        of keyed: [QueueName: [FastLines.Job]]
    ) async throws -> [Int: FastKey.Holder] {
        var holders: [Int: FastKey.Holder] = [:]
        for (queue, jobs) in keyed {
            for (job, holder) in zip(jobs, try await self.index.holders(of: jobs.compactMap(\.key), in: queue)) {
                holders[job.place] = holder
            }
        }
        return holders
    }

    /// Enqueues fast jobs of one kind, all with the options and the target of `request`, which is the first one's.
    func enqueueFast(_ jobs: [some Encodable], like request: JobRequest) async throws -> [EnqueuedJob] {
        let ids = self.mintIDs(jobs.count)
        let common = FastEntry(request, id: ids[0], defaultMaxAttempts: RetryPolicy().maxAttempts)
        let queue = request.options.queue ?? request.ownQueue ?? .default
        let batch = try FastBatch(jobs, like: common, ids: ids)
        try await self.index.push(fast: batch, to: queue, delay: request.options.delay)
        return ids.map { EnqueuedJob(id: $0, replayed: false) }
    }
}
