// One workload's part of the report: a table with a row a program, then what was wanted and what came of it.

/// Writes a workload's runs as Markdown.
struct MarkdownTable {
    let runs: WorkloadRuns

    var text: String {
        var lines = [
            "## \(self.runs.workload.name): \(self.runs.workload.title)", "", Self.row(self.columns.map(\.title)),
            Self.row(self.columns.map { $0.isNumber ? "--:" : "---" }),
        ]
        lines += self.runs.subjects.map { subject in Self.row(self.columns.map { $0.cell(subject) }) }
        lines += ["", self.runs.workload.note, ""]
        lines += self.runs.verdicts.map { verdict in
            "- \(verdict.isMet.map { $0 ? "✓" : "✗" } ?? "–") \(verdict.target): \(verdict.finding)"
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private struct Column {
        let title: String
        let isNumber: Bool
        let cell: (SubjectRuns) -> String
    }

    /// Those that say something: no range of one run, no comparison with nobody.
    private var columns: [Column] {
        let subjects = self.runs.subjects
        let isRepeated = subjects.contains { $0.results.count > 1 }
        var columns = [
            Column(title: "program", isNumber: false, cell: self.name),
            Column(title: "jobs", isNumber: true, cell: Self.jobs),
        ]
        for metric in self.runs.workload.metrics {
            columns.append(Column(title: metric.title, isNumber: true) { Self.median($0, metric) })
            if isRepeated { columns.append(Column(title: "range", isNumber: true) { Self.range($0, metric) }) }
        }
        if subjects.count > 1 { columns.append(Column(title: "ours is", isNumber: true, cell: self.ratio)) }
        if subjects.contains(where: { $0.text("loses") != nil }) {
            columns.append(Column(title: "lost in a crash of its worker", isNumber: false, cell: Self.loss))
        }
        return columns
    }

    private func name(_ subject: SubjectRuns) -> String {
        let version = subject.role == .peer ? subject.text("version").map { " \($0)" } ?? "" : ""
        guard let failure = subject.failures.first else { return subject.name + version }
        let all = subject.results.count + subject.failures.count
        let text = failure.split(separator: "|").joined(separator: "/")
        return "\(subject.name)\(version) **failed in \(subject.failures.count) of \(all) runs**: \(text)"
    }

    private static func jobs(_ subject: SubjectRuns) -> String {
        subject.results.last?["jobs"]?.number.map { numberText($0, digits: 0) } ?? "–"
    }

    private static func median(_ subject: SubjectRuns, _ metric: Metric) -> String {
        subject.median(metric).map { numberText($0, digits: metric.digits) } ?? "–"
    }

    private static func range(_ subject: SubjectRuns, _ metric: Metric) -> String {
        let values = subject.values(metric)
        guard let least = values.first, let most = values.last else { return "–" }
        return [least, most].map { numberText($0, digits: metric.digits) }.joined(separator: " – ")
    }

    /// The median of ours, divided by this one's, of the first metric.
    private func ratio(to subject: SubjectRuns) -> String {
        let ours = subject.comparedWith.flatMap { self.runs.subject($0) } ?? self.runs.ours
        guard let metric = self.runs.workload.metrics.first, let ours, ours.name != subject.name,
            let own = ours.median(metric), let other = subject.median(metric), other > 0
        else { return "–" }
        return "\(ratioText(own / other)) × this"
    }

    private static func loss(of subject: SubjectRuns) -> String {
        switch subject.role {
        case .ours: "nothing; run again at once under a supervisor, else within 15 s"
        case .floor: "–"
        case .peer: subject.text("loses") ?? "–"
        }
    }

    private static func row(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |" }
}
