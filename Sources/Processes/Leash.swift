// The leash: the small process between us and each child, so that a child never outlives us, whatever ends us.
//
// Its standard input is held open by its parent. When the parent ends, even by SIGKILL or a crash, the kernel closes
// that, the leash reads end-of-file and stops its command. No polling, no PID files, nothing that only Linux has.
//
// Plain blocking POSIX and a few threads, no Swift concurrency: it must work in a process that does nothing else,
// before anything has been set up. It is reached as the first argument of `chorewheel`.
//
// What it cannot do: a `kill -9` of the leash itself leaves the command behind. Then the command still holds the lock
// (`--lock`), so that the next start finds it and says its process id.

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// The `leash` command of the executable.
public enum Leash {
    /// The word that selects it.
    public static let commandName = "leash"
    /// Selects the second stage, see `become`.
    private static let becomeName = "--become"

    /// Exit codes of its own, after sysexits.h and the shells.
    enum ExitCode {
        static let usage: Int32 = 64
        static let noUser: Int32 = 67
        static let osError: Int32 = 71
        static let locked: Int32 = 75
        static let cannotExecute: Int32 = 126
        static let notFound: Int32 = 127
    }

    /// Runs the command described by `arguments`, the words after `leash`, and exits with its status.
    ///
    /// Blocks the calling thread; call it first thing in `main`, while the process has one thread.
    public static func run(arguments: [String]) -> Never {
        if arguments.first == self.becomeName { self.become(Array(arguments.dropFirst())) }
        if arguments.isEmpty || arguments == ["--help"] || arguments == ["-h"] {
            _ = FileSystem.writeAll(Array(LeashArguments.usage.utf8), to: arguments.isEmpty ? 2 : 1)
            exit(arguments.isEmpty ? ExitCode.usage : 0)
        }
        do throws(ProcessError) {
            let plan = try LeashArguments(parsing: arguments)
            self.closeInherited()
            try LeashSupervisor(plan).run()
        } catch {
            self.fail(error.description, code: error.code == .invalidArgument ? ExitCode.usage : ExitCode.osError)
        }
    }

    /// The words with which this executable runs `command` as `user`. Two stages, so that the leash itself keeps the
    /// right to signal its command and to clear up after it.
    static func becoming(_ user: String, command: [String]) -> [String] {
        [self.commandName, self.becomeName, user] + command
    }

    /// Second stage: gives up root for good, then becomes the command.
    private static func become(_ arguments: [String]) -> Never {
        guard let name = arguments.first, arguments.count >= 2 else {
            self.fail("\(self.becomeName) needs a user and a command", code: ExitCode.usage)
        }
        guard let entry = getpwnam(name) else { self.fail("there is no user \(name)", code: ExitCode.noUser) }
        let (user, group) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        #if canImport(Darwin)
        let groups = initgroups(name, Int32(bitPattern: group))
        #else
        let groups = initgroups(name, group)
        #endif
        // Groups before user: afterwards it is forbidden. Then prove that there is no way back.
        guard groups == 0, setgid(group) == 0, setuid(user) == 0, user == 0 || setuid(0) != 0 else {
            self.fail(
                ProcessError(.spawnFailed, "cannot become \(name)", errorNumber: errno).description,
                code: ExitCode.osError)
        }
        let command = Array(arguments.dropFirst())
        let number = withCStrings(command) { argv in
            execvp(command[0], argv)
            return errno
        }
        self.fail(
            ProcessError(.spawnFailed, "cannot run \(command[0])", errorNumber: number).description,
            code: number == ENOENT ? ExitCode.notFound : ExitCode.cannotExecute)
    }

    /// Closes what the parent happened to have open without close-on-exec: above all, the held end of another leash's
    /// socket, which would keep that one's command alive with us.
    private static func closeInherited() {
        let open = FileSystem.names(in: "/dev/fd").compactMap { Int32($0) }
        for descriptor in open where descriptor > 2 { close(descriptor) }
    }

    static func fail(_ message: String, code: Int32) -> Never {
        _ = FileSystem.writeAll(Array("chorewheel leash: \(message)\n".utf8), to: 2)
        exit(code)
    }
}
