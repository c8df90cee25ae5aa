// The model's answer to each call.

internal import JobModel

extension PoolModel {
    /// Does what the call asks for, and says what Redis has to answer.
    mutating func answer(_ call: IndexCall) -> IndexReply {
        let now = self.milliseconds
        switch call {
        case .push(let jobs, let queue): return .number(self.queues[queue].push(jobs, now))
        case .enqueue(let request, let queue): return self.enqueue(request, queue)
        case .enqueueMany(let requests, let queue):
            for request in requests { self.queues[queue].enqueue([request.job], delay: request.delay ?? 0, now) }
            return .enqueued(requests.map(\.job.id), replayed: requests.map { _ in false })
        case .claim(let count, let queue, let session, let settled):
            return self.queues[queue].claim(count, by: session, settled: settled, now)
        case .claimAlone(let queue, let session, let settled):
            return self.queues[queue].claimAlone(by: session, settled: settled)
        case .settle(let settled, let queue, let session):
            return .ids(self.queues[queue].settle(settled, by: session, now))
        case .reap(let session, let queue, let crashed):
            return self.queues[queue].takeBack(nil, of: session, crashed: crashed, now)
        case .giveBack(let ids, let session, let queue):
            guard
                case .takenBack(let hints, let fast, _) = self.queues[queue].takeBack(
                    ids, of: session, crashed: false, now)
            else { return .nothing }
            return .number(hints + fast)
        case .drop(let ids, let session, let queue):
            for id in ids { _ = self.queues[queue].release(id, of: session) }
            return .nothing
        case .running(let session, let queue):
            return .ids((self.queues[queue].running[session] ?? []).map(\.id).sorted())
        case .tell(let isPaused, let version, let queue):
            self.queues[queue].tell(isPaused: isPaused, version: version)
            return .nothing
        case .takeTurn(let session, let queue, let lease):
            return .truth(self.queues[queue].takeTurn(session, lease: lease, now))
        case .hasQuarantined:
            return .truth(self.queues.contains { !$0.quarantine.isEmpty && $0.told?.isPaused == false })
        case .decide(let decision, let ids, let queue):
            return .ids(self.queues[queue].decide(retry: decision == .retry, ids, now))
        case .listDead(let queue, let skipped, let limit):
            let page = self.queues[queue].dead.reversed().dropFirst(skipped).prefix(limit)
            return .dead(page.map { Self.line($0) })
        case .audit(let queue): return self.queues[queue].audit
        case .waitForWork:
            guard let queue = self.queues.firstIndex(where: \.hasWakeToken) else { return .nothing }
            self.queues[queue].hasWakeToken = false
            return .woken(queue)
        case .beat(let session, let lease, let caretakerLease, let registering, let canCare, let last):
            return self.beat(
                session, lease: lease, caretakerLease: caretakerLease, registering: registering, canCare: canCare,
                last: last)
        case .overdue: return .ids(self.overdue.map { JobID($0.uuid) })
        case .end(let session):
            self.end(session)
            return .nothing
        case .setGeneration(let generation):
            self.generation = generation
            return .nothing
        case .note(let session, let jobs, let recovery):
            self.note(session, jobs: jobs, recovery: recovery)
            return .nothing
        case .recoveryTimes:
            return self.recovery.map { .times(last: $0.last, longest: $0.longest) } ?? .nothing
        case .add(let amounts, let number, let process):
            self.add(amounts, flush: number, of: process)
            return .nothing
        case .counters: return .counters(self.counters)
        case .loseMemory:
            self.forgetAll()
            return .nothing
        case .pass(let microseconds):
            self.advance(microseconds)
            return .nothing
        }
    }

    /// Same key and same payload: the first job. Same key, other payload: a conflict.
    private mutating func enqueue(_ request: FastRequest, _ queue: Int) -> IndexReply {
        let job = request.job
        let key: QueueModel.Key
        switch request.key {
        case .none:
            self.queues[queue].enqueue([job], delay: request.delay ?? 0, self.milliseconds)
            return .enqueued([job.id], replayed: [false])
        case .text(let text): key = QueueModel.Key(family: job.family, kind: job.kind, text: text, id: nil)
        case .id: key = QueueModel.Key(family: nil, kind: job.kind, text: nil, id: job.id)
        }
        let holder = self.queues[queue].enqueue(job, key: key, delay: request.delay ?? 0, self.milliseconds)
        guard let holder else { return .enqueued([job.id], replayed: [false]) }
        return holder.payload == job.payload ? .enqueued([holder.id], replayed: [true]) : .conflict(holder.id)
    }

    /// A dead job as a person's list shows it.
    static func line(_ dead: QueueModel.Dead) -> String {
        let reason = String(decoding: dead.note, as: UTF8.self).split(separator: "\"").dropFirst(2).dropFirst().first
        return "\(dead.job.id) failures \(dead.job.failures) crashes \(dead.job.crashes) \(reason ?? "")"
    }
}
