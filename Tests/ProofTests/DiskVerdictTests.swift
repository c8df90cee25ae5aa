// The verdict of `make disk-full`, on effects that are made up.

import JobModel
import JobQueue
import Testing

@testable import chorewheel_proof

@Suite("The verdict over full disks")
struct DiskVerdictTests {
    private static let jobs = (0..<3).map { _ in JobID.mint() }

    @Test("an acknowledged job without an effect is lost, one with two is doubled")
    func verdicts() throws {
        let acknowledged = Set(Self.jobs.prefix(2))
        func fault(_ effects: [JobID]) -> String? { DiskLoad.fault(of: effects, acknowledged: acknowledged) }
        #expect(fault(Array(Self.jobs.prefix(2))) == nil)
        // Whose answer was lost may be done, once.
        #expect(fault(Self.jobs) == nil)
        #expect(try #require(fault([Self.jobs[0], Self.jobs[2]])).hasPrefix("LOST: 1 of 2"))
        #expect(try #require(fault([])).hasPrefix("LOST: 2 of 2"))
        #expect(try #require(fault(Self.jobs + [Self.jobs[2]])).hasPrefix("DOUBLED: 1"))
    }
}
