// Which error becomes which exit code: one pure function, so that no command decides it.

import ArgumentParser
import AsyncHTTPClient
import ControlPlane
import JobModel
import JobQueue
import NIOCore
import Postgres
import Processes
import Redis
import Tenancy
import WorkerRuntime

extension CommandFailure {
    /// Reads any error that a command's `run` may throw.
    init(_ error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as JobQueueError: self.init(queue: error)
        case let error as TenancyError: self.init(tenancy: error)
        case let error as PostgresError: self.init(postgres: error)
        case let error as RedisError: self.init(redis: error)
        case let error as ProcessError: self.init(process: error)
        case let error as InvalidSetting: self.init(.configuration, field: error.field, error.rule)
        case let error as ControlPlaneConfiguration.Invalid:
            self.init(.configuration, field: error.setting, error.rule)
        case let error as InvalidName: self.init(.data, field: error.field, InvalidName.rule)
        case let error as ValidationError: self.init(.usage, error.message)
        case let error as HTTPClientError:
            self.init(.unavailable, "the API does not answer: \(error.shortDescription)")
        case let error as IOError: self.init(.inputOutput, SystemWords.of(error))
        case is CancellationError: self.init(.temporary, "was cut short")
        default: self.init(.software, "an error that nobody foresaw, please report it: \(error)")
        }
    }

    private init(queue error: JobQueueError) {
        switch error.code {
        case .invalid: self.init(.data, field: error.field, error.message)
        case .conflict:
            self.init(.data, field: error.field, error.message, existing: error.existing?.description)
        case .notFound: self.init(.notFound, field: error.field, error.message)
        case .notPossible: self.init(.data, field: error.field, error.message)
        case .unsafeRedis: self.init(.configuration, field: error.field, error.message)
        case .unavailable, .corrupt:
            switch error.underlying {
            case let underlying as PostgresError: self.init(postgres: underlying)
            case let underlying as RedisError: self.init(redis: underlying)
            default:
                self.init(error.code == .unavailable ? .unavailable : .software, field: error.field, error.message)
            }
        }
    }

    private init(tenancy error: TenancyError) {
        let exit: Sysexit =
            switch error.code {
            case .invalid, .taken, .edited, .missing, .drifted, .downMismatch: .data
            case .notFound: .notFound
            case .fleetFull, .unproven: .temporary
            case .secret, .migrationFile: .configuration
            }
        self.init(exit, field: error.field, error.message)
    }

    private init(postgres error: PostgresError) {
        switch error.code {
        case .connectionFailed, .connectionLost, .timeout, .poolExhausted, .poolClosed, .cancelled:
            self.init(away: error)
        case .invalidConfiguration: self.init(.configuration, field: "database.url", error.message)
        case .decoding, .protocolViolation: self.init(.software, "\(error)")
        case .server: self.init(refused: error)
        }
    }

    /// There is no connection, or there is none any more.
    private init(away error: PostgresError) {
        let unknown = error.outcomeUnknown ? " (it may or may not have been done: look before you repeat it)" : ""
        switch error.sqlState {
        case .some(.invalidAuthorization), .some(.invalidPassword), .some(.insufficientPrivilege):
            self.init(.noPermission, field: "database.url", "PostgreSQL refused to let us in: \(error.message)")
        case .some(.invalidCatalogName):
            self.init(.configuration, field: "database.url", "names no database of the server: \(error.message)")
        case .some, .none:
            switch error.code {
            case .cancelled, .poolClosed: self.init(.temporary, "was cut short\(unknown)")
            case .poolExhausted: self.init(.temporary, "PostgreSQL: \(error.message)")
            default:
                // libpq goes on to ask the person at the terminal.
                let question = error.message.firstRange(of: " Is the server running")
                let message = error.message[..<(question?.lowerBound ?? error.message.endIndex)]
                self.init(.unavailable, "PostgreSQL cannot be reached: \(message)\(unknown)")
            }
        }
    }

    /// The server's own answer.
    private init(refused error: PostgresError) {
        switch error.sqlState {
        case .some(.insufficientPrivilege): self.init(.noPermission, "PostgreSQL: \(error.message)")
        case .some(.undefinedTable), .some(.undefinedFunction), .some(.undefinedColumn):
            self.init(
                .configuration,
                "the platform database is not migrated (\(error.message)): run chorewheel migrate platform")
        case .some(let state) where state.conditionClass == "22" || state.conditionClass == "23":
            self.init(.data, "\(error)")
        case .some, .none:
            self.init(error.canRetry ? .temporary : .software, "\(error)")
        }
    }

    private init(redis error: RedisError) {
        switch error.code {
        case .server:
            let refusals: Set<String> = ["NOAUTH", "WRONGPASS", "NOPERM"]
            let isRefusal = error.prefix.map(refusals.contains) == true
            self.init(isRefusal ? .noPermission : error.canRetry ? .temporary : .software, "\(error)")
        case .unavailable, .connectionLost, .timeout:
            let unknown = error.code == .unavailable ? "" : " (it may or may not have been done)"
            self.init(.unavailable, "Redis cannot be reached: \(SystemWords.cause(of: error))\(unknown)")
        case .overloaded: self.init(.temporary, "Redis: \(error.message)")
        case .invalidConfiguration: self.init(.configuration, field: "redis.url", error.message)
        case .protocolViolation, .unexpectedReply, .closed: self.init(.software, "\(error)")
        }
    }

    private init(process error: ProcessError) {
        let exit: Sysexit =
            switch error.code {
            case .missingProgram, .startFailed: .unavailable
            case .locked: .temporary
            case .spawnFailed, .wrongState: .software
            case .fileSystem: .inputOutput
            case .invalidArgument: .data
            }
        self.init(exit, error.description)
    }
}
