// The model's answer to each call of the ledger.

internal import JobModel

extension LedgerModel {
    /// Does what the call asks for, and says what PostgreSQL has to answer.
    mutating func answer(_ call: LedgerCall) -> LedgerReply {
        switch call {
        case .enqueue(let requests): return self.enqueue(requests)
        case .takeDue: return .due(self.takeDue().sorted { $0.ticket < $1.ticket })
        case .finish(let tickets):
            self.tickets.removeAll { tickets.contains($0.number) }
            return .nothing
        case .begin(let ids, let session, let number, let quarantined):
            let begun = self.begin(ids, by: session, number: number, quarantined: quarantined)
            return .begun(begun.sorted { $0.job < $1.job })
        case .settle(let attempts, let session): return .ids(self.settle(attempts, by: session).sorted())
        case .completeStep(let id, let epoch, let session, let name, let result):
            guard self.jobs[id]?.session == session, self.jobs[id]?.life.epoch == epoch else { return .truth(false) }
            self.jobs[id]?.steps[name] = result
            return .truth(true)
        case .register(let id, let knowsAll):
            let kinds = LedgerDraw.kinds(knowsAll: knowsAll)
            self.sessions[id] = Session(beat: self.now, kinds: Set(kinds))
            let now = self.now
            self.bringForward { ticket in ticket.due > now && (ticket.parkedKind.map(kinds.contains) ?? false) }
            return .nothing
        case .beat(let id):
            guard self.sessions[id]?.end == nil, self.sessions[id] != nil else { return .isOver }
            self.sessions[id]?.beat = self.now
            return .ids(self.jobs.values.filter { $0.session == id && $0.isGivenUp }.map(\.id).sorted())
        case .reap(let id, let end, let ifSilent):
            return self.reap(id, because: end, ifSilent: ifSilent).map { .reaped($0.sorted { $0.job < $1.job }) }
                ?? .livesOn
        case .expired:
            let silent = self.sessions.filter { $0.value.end == nil && $0.value.beat.hours < self.now.hours }
            return .sessions(silent.keys.sorted())
        case .running(let id): return .ids(self.jobs.values.filter { $0.session == id }.map(\.id).sorted())
        case .forgetClaims(let numbers, let id):
            for number in numbers { self.sessions[id]?.claims[number] = nil }
            return .nothing
        case .cancel(let id): return self.cancel(id)
        case .retry(let id): return self.retry(id)
        case .unpark(let family):
            self.bringForward { $0.parkedFamily == family }
            return .nothing
        case .repair: return .number(self.repair())
        case .reconcile: return .ids(self.jobs.values.filter { $0.life.state == .available }.map(\.id).sorted())
        case .advanceWatermark: return .nothing
        case .pass:
            self.now.hours += 2
            return .nothing
        }
    }
}
