// What the doctor makes of facts: pure, without servers.

import JobQueue
import Tenancy
import Testing

@testable import Doctor
@testable import chorewheel

@Suite struct DoctorTests {
    private let healthy = PostgresFacts(
        version: 150_004, versionName: "15.4", fsync: "on", synchronousCommit: "on", fullPageWrites: "on",
        connectionsMax: 97, connections: 3, isStandby: false,
        access: PlatformAccess(database: "chorewheel", role: "chorewheel", isOpenToPublic: false),
        createsDatabases: true, createsRoles: true)

    private func postgres(_ change: (inout PostgresFacts) -> Void) -> [Finding] {
        var facts = self.healthy
        change(&facts)
        return facts.findings(poolMax: 64)
    }

    @Test func `a healthy PostgreSQL has nothing but good findings`() {
        #expect(self.postgres { _ in }.allSatisfy { $0.level == .ok })
    }

    @Test func `an old, volatile or read-only PostgreSQL fails`() {
        #expect(self.postgres { $0.version = 140_009 }.contains { $0.level == .fail && $0.what.contains("too old") })
        #expect(self.postgres { $0.fsync = "off" }.contains { $0.level == .fail && $0.what.contains("fsync is off") })
        #expect(self.postgres { $0.fullPageWrites = "off" }.contains { $0.level == .fail })
        #expect(self.postgres { $0.isStandby = true }.contains { $0.level == .fail && $0.what.contains("standby") })
    }

    @Test func `too few connections, lost commits and missing rights are warnings`() {
        for findings in [
            self.postgres { $0.connectionsMax = 20 }, self.postgres { $0.connections = 90 },
            self.postgres { $0.synchronousCommit = "off" }, self.postgres { $0.createsRoles = false },
            self.postgres { $0.access = PlatformAccess(database: "x", role: "y", isOpenToPublic: true) },
        ] {
            #expect(findings.contains { $0.level == .warn && $0.remedy != nil })
            #expect(!findings.contains { $0.level == .fail })
        }
    }

    private static let info = """
        # Server\r
        redis_version:7.0.15\r
        # Memory\r
        used_memory:1048576\r
        maxmemory:0\r
        maxmemory_policy:noeviction\r
        # Persistence\r
        aof_enabled:1\r
        aof_last_write_status:ok\r
        rdb_last_bgsave_status:ok\r
        # Replication\r
        role:master\r
        """

    private func redis(_ name: String, _ value: String) -> [Finding] {
        // The last line of a name wins.
        RedisFacts(info: Self.info + "\n\(name):\(value)\r\n").findings
    }

    @Test func `a healthy Redis has nothing but good findings`() {
        let findings = RedisFacts(info: Self.info).findings
        #expect(findings.count == 3)
        #expect(findings.allSatisfy { $0.level == .ok })
    }

    @Test(arguments: [
        ("redis_version", "6.2.1"), ("maxmemory_policy", "allkeys-lru"), ("role", "slave"),
        ("aof_last_write_status", "err"),
    ])
    func `a Redis that would lose or refuse jobs fails`(name: String, value: String) {
        #expect(self.redis(name, value).contains { $0.level == .fail && $0.remedy != nil })
    }

    @Test func `a Redis without an append-only file is a warning, as is a full one`() {
        #expect(self.redis("aof_enabled", "0").contains { $0.level == .warn })
        #expect(self.redis("maxmemory", "1100000").contains { $0.level == .warn })
    }

    @Test func `answers of nothing at all are failures, not successes`() {
        #expect(RedisFacts(info: "").findings.contains { $0.level == .fail })
    }

    @Test func `a fast lane that its ring lost is put back by a person, a durable one by a worker`() {
        func lane(isDurable: Bool) -> IndexDamage {
            IndexDamage(
                key: "{n:q}:f:1:", fault: .unlistedLane(ring: "{n:q}:ring:1", member: "f", isDurable: isDurable))
        }
        #expect(lane(isDurable: false).what.contains("does not list it"))
        #expect(lane(isDurable: false).remedy.hasPrefix("RPUSH \"{n:q}:ring:1\" \"f\""))
        #expect(!lane(isDurable: true).remedy.contains("RPUSH"))
    }

    @Test func `a clock is wrong only beyond what the measurement can tell`() {
        #expect(clockFinding("X", ClockSkew(before: 1000, there: 1010, after: 1020)).level == .ok)
        #expect(ClockSkew(before: 1000, there: 1010, after: 1020).milliseconds == 0)
        #expect(clockFinding("X", ClockSkew(before: 0, there: 3000, after: 10)).level == .warn)
        #expect(clockFinding("X", ClockSkew(before: 0, there: -3000, after: 10)).what.contains("behind"))
        #expect(clockFinding("X", ClockSkew(before: 0, there: 3000, after: 4000)).level == .ok)
    }

    @Test func `a family's database must be there, whole, and closed to PUBLIC`() {
        let there = [
            DatabaseFacts(name: "family_a", allowsConnections: true, connectionLimit: -1, isOpenToPublic: false),
            DatabaseFacts(name: "family_b", allowsConnections: true, connectionLimit: -1, isOpenToPublic: true),
            DatabaseFacts(name: "family_c", allowsConnections: true, connectionLimit: -2, isOpenToPublic: false),
            DatabaseFacts(name: "family_d", allowsConnections: false, connectionLimit: -1, isOpenToPublic: false),
            DatabaseFacts(name: "family_new", allowsConnections: true, connectionLimit: -1, isOpenToPublic: true),
        ]
        let whole = databaseFindings(server: "s", expected: ["family_a"], there: [there[0], there[4]])
        #expect(whole.map(\.level) == [.ok])
        let expected = ["family_a", "family_b", "family_c", "family_d", "family_gone"]
        let broken = databaseFindings(server: "s", expected: expected, there: there)
        #expect(broken.count == 4)
        #expect(broken.allSatisfy { $0.level == .fail && $0.remedy != nil })
        for name in expected.dropFirst() { #expect(broken.contains { $0.what.contains(name) }) }
    }

    @Test func `a diagnosis fails with the code of its first failure, and passes with warnings`() {
        var diagnosis = Diagnosis(findings: [.ok("a", "fine"), .warn("b", "so so", remedy: "look")])
        #expect(diagnosis.status == .warn)
        #expect(diagnosis.failure == nil)
        diagnosis.findings.append(.fail("c", "away", remedy: "start it", cause: .unreachable))
        diagnosis.findings.append(.fail("d", "broken", remedy: "mend it"))
        #expect(diagnosis.status == .fail)
        #expect(diagnosis.commandFailure?.exit == .unavailable)
        #expect(diagnosis.text(colored: false).contains("fail  c  away\n"))
        #expect(!diagnosis.text(colored: false).contains("\u{1B}"))
    }

    @Test func `nobody at work is a warning, a silent session too`() throws {
        #expect(workerFindings([]).map(\.level) == [.warn])
        let alive = try Self.session(beatAge: 200)
        let silent = try Self.session(beatAge: 60_000)
        #expect(workerFindings([alive]).map(\.level) == [.ok])
        #expect(workerFindings([alive, silent]).map(\.level) == [.ok, .warn])
        #expect(workerFindings([silent]).map(\.level) == [.warn])
        let quiet = try Self.session(beatAge: 200, isQuiet: true)
        #expect(workerFindings([quiet]).map(\.level) == [.ok, .warn])
        #expect(workerFindings([quiet, alive]).map(\.level) == [.ok])
    }

    private static func session(beatAge: Int, isQuiet: Bool = false) throws -> SessionRecord {
        let json = """
            {"id": "01900000-0000-7000-8000-000000000000", "number": 1, "host": "h", "pid": 1, "version": "1",
             "queues": [], "kinds": [], "concurrency": 1, "is_quiet": \(isQuiet), "running": 0,
             "beat_age_ms": \(beatAge)}
            """
        return try JSONText.decode(SessionRecord.self, from: Array(json.utf8))
    }
}

@Suite struct FleetTests {
    private static func family(_ slug: String, status: String, version: Int?) throws -> Family {
        let json = """
            {"id": "01900000-0000-7000-8000-000000000000", "slug": "\(slug)", "name": "F", "status": "\(status)",
             "plan": "free", "member_count": 0, "storage_used_mb": 0, "created_at": "2025-01-01T00:00:00.000Z"
             \(version.map { ", \"schema_version\": \($0)" } ?? "")}
            """
        return try JSONText.decode(Family.self, from: Array(json.utf8))
    }

    @Test func `a plan has the families that are behind, and counts the others`() throws {
        var plan = FleetPlan(targetVersion: 5)
        plan.append(try Self.family("behind", status: "trial", version: 4))
        plan.append(try Self.family("current", status: "active", version: 5))
        plan.append(try Self.family("ahead", status: "active", version: 6))
        plan.append(try Self.family("new", status: "provisioning", version: nil))
        #expect(plan.families.map(\.slug) == ["behind"])
        #expect(plan.current == 2)
        #expect(plan.provisioning == 1)
    }

    @Test func `versions are counted, newest first`() throws {
        var versions = FleetVersions(latest: 5)
        for (slug, version) in [("a", 4), ("b", 5), ("c", 5)] {
            versions.append(try Self.family(slug, status: "active", version: version))
        }
        #expect(versions.versions == [.init(version: 5, families: 2), .init(version: 4, families: 1)])
        #expect(versions.behind == 1)
        #expect(fleetFinding(versions).level == .warn)
    }
}
