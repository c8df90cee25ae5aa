// The main job under `kill -9`: what provisioning makes is in no transaction, so a half-made family must be met again
// and finished, and nothing of it be left over.

import Glibc
import JobModel
import JobQueue
import Postgres
import Processes
import TestSupport
import Testing

@Suite("The provisioning drill")
struct ProvisioningDrillTests {
    @Test("kill -9 of a worker during ten sign-ups: ten databases, ten roles, no orphan, no failure")
    func killedWhileProvisioning() async throws {
        let directory = DevProcess.newDirectory()
        defer { DevProcess.remove(directory) }
        let stack = try await DevProcess.start(in: directory, workers: 2)
        try await stack.withLedger { ledger in
            let database = ledger.database
            try await database.query(
                """
                SELECT s.job_id FROM generate_series(1, 10) AS n,
                    sign_up_family('drill-' || n, 'Drill ' || n, 'drill' || n || '@example.com') AS s
                """)
            try await eventually("a worker makes databases") {
                let running = try await ledger.jobs(JobFilter(state: .running, kind: "family.provision"))
                let sessions = try await ledger.sessions()
                guard let session = sessions.first(where: { $0.id == running.first?.sessionID }) else { return false }
                kill(Int32(session.pid), SIGKILL)
                return true
            }
            try await eventually("all are on trial", within: .seconds(120)) {
                try await Self.count(database, "SELECT count(*) FROM families WHERE status = 'trial'") == 10
            }
            try await eventually("all jobs are settled") {
                try await ledger.jobs(JobFilter(state: .succeeded, kind: "family.provision")).count == 10
            }
            let jobs = try await ledger.jobs(JobFilter(kind: "family.provision"))
            #expect(jobs.count == 10)
            #expect(jobs.allSatisfy { $0.failures == 0 })
            #expect(jobs.contains { $0.crashes == 1 }, "the kill has hit")
            for (made, routed) in [
                ("SELECT datname FROM pg_database WHERE datname LIKE 'family\\_%'", "SELECT db_name FROM families"),
                ("SELECT rolname FROM pg_roles WHERE rolname LIKE 'family\\_%'", "SELECT db_user FROM families"),
            ] {
                let found = try await Self.texts(database, made)
                #expect(found.count == 10)
                #expect(found == (try await Self.texts(database, routed)))
            }
        }
        #expect(await stack.child.stop(signal: .interrupt, grace: .seconds(60)) == .exited(0))
    }

    private static func count(_ database: PostgresDatabase, _ sql: String) async throws -> Int {
        try await database.query(sql)[0].int(at: 0)
    }

    private static func texts(_ database: PostgresDatabase, _ sql: String) async throws -> Set<String> {
        Set(try await database.query(sql).map { try $0.string(at: 0) })
    }
}
