// Which error becomes which answer: one function, so that no route decides it. What it does not know is an internal
// error; the log has it, the caller does not.

internal import Hummingbird
internal import JobModel
internal import JobQueue
internal import NIOCore
internal import Postgres
internal import Redis
internal import Stripe
internal import Tenancy

extension Problem {
    init(_ error: any Error) {
        switch error {
        case let error as Problem: self = error
        case let error as JobQueueError: self.init(queue: error)
        case let error as TenancyError: self.init(tenancy: error)
        case let error as PostgresError: self.init(postgres: error)
        case let error as RedisError: self.init(redis: error)
        case let error as StripeError: self.init(stripe: error)
        case let error as InvalidName: self.init(error.field, InvalidName.rule)
        case is NIOTooManyBytesError: self.init(.payloadTooLarge, "The body is too large.")
        case is CancellationError: self.init(.unavailable, "The request was cut short; try again.")
        case let error as HTTPError: self.init(status: error.status)
        default: self.init(.internalError, "Something went wrong here. The request id finds it in the log.")
        }
    }

    private init(queue error: JobQueueError) {
        switch error.code {
        case .invalid: self.init(error.field ?? "request", error.message)
        case .conflict:
            self.init(.idempotencyConflict, "\(error.field ?? "idempotency_key") \(error.message).")
            self.errors = [FieldError(field: error.field ?? "idempotency_key", rule: error.message)]
            self.existing = error.existing.map { ExistingJob(id: $0, href: jobPath($0)) }
        case .notFound: self.init(.notFound, "\(error.message).")
        case .notPossible: self.init(.stateConflict, "\(error.message).")
        case .unsafeRedis:
            self.init(
                .unavailable,
                "Redis is set up to throw jobs away (\(error.field ?? "its settings")), so fast jobs are not taken. "
                    + "Nothing was done; try again.")
        case .unavailable, .corrupt:
            if let underlying = error.underlying as? PostgresError {
                self.init(postgres: underlying)
            } else {
                self.init(error.code == .unavailable ? .unavailable : .internalError)
            }
        }
    }

    private init(tenancy error: TenancyError) {
        switch error.code {
        case .invalid: self.init(error.field ?? "request", error.message)
        case .taken where error.field == "id":
            self.init(.idempotencyConflict, "The Idempotency-Key was used before for another sign-up.")
            self.errors = [FieldError(field: "idempotency_key", rule: "was used before for another sign-up")]
        case .taken:
            self.init(.slugTaken, "\(error.field ?? "slug") \(error.message).")
            self.errors = [FieldError(field: error.field ?? "slug", rule: error.message)]
        case .notFound: self.init(.notFound, "There is no such family.")
        case .fleetFull, .secret, .migrationFile, .edited, .missing, .drifted, .downMismatch, .unproven:
            self.init(.internalError, "Something went wrong here. The request id finds it in the log.")
        }
    }

    private init(postgres error: PostgresError) {
        switch error.code {
        case .connectionFailed, .connectionLost, .timeout, .cancelled, .poolExhausted, .poolClosed:
            self.init(
                .unavailable,
                error.outcomeUnknown
                    ? "The database went away before it answered: the request may or may not have been done. "
                        + "Send it again with the same Idempotency-Key."
                    : "The database cannot be reached. Nothing was done; try again.")
        case .server where error.sqlState == .diskFull:
            self.init(.unavailable, "The database's disk is full. Nothing was done; try again when there is room.")
        case .server where error.canRetry: self.init(.unavailable, "The database is busy. Nothing was done; try again.")
        case .server where error.sqlState == .undefinedTable || error.sqlState?.rawValue == "42883":
            self.init(.unavailable, "The platform database is not migrated yet. Nothing was done; try again.")
        case .server, .invalidConfiguration, .decoding, .protocolViolation:
            self.init(.internalError, "Something went wrong here. The request id finds it in the log.")
        }
    }

    private init(redis error: RedisError) {
        if error.code == .server, error.prefix == "OOM" {
            self.init(.unavailable, "Redis' memory is full: it takes no fast jobs. Try again when there is room.")
        } else if error.code == .server, error.prefix == "MISCONF" {
            self.init(.unavailable, "Redis cannot write to its disk: it takes no fast jobs. Try again when it can.")
        } else if error.code == .server, error.prefix == "WRONGTYPE" {
            self.init(.unavailable, "A key of Redis is not what it ought to be: chorewheel doctor names it.")
        } else if error.canRetry || error.code == .closed {
            self.init(.unavailable, "Redis cannot be reached, and this needs it; try again.")
        } else {
            self.init(.internalError, "Something went wrong here. The request id finds it in the log.")
        }
    }

    private init(stripe error: StripeError) {
        switch error.code {
        // Ours to mend: Stripe shall send the event again.
        case .noSecret: self.init(.unavailable, "No webhook secret is configured.")
        case .missingHeader, .malformedHeader, .noSignature, .timestampTooOld, .timestampInFuture, .noMatch,
            .malformedEvent:
            self.init(.webhookRefused, "\(error.message).")
        }
    }

    /// For what the HTTP library refused by itself.
    init(status: HTTPResponse.Status) {
        let kind: Kind =
            switch status.code {
            case 401: .unauthorized
            case 404: .notFound
            case 405: .methodNotAllowed
            case 408: .requestTimeout
            case 413: .payloadTooLarge
            case 415: .unsupportedMediaType
            case 503: .unavailable
            case 400..<500: .refused
            default: .internalError
            }
        self.init(kind)
        self.status = status
    }
}
