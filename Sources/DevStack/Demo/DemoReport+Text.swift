// The report as people read it. Pure.

extension DemoReport {
    /// The table of what happened, the checks, and the verdict.
    public var text: String {
        let failed = self.checks.filter { !$0.passed }
        var text = "\nWhat happened (in all \(showMilliseconds(self.totalMilliseconds)))\n\n\(self.stepsText)\n"
        text += "Checks\n\n" + self.checks.map { $0.text + "\n" }.joined() + "\n"
        if self.passed {
            text += "All \(self.checks.count) checks passed."
        } else {
            text += "\(failed.count) of \(self.checks.count) checks FAILED."
        }
        if let directory { text += " Kept for a look: \(directory)" }
        return text + "\n"
    }

    private var stepsText: String {
        let titles = ["step", "what", "total", "p50", "longest", "attempts", "failures", "crashes", "recovery"]
        return Self.table(
            [titles]
                + self.steps.map { step in
                    [
                        step.name, "\(step.items) \(step.unit)", showMilliseconds(step.totalMilliseconds),
                        step.medianMilliseconds.map(showMilliseconds) ?? "",
                        step.longestMilliseconds.map(showMilliseconds) ?? "", "\(step.attempts)", "\(step.failures)",
                        "\(step.crashes)", step.recoveryMilliseconds.map(showMilliseconds) ?? "",
                    ]
                }, leftAligned: 2)
    }

    /// A line a family.
    var familiesText: String {
        let text = Self.table(
            [["family", "ready after", "attempts", "failures", "crashes"]]
                + self.families.map { family in
                    [
                        family.slug, showMilliseconds(family.milliseconds), "\(family.attempts)", "\(family.failures)",
                        "\(family.crashes)",
                    ]
                }, leftAligned: 1)
        return String(text.dropLast())
    }

    /// - Parameter leftAligned: how many of the first columns are texts; the others are figures.
    static func table(_ rows: [[String]], leftAligned: Int) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            var line = " "
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                line += " " + (column < leftAligned ? cell + space : space + cell) + " "
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}

extension DemoReport.Check {
    /// `  ok      name (detail)`
    var text: String {
        let detail = self.detail.map { self.passed ? " (\($0))" : ": \($0)" } ?? ""
        return (self.passed ? "  ok      " : "  FAILED  ") + self.name + detail
    }
}
