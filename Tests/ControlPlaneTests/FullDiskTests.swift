// What a caller of the API is told when a server has no room. `chorewheel-proof disk-full` shows when servers say so.

import Postgres
import Redis
import Testing

@testable import ControlPlane

@Suite struct FullDiskTests {
    @Test(arguments: [
        ("OOM command not allowed when used memory > 'maxmemory'.", "memory is full"),
        ("MISCONF Errors writing to the AOF file: No space left on device", "cannot write to its disk"),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "chorewheel doctor names it"),
    ])
    func `a Redis without room, or with damage, is a 503 that says so`(reply: String, words: String) throws {
        let problem = Problem(RedisError(RedisServerError(message: reply)))
        #expect(problem.kind == .unavailable)
        #expect(problem.detail?.contains(words) == true)
    }

    @Test func `a PostgreSQL without room is a 503 that says so`() throws {
        let problem = Problem(PostgresError(.server, "could not extend file", sqlState: .diskFull))
        #expect(problem.kind == .unavailable)
        #expect(problem.detail?.contains("disk is full") == true)
    }
}
