// `chorewheel migrate families`: one job a family, done by the workers; with --wait it is watched to its end.

import ArgumentParser
import JobQueue
import Tenancy

struct MigrateFamiliesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "families", abstract: "Migrate every family's database that is behind, a job each.",
        discussion: """
            The workers do it; they need the migration files, too. A family whose tables are locked is deferred and \
            tried again. Without --wait the command ends when the jobs are enqueued.

            Exit code 75: some families failed, or the time of --timeout was over. `chorewheel jobs retry` retries a \
            family's job; the same command again starts a run over those that are still behind.
            """)

    @Flag(help: "Only show which families are behind.")
    var plan = false

    @Flag(help: "Wait until every family is done, and show the progress and each result.")
    var wait = false

    @Option(help: ArgumentHelp("To this version. Default: the last there is.", valueName: "version"))
    var to: Int?

    @Option(help: ArgumentHelp("With --wait: how long.", valueName: "seconds"))
    var timeout = 3600

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if self.plan, self.wait { throw ValidationError("--plan and --wait exclude each other.") }
        guard (1...604_800).contains(self.timeout) else { throw ValidationError("--timeout must be 1 to 604800.") }
    }

    func run() async throws {
        try await self.common.withStores { context in
            let tenancy = try context.tenancy(try context.migrations())
            if self.plan {
                var plan = FleetPlan(targetVersion: try self.target(tenancy))
                try await context.families.forEachPage { page in
                    for family in page { plan.append(family) }
                }
                return try context.output.show(plan, asText: plan.text)
            }
            let run = try await tenancy.startFleetRun(to: self.to, startedBy: "command")
            guard self.wait else {
                return try context.output.show(
                    run, asText: "fleet run \(run.id): \(run.families) families to version \(run.targetVersion)\n")
            }
            try await self.warnWithoutWorkers(run, context)
            let status = try await FleetProgress(tenancy: tenancy, output: context.output)
                .watch(run.id, atMost: .seconds(self.timeout))
            try context.output.show(status, asText: status.text)
            if !status.isOver {
                let open = status.count(.pending) + status.count(.deferred)
                throw CommandFailure(
                    .temporary, "\(open) of \(status.families.count) families were not done within \(self.timeout) s")
            }
            let failed = status.count(.failed)
            if failed > 0 {
                throw CommandFailure(.temporary, "\(failed) of \(status.families.count) families failed")
            }
        }
    }

    /// - Throws: `CommandFailure(.data)`, as a run would.
    private func target(_ tenancy: Tenancy) throws -> Int {
        let latest = tenancy.migrations.latestVersion
        let target = self.to ?? latest
        guard (1...max(1, latest)).contains(target) else {
            throw CommandFailure(.data, field: "to_version", "must be 1 to \(latest)")
        }
        return target
    }

    private func warnWithoutWorkers(_ run: FleetRun, _ context: CommandContext) async throws {
        guard run.families > 0, try await !context.client.ledger.sessions().contains(where: { $0.endReason == nil })
        else { return }
        try context.output.note("no worker is alive: nothing happens until one is started (chorewheel work)")
    }
}

extension FleetRunStatus {
    var text: String {
        guard !self.families.isEmpty else { return "nothing to do: no family was behind\n" }
        var table = TextTable("FAMILY", "STATE", .number("FROM"), .number("TO"), "NOTE")
        for family in self.families {
            table.append([
                family.slug, family.state.rawValue, family.fromVersion.map { "\($0)" },
                family.toVersion.map { "\($0)" }, family.note,
            ])
        }
        return table.text + "\(self.count(.succeeded)) succeeded, \(self.count(.failed)) failed, "
            + "\(self.count(.deferred)) deferred, \(self.count(.pending)) pending\n"
    }
}
