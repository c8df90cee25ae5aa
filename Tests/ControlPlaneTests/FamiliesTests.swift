// Sign-ups and families over HTTP.

import ControlPlane
import Hummingbird
import JobModel
import JobQueue
import Postgres
import Testing

@Suite struct FamiliesTests {
    static let signUp = #"{"slug":"smith-nyc","name":"The Smiths","owner_email":"a@example.com"}"#

    @Test func `A sign-up answers 202 with the family and the address of its job`() async throws {
        try await withAPI { api in
            let answer = try await api.send(.post, "/v1/families", Self.signUp)
            #expect(answer.status == 202)
            #expect(answer["family"]?["slug"]?.string == "smith-nyc")
            #expect(answer["family"]?["status"]?.string == "provisioning")
            let href = try #require(answer["job"]?["href"]?.string)
            #expect(answer.header("Location") == href)
            let job = try await api.send(.get, href)
            #expect(job.status == 200)
            #expect(job["kind"]?.string == "family.provision")
            #expect(job["payload"]?["family_id"]?.string == answer["family"]?["id"]?.string)
            #expect(try await api.count("users") == 1)
        }
    }

    @Test func `A taken slug is a conflict and leaves nothing behind`() async throws {
        try await withAPI { api in
            _ = try await api.send(.post, "/v1/families", Self.signUp)
            let second = try await api.send(
                .post, "/v1/families", #"{"slug":"smith-nyc","name":"Others","owner_email":"b@example.com"}"#)
            #expect(second.status == 409)
            #expect(second.problem == "slug-taken")
            #expect(second.fields == ["slug"])
            #expect(try await api.count("families") == 1)
            #expect(try await api.count("users") == 1)
            #expect(try await api.count("jobs") == 1)
        }
    }

    @Test func `Of many sign-ups with one slug at the same moment one wins, the others conflict`() async throws {
        try await withAPI { api in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 { group.addTask { try await api.send(.post, "/v1/families", Self.signUp).status } }
                return try await group.reduce(into: []) { $0.append($1) }.sorted()
            }
            #expect(statuses == [202, 409, 409, 409, 409, 409])
            #expect(try await api.count("families") == 1)
        }
    }

    @Test func `The same sign-up with the same key gets the first answer again`() async throws {
        try await withAPI { api in
            let key = ["Idempotency-Key": "k1"]
            let first = try await api.send(.post, "/v1/families", Self.signUp, headers: key)
            let second = try await api.send(.post, "/v1/families", Self.signUp, headers: key)
            #expect(first.status == 202)
            #expect(second.status == 202)
            #expect(first.text == second.text)
            let other = try await api.send(
                .post, "/v1/families", #"{"slug":"other","name":"Other","owner_email":"a@example.com"}"#,
                headers: key)
            #expect(other.status == 422)
            #expect(other.problem == "idempotency-conflict")
            for more in [#""plan":"premium""#, #""owner_first_name":"A""#, #""owner_last_name":"S""#] {
                let longer = Self.signUp.replacing("}", with: ",\(more)}")
                let refused = try await api.send(.post, "/v1/families", longer, headers: key)
                #expect(refused.status == 422, "\(more)")
                #expect(refused.problem == "idempotency-conflict")
            }
            #expect(try await api.count("families") == 1)
        }
    }

    @Test(arguments: [
        (#"{"slug":"a","name":"n","owner_email":"a@b"}"#, ["slug"]),
        (#"{"slug":"api","name":"n","owner_email":"a@b"}"#, ["slug"]),
        (#"{"slug":"a-b-c","name":"n","owner_email":"a@b"}"#, ["slug"]),
        (#"{"slug":"Smith","name":"n","owner_email":"a@b"}"#, ["slug"]),
        (#"{"slug":"smith","name":"  ","owner_email":"a@b"}"#, ["name"]),
        (#"{"slug":"smith","name":"n","owner_email":"nobody"}"#, ["owner_email"]),
        (#"{"slug":"smith","name":"n","owner_email":"a@b","plan":"gold"}"#, ["plan"]),
        (#"{"slug":"smith","name":"n","owner_email":"a@b","owner_first_name":""}"#, ["owner_first_name"]),
        (#"{"slug":"smith","name":"n\u0000","owner_email":"a@b"}"#, ["name"]),
        (#"{"slug":1,"name":null,"plam":"free"}"#, ["slug", "name", "owner_email", "plam"]),
        (#"{"slug":"smith","slug":"jones","name":"n","owner_email":"a@b"}"#, ["slug"]),
    ])
    func `A broken rule is named with its field and nothing is done`(body: String, fields: [String]) async throws {
        try await withAPI { api in
            let answer = try await api.send(.post, "/v1/families", body)
            #expect(answer.status == 422)
            #expect(answer.problem == "invalid-input")
            #expect(answer.fields == fields)
            #expect(try await api.count("families") == 0)
        }
    }

    @Test func `A family is shown by slug and by id, without its password`() async throws {
        try await withAPI { api in
            let id = try #require(
                try await api.send(.post, "/v1/families", Self.signUp)["family"]?["id"]?.string)
            for reference in ["smith-nyc", id] {
                let family = try await api.send(.get, "/v1/families/\(reference)")
                #expect(family.status == 200)
                #expect(family["id"]?.string == id)
                #expect(family["status"]?.string == "provisioning")
                #expect(!family.text.contains("password"))
            }
            let none = try await api.send(.get, "/v1/families/nobody")
            #expect(none.status == 404)
            #expect(none.problem == "not-found")
        }
    }

    @Test func `Families are listed by pages`() async throws {
        try await withAPI { api in
            for slug in ["aa", "bb", "cc"] {
                _ = try await api.send(
                    .post, "/v1/families", #"{"slug":"\#(slug)","name":"n","owner_email":"\#(slug)@b"}"#)
            }
            let first = try await api.send(.get, "/v1/families?limit=2&status=provisioning")
            #expect(first["after"]?.string == "bb")
            let second = try await api.send(.get, "/v1/families?limit=2&after=bb")
            guard case .array(let families)? = second["families"] else { throw TestFailure("no families") }
            #expect(families.map { $0["slug"]?.string } == ["cc"])
            #expect(second["after"] == nil)
            let wrong = try await api.send(.get, "/v1/families?status=happy&limit=0&page=3")
            #expect(wrong.status == 422)
            #expect(wrong.fields == ["status", "limit", "page"])
        }
    }

    @Test func `Closed sign-ups are refused`() async throws {
        var setup = APISetup()
        setup.configuration.signUpsAllowed = false
        try await withAPI(setup) { api in
            let answer = try await api.send(.post, "/v1/families", Self.signUp)
            #expect(answer.status == 403)
            #expect(answer.problem == "sign-ups-closed")
        }
    }
}
