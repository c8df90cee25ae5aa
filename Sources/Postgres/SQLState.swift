// The five characters by which PostgreSQL names an error, with the ones that code here and above matches on.
// It is not a list of all of them (that is the manual's appendix A), and it decides nothing: see `PostgresError`.

/// A SQLSTATE: two characters of class, three of condition.
public struct SQLState: Hashable, Sendable, RawRepresentable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The five characters, as the server sent them.
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { self.rawValue = value }

    /// The first two characters, which name the family of conditions (`23`: integrity constraint violation).
    public var conditionClass: Substring { rawValue.prefix(2) }
    public var description: String { rawValue }
}

extension SQLState {
    // 08, 28, 3D: reaching a database.
    public static let connectionException: SQLState = "08000"
    public static let connectionDoesNotExist: SQLState = "08003"
    public static let connectionFailure: SQLState = "08006"
    public static let invalidAuthorization: SQLState = "28000"
    public static let invalidPassword: SQLState = "28P01"
    public static let invalidCatalogName: SQLState = "3D000"

    // 0A, 22, 23: what was asked, and with which data.
    public static let featureNotSupported: SQLState = "0A000"
    public static let stringDataRightTruncation: SQLState = "22001"
    public static let numericValueOutOfRange: SQLState = "22003"
    public static let invalidTextRepresentation: SQLState = "22P02"
    public static let restrictViolation: SQLState = "23001"
    public static let notNullViolation: SQLState = "23502"
    public static let foreignKeyViolation: SQLState = "23503"
    public static let uniqueViolation: SQLState = "23505"
    public static let checkViolation: SQLState = "23514"
    public static let exclusionViolation: SQLState = "23P01"

    // 25, 26, 40: transactions and prepared statements.
    public static let activeTransaction: SQLState = "25001"
    public static let readOnlyTransaction: SQLState = "25006"
    public static let inFailedTransaction: SQLState = "25P02"
    public static let invalidStatementName: SQLState = "26000"
    public static let serializationFailure: SQLState = "40001"
    public static let statementCompletionUnknown: SQLState = "40003"
    public static let deadlockDetected: SQLState = "40P01"

    // 42: names, rights and syntax.
    public static let insufficientPrivilege: SQLState = "42501"
    public static let syntaxError: SQLState = "42601"
    public static let duplicateColumn: SQLState = "42701"
    public static let undefinedColumn: SQLState = "42703"
    public static let undefinedObject: SQLState = "42704"
    public static let duplicateObject: SQLState = "42710"
    public static let undefinedFunction: SQLState = "42883"
    public static let undefinedTable: SQLState = "42P01"
    public static let duplicateDatabase: SQLState = "42P04"
    public static let duplicateSchema: SQLState = "42P06"
    public static let duplicateTable: SQLState = "42P07"

    // 53, 55, 57: resources, locks and the operator.
    public static let diskFull: SQLState = "53100"
    public static let outOfMemory: SQLState = "53200"
    public static let tooManyConnections: SQLState = "53300"
    public static let objectInUse: SQLState = "55006"
    public static let lockNotAvailable: SQLState = "55P03"
    public static let queryCanceled: SQLState = "57014"
    public static let adminShutdown: SQLState = "57P01"
    public static let crashShutdown: SQLState = "57P02"
    public static let cannotConnectNow: SQLState = "57P03"
    public static let databaseDropped: SQLState = "57P04"
    public static let idleSessionTimeout: SQLState = "57P05"

    // P0: raised by PL/pgSQL.
    public static let raiseException: SQLState = "P0001"
}
