// The closing lines of a soak.

import JobModel

/// What was found, and whether it is good.
struct SoakReport: Sendable {
    let soak: Soak
    let verdict: SoakVerdict
    let faults: [SoakFault: SoakFaultCounts.Count]
    let seconds: Double
    /// What was left when the drain's limit was over; nil: nothing.
    let leftovers: String?
    /// What `chorewheel doctor` said; nil: all is well.
    let doctor: String?
    let reconciliations: Int
    let lives: [SoakWatch.Life]
    /// What was seen while the soak ran.
    var seen: [String] = []

    /// From this length on each fault has to have fired, and each sweeper to have run three times.
    static let wholeMinutes = 10.0
    private static let shown = 10
    /// How much more a worker may hold at its end than half a minute into its life.
    private static let growthMax = 48 << 20

    func adding(_ seen: [String]) -> SoakReport {
        var report = self
        report.seen += seen
        return report
    }

    /// A sweeper, and how often it was seen to have swept.
    private var sweepers: [(name: String, count: Int)] {
        let evidence = self.verdict.evidence
        let done = Set(evidence.jobs.values.filter { $0.state == "succeeded" }.map(\.id))
        let silent = self.verdict.entries.count { $0.route == .silent && done.contains($0.id) }
        let promoted = self.verdict.entries.count { $0.delay != nil && done.contains($0.id) }
        let delayedFast = self.verdict.entries.count { $0.delay != nil && evidence.effects[$0.id] != nil }
        return [
            ("reconciler (passes)", self.reconciliations),
            (
                "reaper (sessions expired or died)",
                evidence.sessionEnds["expired", default: 0] + evidence.sessionEnds["died", default: 0]
            ),
            ("dispatcher's look (jobs of which nobody was told)", silent),
            ("promotion (delayed jobs that ran)", promoted + delayedFast),
        ]
    }

    /// Everything that is wrong.
    var violations: [String] {
        var all = self.seen
        for line in self.verdict.lines where !line.broken.isEmpty {
            all += line.broken.prefix(Self.shown).map { "\(line.name): \($0)" }
            if line.broken.count > Self.shown { all.append("\(line.name): … \(line.broken.count) in all") }
        }
        if let leftovers { all.append("I8: not drained: \(leftovers)") }
        if let doctor { all.append("I6, I10: chorewheel doctor: \(doctor)") }
        for life in self.lives {
            let growth = life.last.bytes - (life.early ?? life.last.bytes)
            if growth > Self.growthMax {
                all.append("a worker grew by \(growth >> 20) MiB in \(life.length.inSeconds) s")
            }
        }
        guard self.soak.minutes >= Self.wholeMinutes else { return all }
        for fault in SoakFault.allCases where self.soak.only?.contains(fault) ?? true {
            if (self.faults[fault]?.fired ?? 0) == 0 {
                all.append("never fired: \(fault.rawValue) (\(self.faults[fault]?.why ?? "never tried"))")
            }
        }
        for (name, count) in self.sweepers where count < 3 { all.append("swept \(count) times only: \(name)") }
        return all
    }

    var text: String {
        var text = "\nFaults that fired (of those tried)\n"
        for fault in SoakFault.allCases {
            let count = self.faults[fault] ?? .init()
            text += "  \(self.pad(count.fired)) of \(self.pad(count.tried))  \(fault.rawValue)"
            if count.fired < count.tried, let why = count.why { text += " (not seen: \(why))" }
            text += "\n"
        }
        text += "\nSweepers\n"
        for (name, count) in self.sweepers { text += "  \(self.pad(count))  \(name)\n" }
        let evidence = self.verdict.evidence
        text += "\nRequests: \(self.list(self.verdict.fates))\n"
        let ways = Dictionary(grouping: self.verdict.entries, by: \.route.rawValue).mapValues(\.count)
        text += "By way: \(self.list(ways))\n"
        text += "Jobs of the ledger: \(self.list(self.verdict.states)); dead as poison by kills from outside: "
        text += "\(self.verdict.condemned)\n"
        text += "Effects: \(evidence.effects.values.reduce(0, +)) rows of \(evidence.effects.count) jobs; "
        text += "settlements refused (fenced): \(evidence.fences.count) durable, \(evidence.fastFences) fast\n"
        text += "Sessions ended: \(self.list(evidence.sessionEnds))\n"
        let done = self.verdict.states["succeeded", default: 0] + self.verdict.fastDone
        text += "Throughput: \(Int(Double(done) / self.seconds)) jobs done a second, under faults\n"
        if let most = self.lives.max(by: { $0.last.bytes - ($0.early ?? 0) < $1.last.bytes - ($1.early ?? 0) }) {
            text += "Memory: \(self.lives.count) workers lived two minutes or longer; the one that grew most: "
            text +=
                "\((most.early ?? 0) >> 20) MiB, then \(most.last.bytes >> 20) MiB after \(most.length.inSeconds) s\n"
        }
        let excused = self.verdict.excused
        text += "Fast jobs that did not run: \(excused.values.reduce(0, +)), each excused\n"
        for (why, count) in excused.sorted(by: { $0.key < $1.key }) { text += "  \(self.pad(count))  \(why)\n" }
        text += "\nInvariants (checked, broken)\n"
        for line in self.verdict.lines {
            text +=
                "  \(line.name.padded(to: 4)) \(self.pad(line.checked)) \(self.pad(line.broken.count))  \(line.rule)\n"
        }
        text += "  I6   \(self.doctor == nil ? "holds" : "BROKEN")  each job in one state, Redis' sets sound (doctor)\n"
        text += "  I8   \(self.leftovers == nil ? "holds" : "BROKEN")  everything ended once the faults were healed\n"
        text += "  I9   not promised: no order within a key beyond that the first one wins (see I3, keys)\n"
        text += "  I10  \(self.doctor == nil && self.leftovers == nil ? "holds" : "BROKEN")  ledger and Redis agree\n"
        return text
    }

    private func list(_ counts: [String: Int]) -> String {
        counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }

    private func pad(_ number: Int) -> String {
        let digits = "\(number)"
        return String(repeating: " ", count: max(0, 6 - digits.utf8.count)) + digits
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.utf8.count))
    }
}
