// The whole report: where, when and on what; then a table a workload. As Markdown for people, as JSON for programs.

/// Everything that a run of the driver found.
struct BenchReport {
    let machine: MachineDescription
    /// By name: PostgreSQL, Redis, Swift, the revision.
    let versions: [(name: String, version: String)]
    let command: String
    let startedAt: String
    let runs: Int
    let loadBefore: String
    let loadAfter: String
    let workloads: [WorkloadRuns]

    var markdown: String {
        let machine = self.machine
        let memory = numberText(machine.memoryGigabytes, digits: 1)
        let count = self.runs == 1 ? "one run" : "\(self.runs) runs, medians; ranges are the least and the greatest"
        let head = """
            # Benchmarks

            Written by `\(self.command)`; edits are lost. What floors and peers are, how each is set up and what a \
            figure counts: [Benchmarks/README.md](../Benchmarks/README.md).

            | | |
            |---|---|
            | when | \(self.startedAt) |
            | machine | \(machine.cores) cores, \(machine.processor), \(memory) GiB, Linux \(machine.kernel) |
            | versions | \(self.versions.map { "\($0.name) \($0.version)" }.joined(separator: " · ")) |
            | servers | \(BenchServers.settings) |
            | runs | \(count); the programs of a table take turns within each |
            | load average | \(self.loadBefore) before, \(self.loadAfter) after |

            “Ours is” divides our median by the row's, of the first figure: above 1 is faster for a rate, slower for a \
            time. A target is judged on medians of this run.

            """
        return ([head] + self.workloads.map { MarkdownTable(runs: $0).text }).joined(separator: "\n")
    }

    /// What `.build/bench/results.json` holds.
    var document: Document {
        Document(
            command: self.command, startedAt: self.startedAt, machine: self.machine,
            versions: Dictionary(self.versions.map { ($0.name, $0.version) }) { first, _ in first },
            loadBefore: self.loadBefore, loadAfter: self.loadAfter,
            workloads: self.workloads.map { runs in
                Document.Table(
                    name: runs.workload.name, title: runs.workload.title, programs: runs.subjects,
                    targets: runs.verdicts)
            })
    }

    struct Document: Codable {
        struct Table: Codable {
            let name: String
            let title: String
            let programs: [SubjectRuns]
            let targets: [Verdict]
        }

        let command: String
        let startedAt: String
        let machine: MachineDescription
        let versions: [String: String]
        let loadBefore: String
        let loadAfter: String
        let workloads: [Table]

        enum CodingKeys: String, CodingKey {
            case command, machine, versions, workloads
            case startedAt = "started_at"
            case loadBefore = "load_before"
            case loadAfter = "load_after"
        }
    }
}
