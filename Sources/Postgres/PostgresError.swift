// The one error of this module: what went wrong, in whose words, and whether trying again can help.
// It is not the retry policy (attempts and backoff are the caller's). Invariants:
//  1. `description` holds no value of a row or parameter; those are in `debugDescription` and the properties.
//  2. `canRetry` is decided by one pure function of (code, SQLSTATE).

/// An error of a connection, a statement, the pool or a setting.
public struct PostgresError: Error, Sendable {
    /// What kind of thing failed; each says what is still true afterwards.
    public enum Code: Sendable, Hashable {
        /// The server refused the statement; `sqlState` says why. The connection is usable; an open transaction is
        /// aborted.
        case server
        /// No connection came to be; nothing was sent.
        case connectionFailed
        /// The connection ended while it was in use. What ran may or may not have taken effect: see `outcomeUnknown`.
        case connectionLost
        /// The statement, connect or acquire timeout passed. A statement was cancelled and had no effect of its own.
        case timeout
        /// The calling task was cancelled. A statement that ran was cancelled too and had no effect of its own.
        case cancelled
        /// Too many waiters, or no connection became free within the acquire timeout. Nothing was sent.
        case poolExhausted
        /// The pool was closed. Nothing was sent.
        case poolClosed
        /// A setting, URL or identifier is not acceptable; the message names it and the rule.
        case invalidConfiguration
        /// A column is missing, NULL or not of the type asked for; the message names it. The statement has run.
        case decoding
        /// The call cannot be put into the protocol (a NUL in a text, COPY, a nested transaction). Nothing was sent.
        case protocolViolation
    }

    public let code: Code
    /// The server's SQLSTATE, where the server spoke.
    public let sqlState: SQLState?
    /// One line in the server's, libpq's or this module's words. A server's message may quote a value (class 22).
    public let message: String
    /// The server's detail. It may hold a whole row: never log it unasked.
    public let detail: String?
    public let hint: String?
    /// The violated constraint's name.
    public let constraint: String?
    /// Where in the statement the error is, in characters from 1.
    public let position: Int?
    /// True if the statement or COMMIT may have taken effect although no answer arrived: only a look can tell.
    public let outcomeUnknown: Bool
    /// Where in this module the error was made.
    public let file: String
    public let line: Int
    /// True if only a stale prepared plan stood in the way; it is forgotten by now.
    let isStalePlan: Bool

    public init(
        _ code: Code,
        _ message: String,
        sqlState: SQLState? = nil,
        detail: String? = nil,
        hint: String? = nil,
        constraint: String? = nil,
        position: Int? = nil,
        outcomeUnknown: Bool = false,
        file: String = #fileID,
        line: Int = #line
    ) {
        self.init(
            code: code, message: message, sqlState: sqlState, detail: detail, hint: hint, constraint: constraint,
            position: position, outcomeUnknown: outcomeUnknown, isStalePlan: false, file: file, line: line)
    }

    init(
        code: Code, message: String, sqlState: SQLState?, detail: String?, hint: String?, constraint: String?,
        position: Int?, outcomeUnknown: Bool, isStalePlan: Bool, file: String, line: Int
    ) {
        self.code = code
        self.sqlState = sqlState
        self.message = message
        self.detail = detail
        self.hint = hint
        self.constraint = constraint
        self.position = position
        self.outcomeUnknown = outcomeUnknown
        self.isStalePlan = isStalePlan
        self.file = file
        self.line = line
    }

    /// The same words under another code: a server's answer to *our* cancel is `.cancelled` or `.timeout`.
    func with(code: Code, outcomeUnknown: Bool = false) -> PostgresError {
        PostgresError(
            code: code, message: message, sqlState: sqlState, detail: detail, hint: hint, constraint: constraint,
            position: position, outcomeUnknown: outcomeUnknown, isStalePlan: isStalePlan, file: file, line: line)
    }
}

extension PostgresError {
    /// Whether trying the same thing again, later, can help.
    ///
    /// It says nothing about safety: when `outcomeUnknown` is true, try again only what is idempotent.
    public var canRetry: Bool { isStalePlan || Self.canRetry(code: code, sqlState: sqlState) }

    /// The rule behind `canRetry`.
    ///
    /// - connection trouble, timeouts and a full pool pass by themselves, unless the server named a lasting reason
    ///   (wrong password, no such database, no right to connect);
    /// - a server's answer passes if it is of class 08 (connection), 40 (serialization, deadlock), 53 (resources), 58
    ///   (system) or 72 (snapshot), or 26000 (a pooler switched servers), 55006, 55P03 (locks), 57014 (cancelled by
    ///   another) or 57P01–03, 57P05 (restart);
    /// - all the rest (constraints, syntax, rights, data, settings, our own cancellation) stays as it is.
    public static func canRetry(code: Code, sqlState: SQLState?) -> Bool {
        switch code {
        case .server:
            return sqlState.map(passes) ?? false
        case .connectionFailed, .connectionLost:
            return sqlState.map(passes) ?? true
        case .timeout, .poolExhausted:
            return true
        case .cancelled, .poolClosed, .invalidConfiguration, .decoding, .protocolViolation:
            return false
        }
    }

    /// Whether an attempt to connect found no server that takes connections: nobody there, or one that is starting or
    /// ending. A server that answered otherwise (a wrong password, a role's connection limit) is not away.
    var isServerAway: Bool {
        switch code {
        case .connectionFailed, .connectionLost, .timeout:
            let isComingOrGoing: Set<SQLState> = [.cannotConnectNow, .adminShutdown, .crashShutdown]
            return sqlState.map(isComingOrGoing.contains) ?? true
        case .server, .cancelled, .poolExhausted, .poolClosed, .invalidConfiguration, .decoding, .protocolViolation:
            return false
        }
    }

    private static func passes(_ state: SQLState) -> Bool {
        let passingClasses: Set<Substring> = ["08", "40", "53", "58", "72"]
        let passingStates: Set<SQLState> = [
            .invalidStatementName, .objectInUse, .lockNotAvailable, .queryCanceled, .adminShutdown, .crashShutdown,
            .cannotConnectNow, .idleSessionTimeout,
        ]
        return passingClasses.contains(state.conditionClass) || passingStates.contains(state)
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Code, SQLSTATE, message and constraint, without any value of a row or parameter.
    public var description: String {
        var text = "PostgresError.\(code)"
        if let sqlState { text += " \(sqlState)" }
        text += ": \(redactedMessage)"
        if let constraint { text += " (constraint \(constraint))" }
        if outcomeUnknown { text += " (outcome unknown)" }
        return text
    }

    /// Everything, values included: for a developer's eyes, not for logs.
    public var debugDescription: String {
        var text = "PostgresError.\(code)"
        if let sqlState { text += " \(sqlState)" }
        text += ": \(message)"
        if let constraint { text += "; constraint: \(constraint)" }
        if let detail { text += "; detail: \(detail)" }
        if let hint { text += "; hint: \(hint)" }
        if let position { text += "; at character \(position)" }
        if outcomeUnknown { text += "; outcome unknown" }
        return text + " [\(file):\(line)]"
    }

    /// Messages of class 22 (data exception) quote the offending value: what stands between the first and the last
    /// quotation mark is left out.
    private var redactedMessage: String {
        guard let sqlState, sqlState.conditionClass == "22",
            let first = message.firstIndex(of: "\""), let last = message.lastIndex(of: "\""), first < last
        else { return message }
        return message[...first] + "…" + message[last...]
    }
}
