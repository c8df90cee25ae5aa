// Calls and answers in words, for whoever reads a failing sequence.

internal import JobModel

extension IndexCall: CustomStringConvertible {
    /// What is counted.
    var name: String {
        switch self {
        case .push: "push durable"
        case .enqueue: "enqueue fast"
        case .enqueueMany: "enqueue fast batch"
        case .claim: "claim"
        case .claimAlone: "claim alone"
        case .settle: "settle"
        case .reap: "reap"
        case .giveBack: "give back"
        case .drop: "drop hints"
        case .running: "running"
        case .tell: "pause or open"
        case .takeTurn: "take turn"
        case .hasQuarantined: "ask for quarantined"
        case .decide: "decide dead"
        case .listDead: "list dead"
        case .audit: "audit"
        case .waitForWork: "wait for work"
        case .beat: "beat"
        case .overdue: "overdue sessions"
        case .end: "forget session"
        case .setGeneration: "set generation"
        case .note: "note death"
        case .recoveryTimes: "recovery times"
        case .add: "add counters"
        case .counters: "counters"
        case .loseMemory: "FLUSHALL"
        case .pass: "time passes"
        }
    }

    var description: String {
        let details =
            switch self {
            case .push(let jobs, let queue): "to \(Self.queue(queue)) \(jobs.map(\.description))"
            case .enqueue(let request, let queue): "to \(Self.queue(queue)) \(request)"
            case .enqueueMany(let requests, let queue): "to \(Self.queue(queue)) \(requests.map(\.description))"
            case .claim(let count, let queue, let session, let settled):
                "\(count) from \(Self.queue(queue)) by \(short(session)), settled \(settled.map(short))"
            case .claimAlone(let queue, let session, let settled):
                "from \(Self.queue(queue)) by \(short(session)), settled \(settled.map(short))"
            case .settle(let settled, let queue, let session):
                "in \(Self.queue(queue)) by \(short(session)) "
                    + "\(settled.map { "\(short($0.job.id)) \($0.outcome)" })"
            case .reap(let session, let queue, let crashed):
                "\(short(session)) from \(Self.queue(queue))\(crashed ? ", crashed" : "")"
            case .giveBack(let ids, let session, let queue), .drop(let ids, let session, let queue):
                "in \(Self.queue(queue)) of \(short(session)) \(ids.map(short))"
            case .running(let session, let queue): "of \(short(session)) in \(Self.queue(queue))"
            case .tell(let isPaused, let version, let queue):
                "\(Self.queue(queue)) is \(isPaused ? "paused" : "open"), version \(version)"
            case .takeTurn(let session, let queue, _): "\(short(session)) in \(Self.queue(queue))"
            case .decide(let decision, let ids, let queue):
                "\(decision) in \(Self.queue(queue)) \(ids.map(short))"
            case .listDead(let queue, let skipped, let limit): "of \(Self.queue(queue)) \(skipped) \(limit)"
            case .audit(let queue): Self.queue(queue)
            case .beat(let session, let lease, _, let registering, let canCare, let last):
                "\(short(session)) for \(lease) ms\(registering ? ", registering" : "")"
                    + "\(canCare ? "" : ", cannot care")\(last.map { ", last \($0)" } ?? "")"
            case .end(let session): short(session)
            case .setGeneration(let generation): "\(generation)"
            case .note(let session, let jobs, let recovery): "\(short(session)) \(jobs) jobs, \(recovery) ms"
            case .add(let amounts, let number, let process): "\(amounts) flush \(number) of \(short(process))"
            case .pass(let microseconds): "\(microseconds) µs"
            case .hasQuarantined, .waitForWork, .overdue, .recoveryTimes, .counters, .loseMemory: ""
            }
        return "\(self.name) \(details)"
    }

    private static func queue(_ number: Int) -> String { "\(IndexSubject.queues[number])" }
}

extension IndexReply: CustomStringConvertible {
    var description: String {
        switch self {
        case .nothing: "nothing"
        case .number(let number): "\(number)"
        case .truth(let truth): "\(truth)"
        case .enqueued(let ids, let replayed):
            "\(zip(ids, replayed).map { "\(short($0))\($1 ? " (replayed)" : "")" })"
        case .conflict(let id): "conflict with \(short(id))"
        case .claim(let state, let durable, let fast, let nextDue, let quarantined):
            "\(state), durable \(durable.map(short)), fast \(fast.map { KeyContents.words(entry: $0) ?? "?" }), "
                + "next due \(nextDue.map { "in \($0) ms" } ?? "never"), \(quarantined) quarantined"
        case .ids(let ids): "\(ids.map(short))"
        case .takenBack(let hints, let fast, let poison): "\(hints) hints, \(fast) fast, poison \(poison.map(short))"
        case .heartbeat(let isKnown, let isCaretaker, let generation, let time, let deaths):
            "\(isKnown ? "known" : "unknown")\(isCaretaker ? ", caretaker" : ""), generation "
                + "\(generation.map { "\($0)" } ?? "none"), time \(time.map { "\($0)" } ?? "none"), "
                + "deaths \(deaths.map(KeyContents.readable))"
        case .audit(let counts, let faults): "\(counts), faults \(faults)"
        case .dead(let lines): "\(lines)"
        case .times(let last, let longest): "last \(last) ms, longest \(longest) ms"
        case .counters(let counters): "\(counters.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })"
        case .woken(let queue): "\(IndexSubject.queues[queue])"
        case .failure(let what): "FAILURE: \(what)"
        }
    }
}

/// The end of an id is what tells it from the others: the step that made it, and a number.
func short(_ id: some UUIDIdentifier) -> String { "…" + "\(id)".suffix(13) }

extension WaitingHint: CustomStringConvertible {
    var description: String {
        let family = self.hint.lane.family.map { " of \(short($0))" } ?? ""
        return "\(short(self.hint.id)) \(self.hint.lane.priority)\(family)\(self.isQuarantined ? " quarantined" : "")"
    }
}

extension FastRequest: CustomStringConvertible {
    var description: String {
        let family = self.job.family.map { " of \(short($0))" } ?? ""
        let key: String? =
            switch self.key {
            case .none: nil
            case .text(let text): " key \(text)"
            case .id: " own id"
            }
        return
            "\(short(self.job.id)) \(self.job.priority)\(family)\(self.delay.map { " in \($0) ms" } ?? "")\(key ?? "")"
    }
}
