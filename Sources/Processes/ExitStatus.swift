// How a process ended, and the names of the signals that end it.

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// How a process ended.
public enum ExitStatus: Sendable, Hashable, CustomStringConvertible {
    /// It ended by itself with this code, 0…255; 0 is success.
    case exited(Int32)
    /// This signal ended it.
    case signalled(Int32)

    /// Decodes what `waitpid` reports. The WIF… macros do not reach Swift; this layout is that of Linux and of macOS.
    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited((waitStatus >> 8) & 0xff) : .signalled(signal)
    }

    public var isSuccess: Bool { self == .exited(0) }

    /// The code a shell would show: the exit code, or 128 + signal.
    public var shellCode: Int32 {
        switch self {
        case .exited(let code): code
        case .signalled(let signal): 128 + signal
        }
    }

    public var description: String {
        switch self {
        case .exited(let code): "exited with \(code)"
        case .signalled(let signal): "was ended by signal \(signal)"
        }
    }
}

/// The signals that politely ask a process to end.
public enum StopSignal: String, Sendable, Hashable, CaseIterable {
    case terminate = "TERM"
    case interrupt = "INT"
    case quit = "QUIT"

    public var number: Int32 {
        switch self {
        case .terminate: SIGTERM
        case .interrupt: SIGINT
        case .quit: SIGQUIT
        }
    }
}
