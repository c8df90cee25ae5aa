// The verdict: the harness' record against what is found at the end, invariant by invariant (docs/reliability.md).
// Pure: what it looks at was gathered before.

import JobModel

/// What holds, and what does not.
struct SoakVerdict: Sendable {
    /// One invariant: what was compared, and what broke it.
    struct Line: Sendable {
        let name: String
        let rule: String
        var checked = 0
        var broken: [String] = []

        init(_ name: String, _ rule: String) {
            self.name = name
            self.rule = rule
        }

        mutating func check(_ holds: Bool, _ otherwise: @autoclosure () -> String) {
            self.checked += 1
            if !holds { self.broken.append(otherwise()) }
        }
    }

    let entries: [SoakEntry]
    let losses: [SoakLoss]
    let evidence: SoakEvidence
    /// When PostgreSQL was killed: it may forget that attempts were begun (begin_jobs.sql), never that they ended.
    let postgresKills: [DayTime]
    /// How long after that an attempt may still come to its end.
    private static let longestAttempt = 60
    let byID: [JobID: SoakEntry]

    init(entries: [SoakEntry], losses: [SoakLoss], evidence: SoakEvidence, postgresKills: [DayTime]) {
        self.entries = entries
        self.losses = losses
        self.evidence = evidence
        self.postgresKills = postgresKills
        self.byID = Dictionary(entries.map { ($0.id, $0) }) { first, _ in first }
    }

    var lines: [Line] {
        [
            self.everyEnqueueEnds(), self.noEffectWithoutEnqueue(), self.oneEffectEach(), self.noStaleSettlement(),
            self.attemptsAreRuns(), self.deathsAreJust(), self.callersRowsAgree(), self.fastJobsRan(),
        ]
    }

    /// I1, I8: what was acknowledged is in the ledger, and has come to its end.
    private func everyEnqueueEnds() -> Line {
        var line = Line("I1", "every acknowledged durable job is there and has ended")
        for entry in self.entries where entry.fate == .acknowledged && entry.plan.durability == .durable {
            let state = self.evidence.jobs[entry.id]?.state
            line.check(
                JobState.isTerminal(state), "job \(entry.id) (\(entry.plan), \(entry.route)) is \(state ?? "gone")")
        }
        for job in self.evidence.jobs.values where self.byID[job.id] == nil {
            line.check(JobState.isTerminal(job.state), "job \(job.id) (\(job.kind)) is \(job.state)")
        }
        return line
    }

    /// I2: neither a row nor a job that nobody asked for, or that was taken back.
    private func noEffectWithoutEnqueue() -> Line {
        var line = Line("I2", "no job and no effect without an enqueue")
        func mayBe(_ id: JobID) -> Bool {
            switch self.byID[id]?.fate {
            case .acknowledged, .unknown: true
            case .pending, .refused, .replay, nil: false
            }
        }
        for (id, rows) in self.evidence.effects {
            line.check(mayBe(id), "\(rows) rows of job \(id), which was \(self.fate(of: id))")
            let target = self.byID[id]?.family
            line.check(
                (self.evidence.places[id]?.contains(SoakStack.database) ?? false) == (target == nil),
                "rows of job \(id) are in the wrong database")
        }
        for job in self.evidence.jobs.values {
            line.check(
                mayBe(job.id) || job.kind == "family.provision",
                "job \(job.id) (\(job.kind)) was \(self.fate(of: job.id))")
        }
        return line
    }

    private func fate(of id: JobID) -> String { self.byID[id].map { "\($0.fate) by \($0.route)" } ?? "never asked for" }

    /// I3: one row for a success, none for anything else; also in all databases together.
    private func oneEffectEach() -> Line {
        var line = Line("I3", "one effect for a success, none or one otherwise")
        for entry in self.entries where entry.plan.hasEffect {
            let rows = self.evidence.effects[entry.id] ?? 0
            let job = self.evidence.jobs[entry.id]
            if job?.state == "succeeded" {
                line.check(rows == 1, "job \(entry.id) (\(entry.plan)) succeeded with \(rows) rows")
            } else {
                line.check(rows <= 1, "job \(entry.id) (\(entry.plan), \(job?.state ?? "fast")) has \(rows) rows")
            }
        }
        return line
    }

    /// I4: the outcome that counts is of the newest epoch, and whoever was refused had an older one.
    private func noStaleSettlement() -> Line {
        var line = Line("I4", "no settlement from an old epoch")
        for job in self.evidence.jobs.values {
            if let newest = job.epochs.keys.max() {
                line.check(job.epoch >= newest, "job \(job.id) has epoch \(job.epoch), its history \(newest)")
            }
            if job.state == "succeeded", let outcome = job.epochs[job.epoch] {
                line.check(false, "job \(job.id) succeeded at epoch \(job.epoch), which had \(outcome)")
            }
        }
        for fence in self.evidence.fences {
            guard let job = self.evidence.jobs[fence.job] else { continue }
            // An attempt that nobody had taken the job from was refused: then somebody else had settled it.
            let wasTaken =
                job.epoch > fence.epoch || job.epochs[fence.epoch] != nil || job.state == "cancelled"
                || self.postgresKills.contains { fence.at.isWithin(Self.longestAttempt, after: $0) }
            line.check(wasTaken, "job \(job.id) was refused to its own attempt, epoch \(fence.epoch)")
        }
        return line
    }

    /// I5: what a job does at each run is known, so its counters are.
    private func attemptsAreRuns() -> Line {
        var line = Line("I5", "attempts and failures are the handler's runs; crashes are apart")
        for job in self.evidence.jobs.values {
            guard let entry = self.byID[job.id] else { continue }
            let text =
                "job \(job.id) (\(entry.plan), \(job.state)): attempt \(job.attempt), failures \(job.failures), "
                + "crashes \(job.crashes), epoch \(job.epoch), history \(job.outcomes)"
            line.check(job.crashes == job.outcomes["crashed"] ?? 0, text)
            line.check(job.epoch >= job.attempt + job.crashes, text)
            switch job.state {
            case "succeeded":
                line.check(
                    job.attempt == job.failures + 1 && job.failures == entry.plan.failuresOfSuccess, text)
                if case .crash(let times) = entry.plan { line.check(job.crashes >= times, text) }
            case "dead":
                if let death = entry.plan.death, job.reason == death.reason.rawValue {
                    line.check(job.failures == death.failures && job.attempt == max(1, death.failures), text)
                }
            default: break
            }
        }
        return line
    }

    /// I7: who is dead has failed as planned, or was aboard four processes that died.
    private func deathsAreJust() -> Line {
        var line = Line("I7", "every dead job is dead for a reason that the harness knows")
        for job in self.evidence.jobs.values {
            guard let entry = self.byID[job.id] else { continue }
            let text =
                "job \(job.id) (\(entry.plan)) is \(job.state): \(job.reason ?? "no reason"), crashes \(job.crashes)"
            switch job.state {
            case "dead" where job.reason == "poison":
                line.check(job.crashes == 4 && job.deadSessions.count == 4, text)
            case "dead": line.check(job.reason == entry.plan.death?.reason.rawValue, text)
            case "succeeded": line.check(entry.plan.death == nil && entry.plan != .poison, text)
            case "cancelled": line.check(entry.mayBeCancelled, text)
            default: break
            }
        }
        for (id, reason) in self.evidence.deadFast {
            line.check(
                reason == "poison", "fast job \(id) (\(self.byID[id].map { "\($0.plan)" } ?? "?")) is dead: \(reason)")
        }
        return line
    }

    /// A caller's row and the job that it was enqueued with are both there, or neither.
    private func callersRowsAgree() -> Line {
        var line = Line("L8", "a caller's row and its job are both there, or neither is")
        for entry in self.entries where entry.route == .sql || entry.route == .rollback {
            let (row, job) = (self.evidence.orders.contains(entry.id), self.evidence.jobs[entry.id] != nil)
            line.check(row == job, "row \(row), job \(job): \(entry.id), \(self.fate(of: entry.id))")
        }
        return line
    }

    /// Fast jobs that were acknowledged and have left no row, with what excuses that; nil: nothing does.
    var unfinishedFast: [(entry: SoakEntry, excuse: String?)] {
        self.entries.filter { entry in
            guard case .fastEffect = entry.plan else { return false }
            return entry.fate == .acknowledged && self.evidence.effects[entry.id] == nil
        }.map { entry in
            if let reason = self.evidence.deadFast[entry.id] { return (entry, "dead: \(reason), and kept") }
            return (entry, self.losses.first { $0.excuses(entry) }?.why)
        }
    }

    /// Fast jobs run at least once, unless Redis lost them.
    private func fastJobsRan() -> Line {
        var line = Line("fast", "every acknowledged fast job ran, unless Redis lost it")
        let unfinished = Dictionary(
            self.unfinishedFast.map { ($0.entry.id, $0.excuse) }, uniquingKeysWith: { first, _ in first })
        for entry in self.entries where entry.fate == .acknowledged {
            guard case .fastEffect = entry.plan else { continue }
            guard let excuse = unfinished[entry.id] else {
                line.check(true, "")
                continue
            }
            line.check(
                excuse != nil,
                "fast job \(entry.id) (\(entry.plan), answered after \(entry.answered?.inSeconds ?? "?") s) never ran")
        }
        return line
    }

    /// Fast jobs that were lost, or kept as dead, by why that is excused.
    var excused: [String: Int] {
        self.unfinishedFast.compactMap(\.excuse).reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    /// Fast jobs that left their row.
    var fastDone: Int {
        self.entries.count { $0.plan.durability == .fast && self.evidence.effects[$0.id] != nil }
    }

    /// Innocent jobs that died as poison: their processes were killed from outside four times, the last time alone.
    var condemned: Int {
        self.evidence.jobs.values.count { job in job.reason == "poison" && !(self.byID[job.id]?.plan.kills ?? false) }
    }

    var states: [String: Int] { self.evidence.jobs.values.reduce(into: [:]) { $0[$1.state, default: 0] += 1 } }

    var fates: [String: Int] {
        self.entries.reduce(into: [:]) { counts, entry in
            let word =
                switch entry.fate {
                case .pending: "never answered"
                case .acknowledged: "acknowledged"
                case .unknown: "answer lost"
                case .refused: "refused or rolled back"
                case .replay: "a key's first job again"
                }
            counts[word, default: 0] += 1
        }
    }
}

extension JobState {
    fileprivate static func isTerminal(_ state: String?) -> Bool {
        state.map { ["succeeded", "dead", "cancelled"].contains($0) } ?? false
    }
}
