// Watches a fleet run and shows how far it is on standard error: one line that moves on a terminal, else a line for
// each family that is done.

import JobModel
import Tenancy

struct FleetProgress {
    let tenancy: Tenancy
    let output: Output

    /// How often it looks. A look reads a row a family.
    private static let interval: Duration = .milliseconds(250)

    /// - Returns: How the run stands when every family is done, or when the time is over.
    func watch(_ run: UUIDBytes, atMost limit: Duration) async throws -> FleetRunStatus {
        let isTerminal = StandardStream.error.isTerminal
        let deadline = ContinuousClock.now + limit
        var told: Set<FamilyID> = []
        while true {
            let status = try await self.tenancy.fleetRunStatus(run)
            let line = ProgressLine(status)
            if isTerminal {
                // Carriage return, and clear to the end of the line.
                try StandardStream.error.write("\r\u{1B}[K\(line.text())")
            } else if !self.output.json {
                try self.tellEnded(status, told: &told)
            }
            if status.isOver || ContinuousClock.now >= deadline {
                if isTerminal { try StandardStream.error.write("\n") }
                return status
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private func tellEnded(_ status: FleetRunStatus, told: inout Set<FamilyID>) throws {
        for family in status.families where family.state == .succeeded || family.state == .failed {
            guard told.insert(family.family).inserted else { continue }
            let count = "\(told.count) of \(status.families.count)"
            let why = family.note.map { ": \($0)" } ?? ""
            try StandardStream.error.write(
                Printable.line("\(count)  \(family.slug)  \(family.state.rawValue)\(why)") + "\n")
        }
    }
}

extension ProgressLine {
    init(_ status: FleetRunStatus) {
        self.init(
            done: status.count(.succeeded), failed: status.count(.failed), deferred: status.count(.deferred),
            total: status.families.count)
    }
}
