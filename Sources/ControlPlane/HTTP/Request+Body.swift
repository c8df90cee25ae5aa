// Reading a request: its body within a bound, its query and its path strictly.

internal import Hummingbird
internal import JobModel
internal import NIOCore

extension Request {
    /// The body's bytes.
    ///
    /// - Throws: `Problem`: 413 when it is larger, before it is read if it says so; 408 when it does not arrive in
    /// time;
    ///   400 when the connection breaks in its midst.
    func bytes(upTo max: Int) async throws -> [UInt8] {
        if let length = self.headers[.contentLength].flatMap({ Int($0) }), length > max {
            throw Problem(.payloadTooLarge, "The body must have at most \(max) bytes, has \(length).")
        }
        do {
            var buffer = try await self.body.collect(upTo: max)
            // A cancelled read may look like an early end.
            try Task.checkCancellation()
            return buffer.readBytes(length: buffer.readableBytes) ?? []
        } catch is NIOTooManyBytesError {
            throw Problem(.payloadTooLarge, "The body must have at most \(max) bytes.")
        } catch is CancellationError {
            throw Problem(.requestTimeout, "The body did not arrive in time.")
        } catch {
            throw Problem(.malformedBody, "The body could not be read to its end.")
        }
    }

    /// The members of the body, a JSON object.
    ///
    /// - Throws: `Problem`: as `bytes`; 415 if it says that it is not JSON; 400 if it is not.
    func fields(upTo max: Int) async throws -> RequestFields {
        if let type = self.headers[.contentType] {
            let essence = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
            guard essence == "application/json" || (essence.hasPrefix("application/") && essence.hasSuffix("+json"))
            else { throw Problem(.unsupportedMediaType, "Content-Type must be application/json, is \(essence).") }
        }
        return try RequestFields(body: try await self.bytes(upTo: max))
    }

    /// The `Idempotency-Key` header.
    ///
    /// - Throws: `Problem` 422 if it breaks a rule.
    func idempotencyKey() throws(Problem) -> String? {
        let values = self.headers[values: .idempotencyKey]
        guard let key = values.first else { return nil }
        guard values.count == 1, (1...JobLimits.idempotencyKeyBytesMax).contains(key.utf8.count) else {
            throw Problem("idempotency_key", "must have 1 to \(JobLimits.idempotencyKeyBytesMax) bytes, once")
        }
        return key
    }
}

extension APIContext {
    /// The id in the path.
    ///
    /// - Throws: `Problem` 422: it is no UUID.
    func jobID() throws -> JobID {
        guard let id = JobID(try self.parameters.require("id")) else {
            throw Problem("id", "must be a UUID of 36 characters")
        }
        return id
    }

    /// The queue in the path.
    ///
    /// - Throws: `InvalidName`, which is a 422.
    func queueName() throws -> QueueName { try QueueName(validating: try self.parameters.require("name")) }
}

/// The query of a request, read by name; what nobody asked for is an error.
struct QueryFields {
    private var values: [String: String] = [:]
    private(set) var errors: [FieldError] = []

    init(_ request: Request) {
        for (name, value) in request.uri.queryParameters {
            if self.values.updateValue(String(value), forKey: String(name)) != nil {
                self.errors.append(FieldError(field: String(name), rule: "is there twice"))
            }
        }
    }

    /// A value that `read` understands; nil when it is absent or broken.
    mutating func value<Value>(_ name: String, _ rule: String, _ read: (String) -> Value?) -> Value? {
        guard let text = self.values.removeValue(forKey: name) else { return nil }
        guard !text.utf8.contains(0), let value = read(text) else {
            self.errors.append(FieldError(field: name, rule: rule))
            return nil
        }
        return value
    }

    mutating func int(_ name: String, in bounds: ClosedRange<Int>) -> Int? {
        self.value(name, "must be a whole number from \(bounds.lowerBound) to \(bounds.upperBound)") { text in
            Int(text).flatMap { bounds.contains($0) ? $0 : nil }
        }
    }

    /// - Throws: `Problem` 422 if a rule is broken.
    func finish() throws(Problem) {
        let unknown = self.values.keys.sorted().map { FieldError(field: $0, rule: "is not known here") }
        guard self.errors.isEmpty, unknown.isEmpty else { throw Problem(breaking: self.errors + unknown) }
    }
}
