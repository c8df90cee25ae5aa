// Dead fast jobs over HTTP: listed, retried, discarded; and what is said of those that are not there.

import ControlPlane
import Hummingbird
import JobModel
import JobQueue
import Testing

@Suite struct DeadFastJobsTests {
    @Test func `Dead fast jobs are listed page by page, run again, or thrown away`() async throws {
        try await withAPI { api in
            let ids = try await api.makeDeadFastJobs(3).map(\.description)
            let page = try await api.send(.get, "/v1/queues/default/dead?limit=2")
            #expect(page.status == 200)
            guard case .array(let jobs)? = page["jobs"] else { throw TestFailure("no jobs: \(page.text)") }
            #expect(page["offset"] == .number(2))
            let next = try await api.send(.get, "/v1/queues/default/dead?offset=2")
            guard case .array(let rest)? = next["jobs"] else { throw TestFailure("no jobs: \(next.text)") }
            #expect(next["offset"] == nil)
            #expect(Set((jobs + rest).map { $0["id"]?.string }) == Set(ids))
            #expect(jobs[0]["kind"]?.string == "test.fast")
            #expect(jobs[0]["reason"]?.string == "discarded")
            #expect(jobs[0]["error"]?["message"]?.string == "it broke")
            #expect(jobs[0]["payload"]?["number"] != nil)
            guard case .string(let died)? = jobs[0]["died_at"] else { throw TestFailure("no time: \(page.text)") }
            #expect(died.hasPrefix("20") && died.hasSuffix("Z"))

            let retry = try await api.send(.post, "/v1/queues/default/dead/\(ids[0])/retry")
            #expect(retry.status == 204)
            #expect(retry.text.isEmpty)
            #expect(try await api.send(.delete, "/v1/queues/default/dead/\(ids[1])").status == 204)
            // Sent again, or for what never died: there is no such dead job.
            let waiting = try await api.stores.jobs.enqueue(try Self.request(7), durability: .fast).id
            for (method, id) in [("retry", ids[0]), ("", ids[1]), ("", waiting.description)] {
                let answer =
                    method.isEmpty
                    ? try await api.send(.delete, "/v1/queues/default/dead/\(id)")
                    : try await api.send(.post, "/v1/queues/default/dead/\(id)/\(method)")
                #expect(answer.status == 404)
                #expect(answer.problem == "not-found")
                #expect(answer["detail"]?.string?.contains("no dead fast job \(id)") == true, "\(answer.text)")
            }
            let audit = try await api.stores.jobs.index.audit(.default)
            #expect(audit.fastDead == 1)
            #expect(audit.fastWaiting == 2)
            #expect(audit.faults == [])
        }
    }

    @Test func `An unknown queue is a 404 that names the known ones, a broken rule a 422`() async throws {
        try await withAPI { api in
            try await api.stores.jobs.ledger.register(queues: ["slow"])
            let id = JobID.mint()
            for answer in [
                try await api.send(.get, "/v1/queues/slwo/dead"),
                try await api.send(.post, "/v1/queues/slwo/dead/\(id)/retry"),
                try await api.send(.delete, "/v1/queues/slwo/dead/\(id)"),
            ] {
                #expect(answer.status == 404)
                #expect(answer["detail"]?.string?.contains("known: slow") == true, "\(answer.text)")
            }
            #expect(try await api.send(.get, "/v1/queues/slow/dead")["jobs"] == .array([]))
            #expect(try await api.send(.get, "/v1/queues/Not!/dead").fields == ["queue"])
            #expect(try await api.send(.delete, "/v1/queues/slow/dead/17").fields == ["id"])
            let query = try await api.send(.get, "/v1/queues/slow/dead?limit=101&offset=-1&page=2")
            #expect(query.status == 422)
            #expect(Set(query.fields) == ["limit", "offset", "page"])
            #expect(try await api.send(.get, "/v1/queues/slow/dead", token: nil).status == 401)
        }
    }

    fileprivate static func request(_ number: Int) throws -> JobRequest {
        try JobRequest(kind: "test.fast", target: .platform, payload: Array(#"{"number":\#(number)}"#.utf8))
    }
}

extension APIStack {
    /// Makes fast jobs that died in the default queue, as a worker leaves them.
    fileprivate func makeDeadFastJobs(_ count: Int) async throws -> [JobID] {
        let (client, index) = (self.stores.jobs, self.stores.jobs.index)
        try await client.open([.default])
        let session = SessionID.mint()
        var ids: [JobID] = []
        for number in 0..<count {
            ids.append(try await client.enqueue(try DeadFastJobsTests.request(number), durability: .fast).id)
            for entry in try await index.claim(upTo: 1, from: .default, session: session, settled: []).entries().fast {
                let error = AttemptError(type: "Oops", message: "it broke")
                _ = try await index.settle([.dead(entry, .discarded, error)], of: .default, session: session)
            }
        }
        return ids
    }
}
