// Around all routes: gives each request its id and its time limit, turns errors into problems, counts and logs. The
// outermost responder, and not a middleware, so that what the router itself refuses passes here too, and so that the
// whole of a request can be a child task with a deadline.

internal import Hummingbird
internal import JobModel
internal import JobQueue
internal import Logging

/// The outermost responder.
struct FrontDoor<Inner: HTTPResponder>: HTTPResponder where Inner.Context == APIContext {
    typealias Context = APIContext

    let inner: Inner
    let timeout: Duration
    let metrics: HTTPMetrics

    func respond(to request: Request, context: APIContext) async throws -> Response {
        let start = ContinuousClock.now
        var context = context
        context.requestID = Self.requestID(of: request)
        context.logger[metadataKey: "request_id"] = "\(context.requestID)"

        var response = await self.answer(to: request, context: context)
        response.headers[.requestID] = context.requestID
        if request.method == .head { response = response.createHeadResponse() }

        let duration = start.duration(to: .now)
        let route = context.endpointPath.map { $0 == "NotFound" ? "none" : $0 } ?? "none"
        self.metrics.record(method: request.method, route: route, status: response.status.code, duration)
        context.logger.log(
            level: Self.isProbe(route) ? .debug : .info, "request",
            metadata: [
                "method": "\(request.method)", "route": "\(route)", "status": "\(response.status.code)",
                "milliseconds": "\(duration / .milliseconds(1))",
            ])
        return response
    }

    private func answer(to request: Request, context: APIContext) async -> Response {
        do {
            let response = try await withDeadline(self.timeout) {
                try await self.inner.respond(to: request, context: context)
            }
            // The router's own refusals have no body.
            guard response.status.code >= 400, response.headers[.contentType] != "application/problem+json" else {
                return response
            }
            var problem = Problem(status: response.status)
            problem.headers.append(contentsOf: response.headers.filter { $0.name == .allow })
            return problem.response(instance: request.uri.path, requestID: context.requestID)
        } catch {
            let problem = Problem(error)
            switch problem.kind {
            case .internalError: context.logger.error("a request failed", metadata: ["error": "\(error)"])
            case .unavailable: context.logger.warning("a request found a store away", metadata: ["error": "\(error)"])
            default: break
            }
            return problem.response(instance: request.uri.path, requestID: context.requestID)
        }
    }

    /// The caller's own id if it is plain, so that it can follow a request through its systems; else a new one.
    private static func requestID(of request: Request) -> String {
        if let given = request.headers[.requestID], (1...RequestLimits.requestIDBytesMax).contains(given.utf8.count),
            given.utf8.allSatisfy({ isPlain($0) })
        {
            return given
        }
        return JobID.mint().description
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Machines ask these every few seconds.
    private static func isProbe(_ route: String) -> Bool { ["/healthz", "/readyz", "/metrics"].contains(route) }
}
