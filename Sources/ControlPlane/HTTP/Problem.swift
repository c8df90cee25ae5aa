// What every error answer is: an RFC 9457 problem. The one place that knows the types of problems, their titles and
// their statuses; which error becomes which problem is in Problem+Errors.swift.

internal import Hummingbird
internal import JobModel
internal import JobQueue

/// An error answer, to be thrown.
struct Problem: Error, Sendable, Hashable {
    /// The kinds that a client can tell apart. The raw value ends the problem's `type`.
    enum Kind: String, Sendable, CaseIterable {
        case malformedBody = "malformed-body"
        case invalidInput = "invalid-input"
        case payloadTooLarge = "payload-too-large"
        case unsupportedMediaType = "unsupported-media-type"
        case unauthorized
        case signUpsClosed = "sign-ups-closed"
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        case slugTaken = "slug-taken"
        case stateConflict = "state-conflict"
        case idempotencyConflict = "idempotency-conflict"
        case webhookRefused = "webhook-refused"
        case requestTimeout = "request-timeout"
        case notReady = "not-ready"
        case unavailable
        case refused
        case internalError = "internal-error"

        var title: String {
            switch self {
            case .malformedBody: "The body cannot be read"
            case .invalidInput: "An input breaks a rule"
            case .payloadTooLarge: "The request is too large"
            case .unsupportedMediaType: "The body is not JSON"
            case .unauthorized: "A valid bearer token is needed"
            case .signUpsClosed: "Sign-ups are closed"
            case .notFound: "There is no such thing"
            case .methodNotAllowed: "The method is not allowed here"
            case .slugTaken: "The slug is taken"
            case .stateConflict: "The state does not allow it"
            case .idempotencyConflict: "The key was used for another request"
            case .webhookRefused: "The webhook was refused"
            case .requestTimeout: "The request took too long to arrive"
            case .notReady: "Not ready"
            case .unavailable: "Temporarily unavailable"
            case .refused: "The request was refused"
            case .internalError: "Internal error"
            }
        }

        var status: HTTPResponse.Status {
            switch self {
            case .malformedBody, .webhookRefused, .refused: .badRequest
            case .invalidInput, .idempotencyConflict: .unprocessableContent
            case .payloadTooLarge: .contentTooLarge
            case .unsupportedMediaType: .unsupportedMediaType
            case .unauthorized: .unauthorized
            case .signUpsClosed: .forbidden
            case .notFound: .notFound
            case .methodNotAllowed: .methodNotAllowed
            case .slugTaken, .stateConflict: .conflict
            case .requestTimeout: .requestTimeout
            case .notReady, .unavailable: .serviceUnavailable
            case .internalError: .internalServerError
            }
        }
    }

    /// The job that an idempotency key belongs to already.
    struct ExistingJob: Sendable, Hashable, Codable {
        let id: JobID
        let href: String
    }

    var kind: Kind
    /// A sentence for people. Never holds what only the server should know.
    var detail: String?
    var errors: [FieldError] = []
    var existing: ExistingJob?
    /// Of `/readyz`: each check and how it went.
    var checks: [String: String]?
    /// Overrides the kind's own.
    var status: HTTPResponse.Status
    var headers: HTTPFields = [:]

    init(_ kind: Kind, _ detail: String? = nil) {
        self.kind = kind
        self.detail = detail
        self.status = kind.status
        switch kind {
        case .unavailable, .notReady: self.headers[.retryAfter] = "2"
        case .unauthorized: self.headers[.wwwAuthenticate] = "Bearer realm=\"chorewheel\""
        default: break
        }
    }

    /// Rules that inputs break.
    init(breaking errors: [FieldError]) {
        self.init(.invalidInput, errors.map { "\($0.field) \($0.rule)" }.joined(separator: "; ") + ".")
        self.errors = errors
    }

    init(_ field: String, _ rule: String) {
        self.init(breaking: [FieldError(field: field, rule: rule)])
    }

    /// The answer.
    ///
    /// - Parameter requestID: Joins the answer and the log.
    func response(instance: String, requestID: String) -> Response {
        let document = Document(
            type: "urn:chorewheel:problem:\(self.kind.rawValue)", title: self.kind.title, status: self.status.code,
            detail: self.detail, instance: instance, requestID: requestID,
            errors: self.errors.isEmpty ? nil : self.errors, existing: self.existing, checks: self.checks)
        var headers = self.headers
        headers[.contentType] = "application/problem+json"
        headers[.cacheControl] = "no-store"
        let body: [UInt8]
        do {
            body = try JSONText.encode(document)
        } catch {
            // Only texts and numbers are in it.
            body = Array("{\"title\":\"Internal error\",\"status\":500}".utf8)
        }
        return Response(status: self.status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    private struct Document: Encodable {
        let type: String
        let title: String
        let status: Int
        let detail: String?
        let instance: String
        let requestID: String
        let errors: [FieldError]?
        let existing: ExistingJob?
        let checks: [String: String]?

        enum CodingKeys: String, CodingKey {
            case type, title, status, detail, instance
            case requestID = "request_id"
            case errors, existing, checks
        }
    }
}
