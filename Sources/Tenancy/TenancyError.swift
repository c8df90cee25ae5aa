// The one error type of this module.

/// Why something about families, their databases or their migrations was refused or failed.
public struct TenancyError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable {
        /// An input breaks a rule; `field` names it. Nothing was done.
        case invalid
        /// The slug, or the id, is another family's; `field` says which. Nothing was done.
        case taken
        /// There is no such family, server or run.
        case notFound = "not_found"
        /// No active database server has room.
        case fleetFull = "fleet_full"
        /// A sealed secret does not open, or the keys are not usable.
        case secret
        /// A migration file, or the directory, breaks a rule; the message names the file. Nothing was done.
        case migrationFile = "migration_file"
        /// An applied migration's file is not the one that was applied; the message names the version. Nothing was
        /// done.
        case edited
        /// An applied migration has no file. Nothing was done.
        case missing
        /// The schema is not what the last migration left. Nothing was done.
        case drifted
        /// A down file did not bring back the schema that was there before its up file.
        case downMismatch = "down_mismatch"
        /// The database is not as a provisioned family's must be; the message says what is wrong.
        case unproven
    }

    public let code: Code
    public let field: String?
    public let message: String
    public let underlying: (any Error)?

    public init(_ code: Code, field: String? = nil, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.field = field
        self.message = message
        self.underlying = underlying
    }

    static func invalid(_ field: String, _ rule: String) -> TenancyError {
        TenancyError(.invalid, field: field, rule)
    }

    /// Whether trying the same thing again, later, can help without anybody's hand.
    public var canRetry: Bool {
        switch self.code {
        case .fleetFull, .unproven: true
        case .invalid, .taken, .notFound, .secret, .migrationFile, .edited, .missing, .drifted, .downMismatch: false
        }
    }

    public var description: String { self.field.map { "\($0) \(self.message)" } ?? self.message }
}
