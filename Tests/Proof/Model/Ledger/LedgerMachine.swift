// The ledger's SQL against its model.

internal import JobModel
internal import JobQueue
internal import Postgres
internal import QueueTestSupport
internal import TestSupport

/// One private platform database and its model.
struct LedgerMachine: ModelMachine {
    static let name = "ledger"
    static let length = 250
    private static let stepsPerComparison = 10

    let subject: LedgerSubject

    func run(
        seed: UInt64, sequence: Int, steps: [Int], thoroughly: Bool, tally: inout Tally, words: inout [String]?
    ) async throws -> Difference? {
        var model = LedgerModel()
        var draw = LedgerDraw(seed: seed, sequence: sequence)
        var tickets: [Int: Int64] = [:]
        try await self.subject.empty()
        for (done, step) in steps.enumerated() {
            model.now.step = step
            let call = draw.call(at: step, model)
            let expected = model.answer(call)
            var reply = try await self.subject.perform(call, tickets: &tickets, model: model)
            // Whatever has a ticket comes to Redis by that: the reconciler need not find it.
            if case .reconcile = call, case .ids(let found) = reply, case .ids(let available) = expected {
                let ticketed = Set(model.tickets.map(\.job)).intersection(available)
                reply = .ids(ticketed.union(found).sorted())
            }
            draw.learn(call, expected)
            tally.did(call.name)
            expected.count(call, in: &tally)
            words?.append("step \(step): \(call)\n    \(reply)")
            guard reply == expected else {
                return Difference(step: step, what: "\(call)\n  the model:  \(expected)\n  the ledger: \(reply)")
            }
            guard thoroughly || done % Self.stepsPerComparison == Self.stepsPerComparison - 1 || done == steps.count - 1
            else { continue }
            tally.comparisons += 1
            let found = try await self.subject.contents()
            let wanted = LedgerContents(model)
            if let difference = LedgerContents.difference(model: wanted, ledger: found) {
                return Difference(step: step, what: "after \(call)\n  \(difference)")
            }
        }
        return nil
    }
}

extension LedgerReply {
    /// Notes what is worth being told of an answer.
    fileprivate func count(_ call: LedgerCall, in tally: inout Tally) {
        switch (call, self) {
        case (.enqueue, .enqueued(_, let replayed)): tally.saw("replayed", replayed.count { $0 })
        case (.enqueue, .conflict): tally.saw("conflict")
        case (.takeDue, .due(let due)):
            tally.saw("stale ticket", due.count { !$0.isRunnable })
            tally.saw("dispatched", due.count { $0.isRunnable })
        case (.begin(let ids, _, _, let alone), .begun(let begun)):
            tally.saw(alone ? "begun alone" : "begun", begun.count)
            tally.saw("not begun", max(0, ids.count - begun.count))
        case (.settle(let attempts, _), .ids(let settled)):
            tally.saw("settled", settled.count)
            tally.saw("fenced", attempts.count - settled.count)
        case (.completeStep, .truth(let done)): tally.saw(done ? "step completed" : "step fenced")
        case (.beat, .isOver): tally.saw("beat of an ended session")
        case (.beat, .ids(let cancelled)): tally.saw("told to cancel", cancelled.count)
        case (.reap, .livesOn): tally.saw("session lives on")
        case (.reap, .reaped(let jobs)):
            tally.saw("taken back", jobs.count { !$0.isPoison })
            tally.saw("poison", jobs.count { $0.isPoison })
        case (_, .refused(let why)): tally.saw("refused: \(why)")
        case (.repair, .number(let given)): tally.saw("ticket given anew", given)
        default: break
        }
    }
}

extension ModelServers {
    /// Lends the platform database.
    func withLedger<Value: Sendable>(
        _ body: @Sendable @escaping (LedgerMachine) async throws -> Value
    ) async throws -> Value {
        try await QueueFixture.with(servers: self.servers) { queue in
            try await body(LedgerMachine(subject: LedgerSubject(ledger: queue.ledger)))
        }
    }
}
