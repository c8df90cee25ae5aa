// Calls of the ledger, and answers, in words.

internal import JobModel

extension LedgerCall: CustomStringConvertible {
    /// What is counted.
    var name: String {
        switch self {
        case .enqueue(let requests): requests.count == 1 ? "enqueue" : "enqueue batch"
        case .takeDue: "take due"
        case .finish: "finish tickets"
        case .begin: "begin"
        case .settle: "settle"
        case .completeStep: "complete step"
        case .register: "register session"
        case .beat: "beat"
        case .reap: "reap"
        case .expired: "expired sessions"
        case .running: "running"
        case .forgetClaims: "forget claims"
        case .cancel: "cancel"
        case .retry: "retry"
        case .unpark: "unpark"
        case .repair: "repair"
        case .reconcile: "reconcile"
        case .advanceWatermark: "advance watermark"
        case .pass: "time passes"
        }
    }

    var description: String {
        let details =
            switch self {
            case .enqueue(let requests): "\(requests.map(\.description))"
            case .finish(let tickets): "\(tickets)"
            case .begin(let ids, let session, let number, let quarantined):
                "\(ids.map(short)) by \(short(session)), batch \(number)\(quarantined ? ", alone" : "")"
            case .settle(let attempts, let session):
                "by \(short(session)) \(attempts.map { "\(short($0.job)) epoch \($0.epoch) \($0.settlement)" })"
            case .completeStep(let job, let epoch, let session, let name, let result):
                "\(name)=\(result) of \(short(job)) epoch \(epoch) by \(short(session))"
            case .register(let session, let knowsAll): "\(short(session))\(knowsAll ? ", knows all kinds" : "")"
            case .beat(let session), .running(let session): short(session)
            case .reap(let session, let why, let ifSilent): "\(short(session)) \(why)\(ifSilent ? ", if silent" : "")"
            case .forgetClaims(let numbers, let session): "\(numbers) of \(short(session))"
            case .cancel(let id), .retry(let id): short(id)
            case .unpark(let family): short(family)
            case .takeDue, .expired, .repair, .reconcile, .advanceWatermark, .pass: ""
            }
        return "\(self.name) \(details)"
    }
}

extension LedgerRequest: CustomStringConvertible {
    var description: String {
        let family = self.family.map { " of \(short($0))" } ?? ""
        return "\(short(self.id)) \(self.kind)\(family) \(self.payload)\(self.key.map { " key \($0)" } ?? "")"
            + (self.delayHours > 0 ? " in \(self.delayHours) h" : "")
    }
}

extension LedgerReply: CustomStringConvertible {
    var description: String {
        switch self {
        case .nothing: "nothing"
        case .number(let number): "\(number)"
        case .truth(let truth): "\(truth)"
        case .word(let word): word
        case .enqueued(let ids, let replayed):
            "\(zip(ids, replayed).map { "\(short($0))\($1 ? " (replayed)" : "")" })"
        case .conflict(let id, let index): "conflict of \(index) with \(id.map { short($0) } ?? "none")"
        case .refused(let why): "refused: \(why)"
        case .due(let due):
            "\(due.map { "\(short($0.job))\($0.isRunnable ? "" : " stale")\($0.isQuarantined ? " quarantined" : "")" })"
        case .begun(let begun):
            "\(begun.map { "\(short($0.job)) attempt \($0.life.attempt) epoch \($0.life.epoch)" })"
        case .ids(let ids): "\(ids.map(short))"
        case .reaped(let jobs): "\(jobs.map { "\(short($0.job))\($0.isPoison ? " poison" : "")" })"
        case .isOver: "the session has ended"
        case .livesOn: "the session lives on"
        case .sessions(let sessions): "\(sessions.map(short))"
        case .failure(let what): "FAILURE: \(what)"
        }
    }
}
