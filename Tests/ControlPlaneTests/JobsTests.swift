// Jobs over HTTP: enqueue, batch, show, list, retry, cancel.

import ControlPlane
import Hummingbird
import JobModel
import JobQueue
import Postgres
import Testing

@Suite struct JobsTests {
    static let schema = #"{"type":"object","properties":{"seconds":{"type":"integer"}},"required":["seconds"]}"#

    @Test func `A job is enqueued with all that was asked for`() async throws {
        try await withAPI { api in
            try await api.register("test.echo")
            try await api.stores.jobs.open(["slow"])
            let id = JobID.mint().description
            let answer = try await api.send(
                .post, "/v1/jobs",
                #"""
                {"kind":"test.echo","payload":{"n":9007199254740993,"x":1.10},"queue":"slow","priority":"high",
                 "delay_seconds":3600,"max_attempts":3,"id":"\#(id)"}
                """#)
            #expect(answer.status == 201)
            #expect(answer["id"]?.string == id)
            #expect(answer["href"]?.string == "/v1/jobs/\(id)")
            #expect(answer.header("Location") == "/v1/jobs/\(id)")
            #expect(answer["replayed"] == .bool(false))
            // What was sent is what is stored: no number went through a double.
            let row = try #require(
                try await api.database.query("SELECT payload::text AS payload, state, priority, max_attempts FROM jobs")
                    .first)
            #expect(try row.string("payload") == #"{"n": 9007199254740993, "x": 1.10}"#)
            #expect(try row.string("state") == "scheduled")
            #expect(try row.int("priority") == 0)
            #expect(try row.int("max_attempts") == 3)
            let shown = try await api.send(.get, "/v1/jobs/\(id)")
            #expect(shown["queue"]?.string == "slow")
            #expect(shown["state"]?.string == "scheduled")
            #expect(shown["due_at"]?.string != nil)
        }
    }

    @Test func `The same key and payload is a replay, another payload a conflict naming the first job`() async throws {
        try await withAPI { api in
            try await api.register("test.echo")
            let key: [String: String] = ["Idempotency-Key": "once"]
            let first = try await api.send(
                .post, "/v1/jobs", #"{"kind":"test.echo","payload":{"a":1}}"#, headers: key)
            let again = try await api.send(
                .post, "/v1/jobs", #"{"kind":"test.echo","payload":{ "a" : 1 }}"#, headers: key)
            let other = try await api.send(
                .post, "/v1/jobs", #"{"kind":"test.echo","payload":{"a":2}}"#, headers: key)
            #expect(first.status == 201)
            #expect(again.status == 200)
            #expect(again["id"] == first["id"])
            #expect(again["replayed"] == .bool(true))
            #expect(other.status == 422)
            #expect(other.problem == "idempotency-conflict")
            #expect(other["existing"]?["id"] == first["id"])
            #expect(other["existing"]?["href"] == first["href"])
            #expect(try await api.count("jobs") == 1)
        }
    }

    @Test(arguments: [
        (#"{"kind":"test.nobody"}"#, ["kind"]),
        (#"{"kind":"Not A Kind"}"#, ["kind"]),
        (#"{"payload":{}}"#, ["kind"]),
        (#"{"kind":"test.sleep","payload":{}}"#, ["payload.seconds"]),
        (#"{"kind":"test.sleep","payload":{"seconds":"1"}}"#, ["payload.seconds"]),
        (#"{"kind":"test.sleep","payload":[1]}"#, ["payload"]),
        (#"{"kind":"test.sleep","payload":{"seconds":1},"family":"nobody"}"#, ["family"]),
        (#"{"kind":"test.family","payload":{}}"#, ["family"]),
        (#"{"kind":"test.sleep","priority":"urgent","maxattempts":3}"#, ["priority", "maxattempts"]),
        (#"{"kind":"test.sleep","max_attempts":0,"delay_seconds":-1}"#, ["max_attempts", "delay_seconds"]),
        (#"{"kind":"test.sleep","due_at":"tomorrow"}"#, ["due_at"]),
        (#"{"kind":"test.sleep","due_at":"2030-01-01T00:00:00Z","delay_seconds":1}"#, ["due_at"]),
        (#"{"kind":"test.sleep","id":"17"}"#, ["id"]),
        (#"{"kind":"test.sleep","payload":{"seconds":1},"queue":"tpyo"}"#, ["queue"]),
        (#"{"kind":"test.any","payload":{"t":"\u0000"}}"#, ["payload"]),
        (#"{"kind":"test.any","payload":{"a":[{"b":1,"c":2,"\u0062":3}]}}"#, ["payload.a[0].b"]),
        (#"{"kind":"test.sleep","payload":{"seconds":1,"seconds":"x"}}"#, ["payload.seconds"]),
    ])
    func `A broken rule is named with its field and nothing is enqueued`(body: String, fields: [String]) async throws {
        try await withAPI { api in
            try await api.register("test.sleep", schema: Self.schema)
            try await api.register("test.family", target: .family)
            try await api.register("test.any")
            let answer = try await api.send(.post, "/v1/jobs", body)
            #expect(answer.status == 422)
            #expect(answer.problem == "invalid-input")
            #expect(Set(answer.fields) == Set(fields), "\(answer.text)")
            #expect(try await api.count("jobs") == 0)
        }
    }

    @Test func `A payload over 256 KiB is too large`() async throws {
        try await withAPI { api in
            try await api.register("test.any")
            let largest = JobLimits.payloadBytesMax - 2
            let fits = try await api.send(
                .post, "/v1/jobs", #"{"kind":"test.any","payload":"\#(String(repeating: "x", count: largest))"}"#)
            #expect(fits.status == 201)
            for size in [largest + 1, 300_000] {
                let answer = try await api.send(
                    .post, "/v1/jobs", #"{"kind":"test.any","payload":"\#(String(repeating: "x", count: size))"}"#)
                #expect(answer.status == 413)
                #expect(answer.problem == "payload-too-large")
            }
        }
    }

    @Test(arguments: ["", "{", "[]", "nonsense", #"{"kind":"a",}"#, #"{"kind":"\ud800"}"#, "{\"kind\":\"a\u{1}\"}"])
    func `A body that is no JSON object is refused`(body: String) async throws {
        try await withAPI { api in
            let answer = try await api.send(.post, "/v1/jobs", body)
            #expect(answer.status == 400)
            #expect(answer.problem == "malformed-body")
        }
    }

    @Test func `A body of another content type is refused`() async throws {
        try await withAPI { api in
            let answer = try await api.send(
                .post, "/v1/jobs", "kind=test", headers: ["Content-Type": "application/x-www-form-urlencoded"])
            #expect(answer.status == 415)
            #expect(answer.problem == "unsupported-media-type")
        }
    }

    @Test func `A family's job is enqueued by slug or id`() async throws {
        try await withAPI { api in
            try await api.register("test.family", target: .family)
            let family = try #require(
                try await api.send(.post, "/v1/families", FamiliesTests.signUp)["family"]?["id"]?.string)
            for reference in ["smith-nyc", family] {
                let answer = try await api.send(
                    .post, "/v1/jobs", #"{"kind":"test.family","family":"\#(reference)"}"#)
                #expect(answer.status == 201)
            }
            let listed = try await api.send(.get, "/v1/jobs?family=smith-nyc&kind=test.family")
            guard case .array(let jobs)? = listed["jobs"] else { throw TestFailure("no jobs") }
            #expect(jobs.map { $0["family_id"]?.string } == [family, family])
        }
    }

    @Test func `A batch is enqueued whole`() async throws {
        try await withAPI { api in
            try await api.register("test.echo")
            let body = #"{"jobs":[{"kind":"test.echo","idempotency_key":"a"},{"kind":"test.echo","payload":[1]}]}"#
            let answer = try await api.send(.post, "/v1/jobs/batch", body)
            #expect(answer.status == 201)
            guard case .array(let jobs)? = answer["jobs"] else { throw TestFailure("no jobs") }
            #expect(jobs.map { $0["replayed"] } == [.bool(false), .bool(false)])
            let keyed = #"{"jobs":[{"kind":"test.echo","idempotency_key":"a"}]}"#
            let replay = try await api.send(.post, "/v1/jobs/batch", keyed)
            #expect(replay.status == 200)
            #expect(try await api.count("jobs") == 2)
        }
    }

    @Test(arguments: [
        (#"{"jobs":[{"kind":"test.echo"},{"kind":"test.nobody"}]}"#, ["jobs[1].kind"]),
        (#"{"jobs":[{"kind":"test.echo","x":1},{"priority":7}]}"#, ["jobs[0].x", "jobs[1].kind", "jobs[1].priority"]),
        (#"{"jobs":[{"kind":"test.echo"},3]}"#, ["jobs[1]"]),
        (#"{"jobs":[{"kind":"test.echo"},{"kind":"test.echo","family":"nobody"}]}"#, ["jobs[1].family"]),
        (
            #"{"jobs":[{"kind":"test.echo","payload":1,"idempotency_key":"k"},"#
                + #"{"kind":"test.echo","payload":2,"idempotency_key":"k"}]}"#,
            ["jobs[1].idempotency_key"]
        ),
        (#"{"jobs":[]}"#, ["jobs"]), (#"{}"#, ["jobs"]),
        (#"{"jobs":[{"kind":"test.echo"},{"kind":"test.fast"}]}"#, ["jobs"]),
    ])
    func `A batch with a bad element is refused whole, naming it`(body: String, fields: [String]) async throws {
        try await withAPI { api in
            try await api.register("test.echo")
            try await api.register("test.fast", durability: .fast)
            let answer = try await api.send(.post, "/v1/jobs/batch", body)
            #expect(answer.status == 422)
            #expect(Set(answer.fields) == Set(fields), "\(answer.text)")
            #expect(try await api.count("jobs") == 0)
        }
    }

    @Test func `A batch of more than 1,000 jobs, or more bytes than allowed, is refused`() async throws {
        var setup = APISetup()
        setup.configuration.bodyBytesMax = 300 * 1024
        try await withAPI(setup) { api in
            let many = Array(repeating: #"{"kind":"a"}"#, count: 1001).joined(separator: ",")
            let tooMany = try await api.send(.post, "/v1/jobs/batch", #"{"jobs":[\#(many)]}"#)
            #expect(tooMany.fields == ["jobs"])
            let space = String(repeating: " ", count: 300 * 1024)
            let tooLarge = try await api.send(.post, "/v1/jobs/batch", #"{"jobs":[]}\#(space)"#)
            #expect(tooLarge.status == 413)
        }
    }

    @Test func `Jobs are listed newest first, by state, kind and queue, page by page`() async throws {
        try await withAPI { api in
            try await api.register("test.a")
            try await api.register("test.b")
            for kind in ["test.a", "test.b", "test.a"] {
                _ = try await api.send(.post, "/v1/jobs", #"{"kind":"\#(kind)"}"#)
            }
            let page = try await api.send(.get, "/v1/jobs?kind=test.a&state=available&queue=default&limit=1")
            guard case .array(let jobs)? = page["jobs"], case .number(let before)? = page["before"] else {
                throw TestFailure("no page: \(page.text)")
            }
            #expect(jobs.count == 1)
            let next = try await api.send(.get, "/v1/jobs?kind=test.a&before=\(Int(before))")
            guard case .array(let older)? = next["jobs"] else { throw TestFailure("no page") }
            #expect(older.count == 1)
            #expect(older[0]["id"] != jobs[0]["id"])
            #expect(next["before"] == nil)
            let wrong = try await api.send(.get, "/v1/jobs?state=done&limit=x&Kind=a&kind=A")
            #expect(wrong.status == 422)
            #expect(Set(wrong.fields) == ["state", "limit", "Kind", "kind"])
        }
    }

    @Test func `A job is cancelled, retried, and each only when its state allows`() async throws {
        try await withAPI { api in
            try await api.register("test.a")
            let href = try #require(
                try await api.send(.post, "/v1/jobs", #"{"kind":"test.a"}"#)["href"]?.string)
            let early = try await api.send(.post, "\(href)/retry")
            #expect(early.status == 409)
            #expect(early.problem == "state-conflict")
            let cancelled = try await api.send(.post, "\(href)/cancel")
            #expect(cancelled.status == 200)
            #expect(cancelled["state"]?.string == "cancelled")
            #expect(try await api.send(.post, "\(href)/cancel").status == 409)
            let retried = try await api.send(.post, "\(href)/retry")
            #expect(retried.status == 200)
            #expect(retried["state"]?.string == "available")
        }
    }

    @Test func `A job that is not there is a 404, an id that is none a 422`() async throws {
        try await withAPI { api in
            let none = JobID.mint()
            for (method, path) in [(false, ""), (true, "/retry"), (true, "/cancel")] {
                let answer = try await api.send(method ? .post : .get, "/v1/jobs/\(none)\(path)")
                #expect(answer.status == 404)
                #expect(answer.problem == "not-found")
                #expect(try await api.send(method ? .post : .get, "/v1/jobs/17\(path)").fields == ["id"])
            }
        }
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
