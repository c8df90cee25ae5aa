// What a leash and the process that holds it say to each other over the leash's standard input, a socket: one line a
// message. Values only; no I/O.

/// From the holder to the leash.
enum LeashOrder: Sendable, Equatable {
    /// Send this signal to the command; SIGKILL, SIGSTOP and SIGCONT reach all of its descendants too.
    case signal(Int32)
    /// Ask the command to end by this signal, and kill it after that many milliseconds.
    case stop(signal: Int32, graceMilliseconds: Int64)

    var line: String {
        switch self {
        case .signal(let number): "signal \(number)\n"
        case .stop(let number, let grace): "stop \(number) \(grace)\n"
        }
    }

    /// Nil for a line that is no order.
    init?(line: Substring) {
        let words = line.split(separator: " ")
        switch (words.first, words.count) {
        case ("signal", 2):
            guard let number = Int32(words[1]) else { return nil }
            self = .signal(number)
        case ("stop", 3):
            guard let number = Int32(words[1]), let grace = Int64(words[2]), grace >= 0 else { return nil }
            self = .stop(signal: number, graceMilliseconds: grace)
        default: return nil
        }
    }
}

/// From the leash to its holder.
enum LeashReport: Sendable, Equatable {
    /// The command runs, under this process id.
    case started(Int32)
    /// The command never ran.
    case failed(String)
    /// The command has ended, and so will the leash.
    case ended(ExitStatus)

    var line: String {
        switch self {
        case .started(let pid): "started \(pid)\n"
        case .failed(let message): "failed \(String(message.map { $0.isNewline ? " " : $0 }))\n"
        case .ended(.exited(let code)): "exited \(code)\n"
        case .ended(.signalled(let signal)): "signalled \(signal)\n"
        }
    }

    /// Nil for a line that is no report.
    init?(line: Substring) {
        guard let space = line.firstIndex(of: " ") else { return nil }
        let rest = line[line.index(after: space)...]
        switch (line[..<space], Int32(rest)) {
        case ("failed", _): self = .failed(String(rest))
        case ("started", let pid?): self = .started(pid)
        case ("exited", let code?): self = .ended(.exited(code))
        case ("signalled", let signal?): self = .ended(.signalled(signal))
        default: return nil
        }
    }
}

/// Cuts a stream of bytes into lines.
struct LineSplitter {
    private var pending: [UInt8] = []

    /// The lines that `bytes` complete, without their ends. A longer unfinished line than 64 KiB is dropped.
    mutating func lines(adding bytes: some Sequence<UInt8>) -> [Substring] {
        var lines: [Substring] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(Substring(String(decoding: self.pending, as: UTF8.self)))
                self.pending.removeAll()
            } else if self.pending.count < 65_536 {
                self.pending.append(byte)
            }
        }
        return lines
    }
}
