// The fast path of the enqueue client: jobs that go to Redis alone.

internal import JobModel

extension JobQueueClient {
    /// Enqueues fast jobs, by queue, priority and lane.
    ///
    /// - Parameter kinds: What is known of the kinds already; the others are looked up.
    func enqueueFast(
        _ requests: [JobRequest], kinds: [JobKind: KindRegistration] = [:]
    ) async throws -> [EnqueuedJob] {
        struct Line: Hashable {
            var queue: QueueName
            var priority: JobPriority
            var family: FamilyID?
            /// nil: none, also where the caller wrote zero: the jobs of a lane are to keep their order.
            var delay: Duration?
        }
        if requests.count > 1, let index = requests.firstIndex(where: { $0.options.idempotencyKey != nil }) {
            throw JobQueueError.invalid(
                "jobs[\(index)].idempotency_key",
                "is not taken in a batch of fast jobs: a conflict would come after others were enqueued")
        }
        var enqueued: [EnqueuedJob] = []
        enqueued.reserveCapacity(requests.count)
        // In the order in which they began; neighbours are mostly of one line.
        var lines: [(line: Line, entries: [FastEntry])] = []
        var places: [Line: Int] = [:]
        var kinds = kinds
        for request in requests {
            if request.ownQueue == nil, kinds[request.kind] == nil {
                kinds[request.kind] = try await self.ledger.kind(request.kind)
            }
            let kind = kinds[request.kind]
            let own = try request.ownQueue ?? kind.map { try QueueName(validating: $0.queue) } ?? .default
            let queue = request.options.queue ?? own
            let id = request.options.id ?? self.mintIDs(1)[0]
            let entry = FastEntry(
                request, id: id, defaultMaxAttempts: kind?.maxAttempts ?? RetryPolicy().maxAttempts)
            // In a batch an id of the caller's own is no key: the batch goes to Redis line by line.
            guard requests.count == 1, let key = FastKey(request, id: id) else {
                let line = Line(
                    queue: queue, priority: entry.priority, family: entry.family,
                    delay: request.options.delay.flatMap { $0 > .zero ? $0 : nil })
                if let last = lines.indices.last, lines[last].line == line {
                    lines[last].entries.append(entry)
                } else if let place = places[line] {
                    lines[place].entries.append(entry)
                } else {
                    places[line] = lines.count
                    lines.append((line, [entry]))
                }
                enqueued.append(EnqueuedJob(id: id, replayed: false))
                continue
            }
            guard queue == own || request.options.idempotencyKey == nil else {
                // A key lives beside its queue: in another queue it would be another key.
                throw JobQueueError.invalid(
                    "queue", "must be \(own), the kind's own, when a fast job has an idempotency key")
            }
            let holder = try await self.index.push(fast: entry, to: queue, delay: request.options.delay, key: key)
            if let holder, holder.payload != key.holder.payload {
                throw JobQueueError(
                    .conflict, field: key.field, "was used before with another payload", existing: holder.id)
            }
            enqueued.append(EnqueuedJob(id: holder?.id ?? id, replayed: holder != nil))
        }
        for (line, entries) in lines {
            try await self.index.push(fast: entries, to: line.queue, delay: line.delay)
        }
        return enqueued
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
