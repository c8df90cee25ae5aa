// The command line of `chorewheel leash`, as a value: parsed here, written by ChildProcess, and nothing else.

/// `leash [--control] [--user NAME] [--directory DIR] [--lock FILE] [--stop-signal TERM|INT|QUIT] [--grace SECONDS]
/// [--orphan-grace SECONDS] [--orphan-hurry SECONDS]
/// [--await-lock FILE]… [--remove-directory DIR]… -- COMMAND ARGUMENTS…`
struct LeashArguments: Sendable, Equatable {
    static let usage = """
        Usage: chorewheel leash [OPTIONS] -- COMMAND [ARGUMENTS...]

        Runs COMMAND until it ends, or until standard input is closed: then COMMAND is asked to stop, and killed if it
        takes too long. Ends with COMMAND's own status (128 + signal if it was killed).

          --user NAME              run COMMAND as this user (root only)
          --directory DIR          run COMMAND in this directory
          --lock FILE              hold a lock on FILE while COMMAND, or anything it started, runs
          --stop-signal SIGNAL     TERM (default), INT or QUIT
          --grace SECONDS          how long COMMAND may take to stop; default 10
          --orphan-grace SECONDS   the same, when standard input was closed; default: as --grace
          --orphan-hurry SECONDS   then, after so long, COMMAND gets INT, too, which tells it to hurry
          --await-lock FILE        before removing anything, wait until nobody holds a lock on FILE
          --remove-directory DIR   at the end, delete this temporary directory (named chorewheel-...)
          --control                read orders from and report to standard input, a socket

        """

    var command: [String] = []
    var control = false
    var user: String?
    var directory: String?
    var lock: String?
    var stopSignal = StopSignal.terminate
    var grace = Duration.seconds(10)
    /// How long the command may take to stop once its holder is gone; nil: the grace.
    var orphanGrace: Duration?
    /// When it is told to hurry once its holder is gone; nil: never.
    var orphanHurry: Duration?
    var awaitLocks: [String] = []
    var removeDirectories: [String] = []

    init(command: [String]) { self.command = command }

    /// Reads what follows the word `leash`.
    ///
    /// - Throws: `.invalidArgument` with a sentence for the user.
    init(parsing arguments: [String]) throws(ProcessError) {
        var rest = arguments[...]
        func value(of option: String) throws(ProcessError) -> String {
            guard let value = rest.popFirst() else {
                throw ProcessError(.invalidArgument, "\(option) needs a value")
            }
            return value
        }
        parsing: while let option = rest.popFirst() {
            switch option {
            case "--": break parsing
            case "--control": self.control = true
            case "--user": self.user = try value(of: option)
            case "--directory": self.directory = try value(of: option)
            case "--lock": self.lock = try value(of: option)
            case "--await-lock": self.awaitLocks.append(try value(of: option))
            case "--remove-directory": self.removeDirectories.append(try value(of: option))
            case "--stop-signal":
                let name = try value(of: option)
                guard let signal = StopSignal(rawValue: name) else {
                    throw ProcessError(.invalidArgument, "--stop-signal is TERM, INT or QUIT, not \(name)")
                }
                self.stopSignal = signal
            case "--grace": self.grace = try Self.seconds(option, try value(of: option))
            case "--orphan-grace": self.orphanGrace = try Self.seconds(option, try value(of: option))
            case "--orphan-hurry": self.orphanHurry = try Self.seconds(option, try value(of: option))
            default:
                throw ProcessError(.invalidArgument, "unknown option \(option)")
            }
        }
        self.command = Array(rest)
        guard !self.command.isEmpty else {
            throw ProcessError(.invalidArgument, "no command after --")
        }
    }

    private static func seconds(_ option: String, _ text: String) throws(ProcessError) -> Duration {
        // A week: longer than the longest grace that a worker may be given, a day, with all that comes after it.
        guard let seconds = Double(text), seconds >= 0, seconds <= 604_800 else {
            throw ProcessError(.invalidArgument, "\(option) is 0 to 604800 seconds, not \(text)")
        }
        return .milliseconds(Int64(seconds * 1000))
    }

    /// What `init(parsing:)` reads back as this value.
    var words: [String] {
        var words: [String] = []
        if self.control { words.append("--control") }
        if let user { words += ["--user", user] }
        if let directory { words += ["--directory", directory] }
        if let lock { words += ["--lock", lock] }
        words += ["--stop-signal", self.stopSignal.rawValue]
        words += ["--grace", String(Double(self.grace.inMilliseconds) / 1000)]
        if let orphanGrace {
            words += ["--orphan-grace", String(Double(orphanGrace.inMilliseconds) / 1000)]
        }
        if let orphanHurry {
            words += ["--orphan-hurry", String(Double(orphanHurry.inMilliseconds) / 1000)]
        }
        for file in self.awaitLocks { words += ["--await-lock", file] }
        for directory in self.removeDirectories { words += ["--remove-directory", directory] }
        return words + ["--"] + self.command
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var inMilliseconds: Int64 {
        self.components.seconds * 1000 + self.components.attoseconds / 1_000_000_000_000_000
    }
}
