// What all routes share: tokens, methods, request ids, problems, the document.

import Hummingbird
import HummingbirdTesting
import JobModel
import JobQueue
import Logging
import Testing

@testable import ControlPlane

@Suite struct DoorTests {
    @Test func `Without a known token nothing under v1 answers, and the challenge says how`() async throws {
        try await withAPI { api in
            for token in [nil, "wrong", "test-toke", "test-token2", ""] as [String?] {
                let answer = try await api.send(.get, "/v1/queues", token: token)
                #expect(answer.status == 401)
                #expect(answer.problem == "unauthorized")
                #expect(answer.header("WWW-Authenticate")?.hasPrefix("Bearer") == true)
            }
            let basic = try await api.send(.get, "/v1/queues", token: nil, headers: ["Authorization": "Basic abc"])
            #expect(basic.status == 401)
            #expect(try await api.send(.get, "/v1/queues", token: "other-token").status == 200)
            let lower = try await api.send(
                .get, "/v1/queues", token: nil, headers: ["Authorization": "bearer test-token"])
            #expect(lower.status == 200)
        }
    }

    @Test func `An unknown path is a problem of type not-found`() async throws {
        try await withAPI { api in
            for path in ["/", "/v1", "/v1/nothing", "/v2/jobs"] {
                let answer = try await api.send(.get, path)
                #expect(answer.status == 404)
                #expect(answer.problem == "not-found")
            }
        }
    }

    @Test func `A method that a path does not have is a 405 that says which it has`() async throws {
        try await withAPI { api in
            let answer = try await api.send(.delete, "/v1/jobs", token: nil)
            #expect(answer.status == 405)
            #expect(answer.problem == "method-not-allowed")
            #expect(answer.header("Allow") == "GET, HEAD, OPTIONS, POST")
            let options = try await api.send(.options, "/v1/webhooks/stripe", token: nil)
            #expect(options.status == 204)
            #expect(options.header("Allow") == "OPTIONS, POST")
        }
    }

    @Test func `HEAD answers as GET does, without a body`() async throws {
        try await withAPI(APISetup(testing: .live)) { api in
            let head = try await api.send(.head, "/healthz")
            #expect(head.status == 200)
            #expect(head.text.isEmpty)
            let missing = try await api.send(.head, "/nothing")
            #expect(missing.status == 404)
            #expect(missing.text.isEmpty)
        }
    }

    @Test func `A body that says it is too large is refused, and the connection serves on`() async throws {
        try await withAPI(APISetup(testing: .live)) { api in
            let large = String(repeating: "x", count: 3_000_000)
            for path in ["/v1/jobs", "/v1/families"] {
                let answer = try await api.send(.post, path, large)
                #expect(answer.status == 413)
                #expect(answer.problem == "payload-too-large")
            }
            #expect(try await api.send(.get, "/healthz").status == 200)
        }
    }

    @Test func `A plain request id is taken over, any other replaced`() async throws {
        try await withAPI { api in
            let plain = try await api.send(.get, "/nothing", headers: ["X-Request-Id": "abc-1"])
            #expect(plain.header("X-Request-Id") == "abc-1")
            #expect(plain["request_id"]?.string == "abc-1")
            let odd = try await api.send(.get, "/healthz", headers: ["X-Request-Id": "a b;c"])
            #expect(odd.header("X-Request-Id").flatMap { JobID($0) } != nil)
        }
    }

    @Test func `The OpenAPI document describes every route, and no other`() async throws {
        try await withAPI { api in
            let answer = try await api.send(.get, "/openapi.json", token: nil)
            #expect(answer["openapi"]?.string?.hasPrefix("3.1") == true)
            guard case .object(let paths)? = answer["paths"] else { throw TestFailure("no paths") }
            var described: Set<String> = []
            for (path, item) in paths {
                guard case .object(let operations) = item else { continue }
                for method in operations.keys { described.insert("\(method.uppercased()) \(path)") }
            }
            let router = makeRouter(
                ControlPlaneConfiguration(tokens: [APIStack.token]), stores: api.stores,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            #expect(described == Set(router.routes.map { "\($0.method.rawValue) \($0.path)" }))
        }
    }

    @Test func `References within the OpenAPI document lead somewhere`() async throws {
        try await withAPI { api in
            let document = try #require(try await api.send(.get, "/openapi.json", token: nil).json)
            var references: Set<String> = []
            func collect(_ value: JSONValue) {
                switch value {
                case .object(let members):
                    if let reference = members["$ref"]?.string { references.insert(reference) }
                    members.values.forEach(collect)
                case .array(let elements): elements.forEach(collect)
                case .null, .bool, .number, .string: break
                }
            }
            collect(document)
            #expect(references.count > 20)
            for reference in references {
                let target = reference.split(separator: "/").dropFirst().reduce(Optional(document)) { $0?[String($1)] }
                #expect(target != nil, "\(reference)")
            }
        }
    }

    @Test func `The OpenAPI document lists every kind of problem`() async throws {
        try await withAPI { api in
            let document = try await api.send(.get, "/openapi.json", token: nil)
            let type = document["components"]?["schemas"]?["Problem"]?["properties"]?["type"]
            guard case .array(let kinds)? = type?["enum"] else { throw TestFailure("no kinds") }
            #expect(
                Set(kinds.map(\.string)) == Set(Problem.Kind.allCases.map { "urn:chorewheel:problem:\($0.rawValue)" }))
        }
    }

    @Test(arguments: [
        ("tokens", ControlPlaneConfiguration(tokens: [])), ("tokens", ControlPlaneConfiguration(tokens: ["a b"])),
        ("tokens", ControlPlaneConfiguration(tokens: ["good", ""])),
        ("port", ControlPlaneConfiguration(port: 70_000, tokens: ["t"])),
        ("host", ControlPlaneConfiguration(host: "", tokens: ["t"])),
        ("bodyBytesMax", ControlPlaneConfiguration(tokens: ["t"], bodyBytesMax: 10)),
        ("requestTimeout", ControlPlaneConfiguration(tokens: ["t"], requestTimeout: .zero)),
    ])
    func `A setting that cannot be is named`(setting: String, configuration: ControlPlaneConfiguration) {
        #expect { try configuration.validate() } throws: { error in
            (error as? ControlPlaneConfiguration.Invalid)?.setting == setting
        }
    }
}
