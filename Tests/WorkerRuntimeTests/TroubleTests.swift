// What an error of a database means for the job that met it.

import JobModel
import Postgres
import Testing
import WorkerKit

@Suite("Trouble")
struct TroubleTests {
    @Test(
        "a database that is away, or has no room on its disk, costs no attempt",
        arguments: ["53100", "57P01", "57P02", "57P03"] as [SQLState])
    func down(state: SQLState) {
        #expect(trouble(of: PostgresError(.server, "could not", sqlState: state)) == .notReady(.databaseDown))
    }

    @Test("what the data, or the moment, is to blame for is not the database's absence")
    func others() {
        #expect(trouble(of: PostgresError(.server, "too long", sqlState: "22001")) == .permanent)
        #expect(trouble(of: PostgresError(.server, "deadlock", sqlState: "40P01")) == .transient())
    }
}
