// What can be asked of a queue: each call of the dispatch index as a rule, and its reply.

internal import JobModel

extension QueueModel {
    /// Hints of available ledger jobs. - Returns: How many were not there.
    mutating func push(_ jobs: [WaitingHint], _ now: Int) -> Int {
        let added = jobs.count { job in
            job.isQuarantined ? self.quarantine(.hint(job.hint.id), since: now) : self.put(job.hint)
        }
        if added > 0 { self.wake() }
        return added
    }

    /// Fast jobs of one lane.
    mutating func enqueue(_ jobs: [FastJob], delay: Int, _ now: Int) {
        for job in jobs {
            if delay > 0 { self.delay(job, until: now + delay) } else { self.put(job, now) }
        }
        if delay <= 0, !jobs.isEmpty { self.wake() }
    }

    /// A fast job with a key: the first one wins while the key is kept. - Returns: What holds the key; nil: it is ours.
    mutating func enqueue(_ job: FastJob, key: Key, delay: Int, _ now: Int) -> KeyHolder? {
        if let holder = self.keys[key] { return holder }
        self.keys[key] = KeyHolder(id: job.id, payload: job.payload, expires: now + 7 * 86_400_000)
        self.enqueue([job], delay: delay, now)
        return nil
    }

    /// What each claim begins with. - Returns: Why the session may claim nothing; nil: it may.
    private mutating func admit(_ session: SessionID, settled: [JobID]) -> IndexReply? {
        for id in settled { _ = self.release(id, of: session) }
        if self.gone[session] != nil { return .claim(state: "gone") }
        guard let told = self.told else { return .claim(state: "closed") }
        return told.isPaused ? .claim(state: "paused") : nil
    }

    /// Higher priorities first; within one each lane gives one job and goes to the end of the ring.
    mutating func claim(_ count: Int, by session: SessionID, settled: [JobID], _ now: Int) -> IndexReply {
        if let refusal = self.admit(session, settled: settled) { return refusal }
        // Delayed jobs whose time has come join the ends of their lanes: 1000 at once.
        let due = self.delayed.prefix(1000).prefix { $0.due <= now }
        self.delayed.removeFirst(due.count)
        for (_, job) in due { self.put(job, now) }
        var claimed: [Held] = []
        for priority in JobPriority.allCases {
            while claimed.count < count, let turn = self.rings[priority]?.first {
                self.rings[priority]?.removeFirst()
                let lane = Lane(priority: priority, family: turn.family)
                let rest: Int
                if turn.isFast {
                    claimed.append(.fast(self.fast[lane, default: []].removeFirst()))
                    rest = self.fast[lane]?.count ?? 0
                    if rest == 0 { self.fast[lane] = nil }
                } else {
                    claimed.append(.hint(self.hints[lane, default: []].removeFirst()))
                    rest = self.hints[lane]?.count ?? 0
                    if rest == 0 { self.hints[lane] = nil }
                }
                if rest > 0 { self.rings[priority, default: []].append(turn) }
            }
        }
        for held in claimed { self.hold(held, by: session) }
        let isMore = self.rings.values.contains { !$0.isEmpty }
        if isMore, !claimed.isEmpty { self.wake() }
        return .claim(
            state: isMore ? "more" : "empty", claimed, nextDue: self.delayed.first.map { max(0, $0.due - now) },
            quarantined: self.quarantine.count)
    }

    /// One job that is to be run alone: who came first.
    mutating func claimAlone(by session: SessionID, settled: [JobID]) -> IndexReply {
        if let refusal = self.admit(session, settled: settled) { return refusal }
        var claimed: [Held] = []
        if !self.quarantine.isEmpty {
            let first = self.quarantine.removeFirst()
            switch first.suspect {
            case .hint(let id): claimed = [.suspect(id, since: first.since)]
            case .fast(let job): claimed = [.fast(job)]
            }
            self.hold(claimed[0], by: session)
        }
        return .claim(
            state: self.quarantine.isEmpty ? "empty" : "more", claimed, nextDue: nil,
            quarantined: self.quarantine.count)
    }

    /// What became of fast attempts. - Returns: Those that were fenced.
    mutating func settle(_ settled: [SettledFastJob], by session: SessionID, _ now: Int) -> [JobID] {
        // What a live session holds nobody takes from it: acknowledgements are fenced all, or not at all.
        var fenced: [JobID] = []
        for attempt in settled where attempt.outcome == .acknowledged {
            if self.gone[session] != nil {
                fenced.append(attempt.job.id)
            } else {
                _ = self.release(attempt.job.id, of: session)
            }
        }
        for attempt in settled where attempt.outcome != .acknowledged {
            guard self.release(attempt.job.id, of: session) != nil else {
                fenced.append(attempt.job.id)
                continue
            }
            switch attempt.outcome {
            case .acknowledged: break
            case .givenBack:
                self.put(attempt.job, atHead: true, now)
                self.wake()
            case .again(let delay): self.delay(attempt.job, until: now + delay)
            case .dead(let reason):
                self.bury(attempt.job, note: Array(#"{"reason":"\#(reason.rawValue)"}"#.utf8), now)
            }
        }
        return fenced
    }

    /// Takes back what a session holds; all of it means that the session has ended. Each goes to the head of its lane,
    /// or to quarantine; a fast job whose crash was one too many is dead.
    mutating func takeBack(_ only: [JobID]?, of session: SessionID, crashed: Bool, _ now: Int) -> IndexReply {
        var back: [Held] = []
        if let only {
            for id in only {
                guard !back.contains(where: { $0.id == id }) else { continue }
                if let held = self.release(id, of: session) { back.append(held) }
            }
        } else {
            back = self.running.removeValue(forKey: session) ?? []
            self.gone[session] = now + 3_600_000
        }
        var (hints, fast, poison) = (0, 0, [JobID]())
        for held in back {
            switch held {
            case .suspect(let id, let since):
                _ = self.quarantine(.hint(id), since: since)
                hints += 1
            case .hint(let hint):
                _ = self.put(hint)
                hints += 1
            case .fast(var job):
                if crashed { job.crashes += 1 }
                if job.crashes > JobLimits.crashesMax, crashed {
                    self.bury(job, note: Array(#"{"reason":"poison"}"#.utf8), now)
                    poison.append(job.id)
                } else {
                    self.put(job, atHead: true, now)
                    fast += 1
                }
            }
        }
        if hints + fast > 0 { self.wake() }
        return .takenBack(hints: hints, fast: fast, poison: poison)
    }

    /// The ledger's word on the queue; an older one changes nothing.
    mutating func tell(isPaused: Bool, version: Int) {
        if let told = self.told, told.version > version { return }
        if !isPaused, self.told?.isPaused != false { self.wake() }
        self.told = (isPaused, version)
    }

    /// One session at a time, and only while something waits in quarantine.
    mutating func takeTurn(_ session: SessionID, lease: Int, _ now: Int) -> Bool {
        if let turn = self.turn, turn.session != session { return false }
        self.turn = self.quarantine.isEmpty ? nil : (session, now + lease)
        return self.turn != nil
    }

    /// What a person decides. - Returns: Those that were dead.
    mutating func decide(retry: Bool, _ ids: [JobID], _ now: Int) -> [JobID] {
        var done: [JobID] = []
        for id in ids {
            guard let place = self.dead.firstIndex(where: { $0.job.id == id }) else { continue }
            var job = self.dead.remove(at: place).job
            job.failures = 0
            job.crashes = 0
            if retry { self.put(job, now) }
            done.append(id)
        }
        if retry, !done.isEmpty { self.wake() }
        return done
    }

    /// What an audit has to count.
    var audit: IndexReply {
        let suspects = self.quarantine.map(\.suspect)
        let fastSuspects = suspects.count { if case .fast = $0 { true } else { false } }
        return .audit(
            [
                self.hints.values.reduce(0) { $0 + $1.count }, self.fast.values.reduce(0) { $0 + $1.count },
                suspects.count - fastSuspects, fastSuspects, self.delayed.count, self.dead.count,
                self.rings.values.reduce(0) { $0 + $1.count },
            ], faults: [])
    }
}
