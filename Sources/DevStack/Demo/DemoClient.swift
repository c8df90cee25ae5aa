// The HTTP API as the demonstration's web tier uses it.

internal import AsyncHTTPClient
internal import JobModel
internal import JobQueue
internal import NIOCore
internal import NIOHTTP1

/// What went other than the story says.
struct DemoFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Speaks to the API.
struct DemoClient: Sendable {
    let baseURL: String
    let token: String

    struct Answer: Sendable {
        let request: String
        let status: Int
        let body: [UInt8]

        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            try JSONText.decode(type, from: self.body)
        }

        /// - Throws: `DemoFailure` when the status is another.
        func expecting(_ status: Int) throws -> Answer {
            guard self.status == status else {
                throw DemoFailure(
                    "\(self.request) answered \(self.status) instead of \(status): "
                        + String(decoding: self.body.prefix(500), as: UTF8.self))
            }
            return self
        }
    }

    private static let timeout: TimeAmount = .seconds(15)
    private static let answerBytesMax = 4 << 20

    func get(_ path: String) async throws -> Answer { try await self.send("GET", path, headers: [:], body: nil) }

    func post(_ path: String, _ body: some Encodable, headers: [String: String] = [:]) async throws -> Answer {
        let headers = headers.merging(["content-type": "application/json"]) { own, _ in own }
        return try await self.send("POST", path, headers: headers, body: try JSONText.encode(body))
    }

    /// Posts bytes as they are, without the token: a webhook's signature is its proof.
    func deliver(_ path: String, body: [UInt8], signature: String) async throws -> Answer {
        try await self.send(
            "POST", path, headers: ["content-type": "application/json", "stripe-signature": signature], body: body,
            isAuthorized: false)
    }

    private func send(
        _ method: String, _ path: String, headers: [String: String], body: [UInt8]?, isAuthorized: Bool = true
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: self.baseURL + path)
        request.method = HTTPMethod(rawValue: method)
        if isAuthorized { request.headers.add(name: "authorization", value: "Bearer \(self.token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(body) }
        let response = try await HTTPClient.shared.execute(request, timeout: Self.timeout)
        let bytes = try await response.body.collect(upTo: Self.answerBytesMax)
        return Answer(
            request: "\(method) \(path)", status: Int(response.status.code), body: Array(bytes.readableBytesView))
    }
}

extension DemoClient {
    /// A family, as far as the story reads it.
    struct FamilyView: Decodable, Sendable {
        let id: FamilyID
        let slug: String
        let status: String
    }

    private struct FamilyPage: Decodable { let families: [FamilyView] }
    private struct WorkerList: Decodable { let workers: [SessionRecord] }

    func families() async throws -> [FamilyView] {
        try await self.get("/v1/families?limit=1000").expecting(200).decode(FamilyPage.self).families
    }

    /// Sessions of workers, those that ended a short while ago included.
    func workers() async throws -> [SessionRecord] {
        try await self.get("/v1/workers").expecting(200).decode(WorkerList.self).workers
    }

    func job(_ id: JobID) async throws -> JobRecord {
        try await self.get("/v1/jobs/\(id)").expecting(200).decode(JobRecord.self)
    }
}

/// Asks again and again until something is true.
///
/// - Throws: `DemoFailure` after the limit; what `condition` throws; `CancellationError`.
func poll(
    _ what: String, within limit: Duration = .seconds(60), every pause: Duration = .milliseconds(50),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw DemoFailure("not within \(limit.shown): \(what)") }
        try await ContinuousClock().sleep(for: pause)
    }
}
