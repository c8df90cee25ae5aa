// One call of posix_spawn with everything that has to be right for a child that we supervise: its own process group, no
// inherited signal settings, exactly three descriptors that we chose.

#if canImport(Darwin)
@preconcurrency import Darwin
#else
@preconcurrency import Glibc
#endif

package enum Spawn {
    /// Signals that a child must find with their default meaning, whatever we ignore or handle.
    private static let resetSignals = [
        SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU,
    ]

    /// Starts `program` as the leader of a new process group.
    ///
    /// - Parameters:
    ///   - program: a path, or a name to be looked up in `PATH`.
    ///   - arguments: without the program's own name, which is added.
    ///   - environment: `NAME=value` each; nil hands down ours.
    ///   - input, output: what becomes the child's descriptors 0, and 1 and 2.
    /// - Returns: its process id, which is also its group's.
    static func start(
        _ program: String, _ arguments: [String], environment: [String]? = nil, input: Int32, output: (Int32, Int32)
    ) throws(ProcessError) -> pid_t {
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        var attributes: posix_spawnattr_t?
        let closeOthers = POSIX_SPAWN_CLOEXEC_DEFAULT
        #else
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        let closeOthers: Int32 = 0
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        for (source, target) in [(input, 0), (output.0, 1), (output.1, 2)] as [(Int32, Int32)] {
            posix_spawn_file_actions_adddup2(&actions, source, target)
        }
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for signal in self.resetSignals { sigaddset(&defaults, signal) }
        var unblocked = sigset_t()
        sigemptyset(&unblocked)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setsigmask(&attributes, &unblocked)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = Int32(POSIX_SPAWN_SETPGROUP) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK)
        posix_spawnattr_setflags(&attributes, Int16(flags | closeOthers))

        var pid: pid_t = 0
        let result = withCStrings([program] + arguments) { argv in
            guard let environment else { return posix_spawnp(&pid, program, &actions, &attributes, argv, environ) }
            return withCStrings(environment) { posix_spawnp(&pid, program, &actions, &attributes, argv, $0) }
        }
        guard result == 0 else {
            throw ProcessError(.spawnFailed, "cannot start \(program)", errorNumber: result)
        }
        return pid
    }

    /// A connected pair of sockets that no child inherits unless told to. (On Linux without a gap in which a child that
    /// another thread starts could; macOS has no such call, and there `CLOEXEC_DEFAULT` guards our own children.)
    static func socketPair() throws(ProcessError) -> (Int32, Int32) {
        var pair: [Int32] = [-1, -1]
        #if canImport(Darwin)
        let type = SOCK_STREAM
        #else
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        #endif
        guard socketpair(AF_UNIX, type, 0, &pair) == 0 else {
            throw ProcessError(.spawnFailed, "cannot make a pair of sockets", errorNumber: errno)
        }
        // Above 2, so that none is overwritten while the child's own three descriptors are put in place.
        let high = pair.map { fcntl($0, F_DUPFD_CLOEXEC, 3) }
        let number = errno
        for descriptor in pair { close(descriptor) }
        guard high[0] >= 0, high[1] >= 0 else {
            for descriptor in high where descriptor >= 0 { close(descriptor) }
            throw ProcessError(.spawnFailed, "cannot make a pair of sockets", errorNumber: number)
        }
        #if canImport(Darwin)
        var on: Int32 = 1
        setsockopt(high[0], SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(high[1], SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        #endif
        return (high[0], high[1])
    }

    /// Sends all of `text` without ever raising SIGPIPE; false when the other end is gone.
    package static func send(_ text: String, to socket: Int32) -> Bool {
        #if canImport(Darwin)
        let flags: Int32 = 0  // SO_NOSIGPIPE is set
        #else
        let flags = Int32(MSG_NOSIGNAL)
        #endif
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemSend(socket, $0.baseAddress, $0.count, flags) }
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

/// `send(2)` under a name that no method hides.
private func systemSend(_ socket: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
    send(socket, bytes, count, flags)
}

/// Lends `strings` as a C array that ends with NULL.
func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() { (pointers + index).initialize(to: strdup(string)) }
    (pointers + strings.count).initialize(to: nil)
    defer {
        for index in strings.indices { free(pointers[index]) }
        pointers.deallocate()
    }
    return body(pointers)
}
