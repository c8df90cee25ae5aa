// Step 3: somebody adds a migration, deploys workers that know it, and sends it over the fleet.

internal import JobModel
internal import JobQueue
internal import Processes
internal import Tenancy

struct MigrationStep: Sendable {
    let stage: DemoStage

    private static let name = "add_praise_to_chores"
    private static let up = """
        -- What was said about a chore that was done well. (Added by chorewheel demo.)
        ALTER TABLE chores ADD COLUMN praise text CHECK (length(praise) BETWEEN 1 AND 200);

        """
    private static let down = """
        -- Takes the praise away with its column.
        ALTER TABLE chores DROP COLUMN praise;

        """

    /// - Returns: The version that all families are at afterwards.
    func run(_ report: inout DemoReport) async throws -> Int {
        let start = ContinuousClock.now
        let version = try self.addFiles()
        try await self.deploy()
        let deployed = ContinuousClock.now
        self.stage.screen.line("  the workers were replaced, the old ones drained: \((deployed - start).shown)")

        let tenancy = try self.stage.tenancy()
        let run = try await tenancy.startFleetRun(startedBy: "chorewheel demo")
        try await poll("the fleet run is over", within: .seconds(90)) {
            let status = try await tenancy.fleetRunStatus(run.id)
            let (done, failed) = (status.count(.succeeded), status.count(.failed))
            var text = progressBar(done, of: status.families.count) + " families at version \(version)"
            if failed > 0 { text += ", \(failed) failed" }
            if status.count(.deferred) > 0 { text += ", \(status.count(.deferred)) deferred" }
            self.stage.screen.live(text)
            if let entry = status.families.first(where: { $0.state == .failed }) {
                throw DemoFailure("\(entry.slug) was not migrated: \(entry.note ?? "no reason is known")")
            }
            return status.isOver
        }
        self.stage.screen.keepLive()
        let figures = try await self.stage.ledger.figures(of: ["family.migrate"])
        report.steps.append(
            DemoReport.Step(
                "fleet migration", items: run.families, unit: "families", total: ContinuousClock.now - deployed,
                jobs: figures))
        return version
    }

    /// - Returns: The new version.
    private func addFiles() throws -> Int {
        let directory = "\(self.stage.directory.migrations)/family"
        let version = try MigrationSet(directory: directory).latestVersion + 1
        let number = String(version)
        let prefix = String(repeating: "0", count: max(0, 4 - number.count)) + number
        for (direction, text) in [("up", Self.up), ("down", Self.down)] {
            let file = "\(prefix)_\(Self.name).\(direction).sql"
            try FileSystem.write(text, to: "\(directory)/\(file)", mode: 0o644)
            self.stage.screen.line("  wrote \(file)")
        }
        return version
    }

    private func deploy() async throws {
        let former = Set(try await self.stage.liveWorkers().map(\.id))
        try await self.stage.rememberProcesses()
        try await self.stage.stack.deployWorkers()
        try await self.stage.waitForWorkers(besides: former)
    }
}
