// What workers decide about the room that servers have for their connections.

import JobQueue
import Logging
import Testing

@testable import WorkerRuntime

@Suite("Connection plans")
struct ConnectionPlanTests {
    private static func plan(
        processes: Int = 1, isSupervised: Bool = true, concurrency: Int = 32, told: Int? = nil
    ) -> ConnectionPlan {
        ConnectionPlan(processes: processes, isSupervised: isSupervised, concurrency: concurrency, told: told)
    }

    private static func room(_ holds: Int, used: Int = 0, isDirect: Bool = true) -> ConnectionRoom {
        ConnectionRoom(limits: [.init(scope: .server, holds: holds, used: used)], isDirect: isDirect)
    }

    @Test("where there is room, nothing is said and nothing changes")
    func plenty() {
        let verdict = Self.plan(processes: 4).verdict(Self.room(997))
        #expect(verdict == .init(connections: ConnectionPlan.usual))
    }

    @Test("a fresh PostgreSQL's hundred are shared: a quarter stays with others")
    func shared() throws {
        let plan = Self.plan(processes: 4)
        let verdict = plan.verdict(Self.room(97))
        #expect(verdict.refusal == nil)
        #expect(plan.need(verdict.connections, under: .server) <= 73)
        #expect(plan.need(verdict.connections + 1, under: .server) > 73)
        #expect(verdict.remarks.map(\.level) == [.notice, .notice])
        #expect(verdict.remarks[0].figures["connections"] == verdict.connections)
    }

    @Test("what was asked for by name is refused to the connection, and never lowered")
    func told() throws {
        let plan = Self.plan(processes: 4, told: 30)
        // 4 × (30 + 4) + 1 + 10.
        #expect(plan.need(30, under: .server) == 147)
        #expect(plan.verdict(Self.room(147)).refusal == nil)
        let verdict = plan.verdict(Self.room(146, used: 9))
        let refusal = try #require(verdict.refusal)
        #expect(refusal.field == "chorewheel.connections")
        for figure in ["147", "146", "others have 9", "to 29 or fewer", "at most 3", "max_connections"] {
            #expect(refusal.rule.contains(figure), "\(figure) is in: \(refusal.rule)")
        }
        #expect(plan.verdict(Self.room(147)).connections == 30)
    }

    @Test("so many processes that not even the least fits are refused")
    func processes() throws {
        let refusal = try #require(Self.plan(processes: 30).verdict(Self.room(97)).refusal)
        #expect(refusal.field == "processes")
        #expect(refusal.rule.contains("at most 14"))
        #expect(Self.plan(processes: 14).verdict(Self.room(97)).refusal == nil)
        #expect(Self.plan(processes: 15).verdict(Self.room(97)).refusal != nil)
    }

    @Test("what would fit an empty server, and not this one now, is warned of")
    func busy() throws {
        let plan = Self.plan(isSupervised: false, told: 30)
        #expect(plan.verdict(Self.room(97, used: 62)).remarks == [])
        let remark = try #require(plan.verdict(Self.room(97, used: 63)).remarks.first)
        #expect(remark.level == .warning)
        #expect(remark.figures["may_open"] == 35)
        #expect(remark.figures["free"] == 34)
    }

    @Test("a role's or a database's limit counts the platform's connections alone", arguments: [11, 100])
    func otherLimits(holds: Int) throws {
        let plan = Self.plan(isSupervised: false)
        let limits: [ConnectionRoom.Limit] = [
            .init(scope: .server, holds: 997, used: 0), .init(scope: .role("tier"), holds: holds, used: 0),
        ]
        let verdict = plan.verdict(ConnectionRoom(limits: limits, isDirect: true))
        #expect(verdict.refusal == nil)
        // 11 − 11 / 4 − 1 − 4; and 64 with 8 to the platform's database fit in 100.
        #expect(verdict.connections == (holds == 11 ? 4 : 64))
        let told = Self.plan(isSupervised: false, told: 64)
        let refused = told.verdict(
            ConnectionRoom(limits: [.init(scope: .role("tier"), holds: 11, used: 0)], isDirect: true))
        #expect(try #require(refused.refusal).rule.contains("CONNECTION LIMIT of role tier"))
    }

    @Test("behind a pooler nothing is refused, nor made to fit")
    func pooler() {
        let verdict = Self.plan(processes: 4).verdict(Self.room(97, isDirect: false))
        #expect(verdict.refusal == nil)
        #expect(verdict.connections == ConnectionPlan.usual)
        #expect(verdict.remarks.map(\.level) == [.warning])
    }

    @Test("many more handlers than connections are pointed out")
    func concurrency() {
        let plan = Self.plan(isSupervised: false, concurrency: 129)
        #expect(plan.verdict(Self.room(997)).remarks.map(\.level) == [.notice])
        #expect(Self.plan(isSupervised: false, concurrency: 128).verdict(Self.room(997)).remarks == [])
    }

    @Test("Redis' clients are counted likewise")
    func redis() {
        let plan = Self.plan(processes: 4)
        #expect(plan.verdict(ConnectionPlan.RedisRoom(holds: 10, used: 0)).refusal?.field == "processes")
        let tight = plan.verdict(ConnectionPlan.RedisRoom(holds: 12, used: 2))
        #expect(tight.refusal == nil)
        #expect(tight.remark?.figures["free"] == 10)
        let wide = plan.verdict(ConnectionPlan.RedisRoom(holds: 10_000, used: 2))
        #expect(wide.refusal == nil && wide.remark == nil)
    }
}
