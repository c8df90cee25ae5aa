// What a session still has to tell Redis at its end.

import JobModel
import JobQueue
import Testing

@testable import WorkerRuntime

@Suite("Acknowledgements")
struct AcknowledgementsTests {
    @Test("what was given back is not among what is done, so that it returns to its lane with the session")
    func givenBack() {
        let acknowledgements = Acknowledgements()
        let (done, givenBack) = (JobID.mint(), JobID.mint())
        acknowledgements.add([Self.item(done, .succeeded), Self.item(givenBack, .giveBack)])
        #expect(acknowledgements.ids(of: .default) == [done, givenBack])
        #expect(acknowledgements.takeDone(.default) == [done])
        #expect(acknowledgements.ids(of: .default) == [])
    }

    private static func item(_ job: JobID, _ settlement: Settlement) -> Settler.Item {
        Settler.Item(
            attempt: SettledAttempt(id: job, epoch: 1, settlement: settlement), kind: "test.act", queue: .default)
    }
}
