// The Lua scripts against the model of the dispatch index.

internal import JobModel
internal import Redis

/// One private Redis and its model.
struct IndexMachine: ModelMachine {
    static let name = "index"
    static let length = 500
    /// After how many steps the whole of Redis is compared with the model.
    private static let stepsPerComparison = 25
    /// 2023-11-14T22:13:20Z
    private static let start = 1_700_000_000_000_000

    let subject: IndexSubject
    /// The thread of its sockets: a step changes no threads there.
    var executor: any TaskExecutor { self.subject.dedicated.executor }

    func run(
        seed: UInt64, sequence: Int, steps: [Int], thoroughly: Bool, tally: inout Tally, words: inout [String]?
    ) async throws -> Difference? {
        var model = PoolModel(queues: IndexSubject.queues.count, now: Self.start)
        var draw = IndexDraw(seed: seed, sequence: sequence)
        for call in [IndexCall.loseMemory, .pass(microseconds: 0)] {
            _ = try await self.subject.perform(call, now: model.now)
        }
        for (done, step) in steps.enumerated() {
            let call = draw.call(at: step, model)
            let expected = model.answer(call)
            let reply = try await self.subject.perform(call, now: model.now)
            draw.learn(call, expected)
            tally.did(call.name)
            expected.count(call, in: &tally)
            words?.append("step \(step): \(call)\n    \(reply)")
            guard reply == expected else {
                return Difference(
                    step: step, what: "\(call)\n  the model: \(expected)\n  Redis:     \(reply)")
            }
            guard thoroughly || done % Self.stepsPerComparison == Self.stepsPerComparison - 1 || done == steps.count - 1
            else { continue }
            tally.comparisons += 1
            let wanted = model.keyspace(namespace: IndexSubject.namespace, queues: IndexSubject.queues)
            let found = try await self.subject.keyspace()
            if let difference = Keyspace.difference(model: wanted, redis: found) ?? found.misplaced() {
                return Difference(step: step, what: "after \(call)\n  \(difference)")
            }
        }
        return nil
    }
}

extension IndexReply {
    /// Notes what is worth being told of an answer.
    fileprivate func count(_ call: IndexCall, in tally: inout Tally) {
        switch self {
        case .conflict: tally.saw("key conflict")
        case .enqueued(_, let replayed): tally.saw("replayed", replayed.count { $0 })
        case .claim(let state, let durable, let fast, _, _):
            if state != "more", state != "empty" { tally.saw("claim \(state)") }
            if case .claimAlone = call {
                tally.saw("claimed alone", durable.count + fast.count)
            } else {
                tally.saw("claimed", durable.count + fast.count)
            }
        case .ids(let ids):
            if case .settle(let settled, _, _) = call {
                tally.saw("fenced", ids.count)
                tally.saw("settled", settled.count - ids.count)
            }
            if case .decide(let decision, _, _) = call { tally.saw("dead \(decision)", ids.count) }
            if case .overdue = call { tally.saw("overdue session", ids.count) }
        case .takenBack(let hints, let fast, let poison):
            tally.saw("taken back", hints + fast)
            tally.saw("poison", poison.count)
        case .heartbeat(let isKnown, let isCaretaker, _, _, let deaths):
            if !isKnown { tally.saw("session unknown") }
            if isCaretaker { tally.saw("caretaker") }
            tally.saw("death told", deaths.count)
        case .truth(let truth):
            if case .takeTurn = call { tally.saw(truth ? "turn" : "turn refused") }
        case .woken: tally.saw("woken")
        case .nothing, .number, .audit, .dead, .times, .counters, .failure: break
        }
    }
}

extension Keyspace {
    /// I6, without the model: a fast job is in one place alone.
    fileprivate func misplaced() -> String? {
        var places: [[UInt8]: [UInt8]] = [:]
        for (name, contents) in self.keys {
            for entry in contents.fastEntries(name) {
                let id = Array(entry.dropFirst(6 + Int(entry[5])).prefix(16))
                if let other = places.updateValue(name, forKey: id) {
                    let keys = [other, name].map(KeyContents.readable).sorted()
                    return "job \(KeyContents.readable(id)) is in \(keys[0]) and in \(keys[1])"
                }
            }
        }
        return nil
    }
}

extension KeyContents {
    /// The entries of fast jobs that a key holds.
    fileprivate func fastEntries(_ name: [UInt8]) -> [[UInt8]] {
        switch (KeyShape(of: name), self.value) {
        case (.list, .list(let members)): return members.filter { $0.count > 22 && $0[0] == 1 }
        case (.sortedSet, .sortedSet(let members)):
            return members.map(\.member).compactMap { member in
                if member.count > 22, member[0] == 1 { return member }
                return member.count > 23 && member[0] == UInt8(ascii: "f") ? Array(member.dropFirst()) : nil
            }
        case (.hash, .hash(let fields)):
            return fields.values.compactMap { value in
                if value.count > 23, value[0] == UInt8(ascii: "f") { return Array(value.dropFirst()) }
                // A grave: a line that says why, then the entry.
                guard let end = value.firstIndex(of: 10), value.first == UInt8(ascii: "{") else { return nil }
                return Array(value[(end + 1)...])
            }
        default: return []
        }
    }
}
