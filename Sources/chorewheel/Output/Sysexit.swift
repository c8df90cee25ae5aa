// The exit codes of every command, after sysexits(3): what a script can tell apart without reading messages.

/// Why a command failed, as its exit code.
enum Sysexit: Int32, Sendable, Hashable, CaseIterable {
    /// The command line makes no sense.
    case usage = 64
    /// An input breaks a rule, or contradicts what is there (a slug that is taken, a key with another payload).
    case data = 65
    /// There is no such job, family, queue or file.
    case notFound = 66
    /// PostgreSQL or Redis cannot be reached, or a program is not installed.
    case unavailable = 69
    /// An error of this program, or of what it found.
    case software = 70
    /// Standard output, or a file, could not be written or read.
    case inputOutput = 74
    /// Not now; the same command can succeed later.
    case temporary = 75
    /// A server refused the password, or the right to do it.
    case noPermission = 77
    /// A setting is missing or wrong.
    case configuration = 78

    /// The word in the JSON of an error.
    var word: String {
        switch self {
        case .usage: "usage"
        case .data: "invalid"
        case .notFound: "not_found"
        case .unavailable: "unavailable"
        case .software: "internal_error"
        case .inputOutput: "input_output"
        case .temporary: "temporary_failure"
        case .noPermission: "no_permission"
        case .configuration: "configuration"
        }
    }
}
