// Standard output and error as descriptors: all of a text or an error, no buffer that an exit could lose.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

enum StandardStream: Int32, Sendable {
    case output = 1
    case error = 2

    var isTerminal: Bool { isatty(self.rawValue) == 1 }

    /// Writes all of it; blocks as long as the reader does not read.
    ///
    /// - Throws: `CommandFailure(.inputOutput)`: the reader is gone, the disk is full. Part of it may be written.
    func write(_ text: String) throws(CommandFailure) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let (count, failure) = bytes.withUnsafeBytes { buffer in
                #if canImport(Glibc)
                let count = Glibc.write(self.rawValue, buffer.baseAddress, buffer.count)
                #elseif canImport(Musl)
                let count = Musl.write(self.rawValue, buffer.baseAddress, buffer.count)
                #else
                let count = Darwin.write(self.rawValue, buffer.baseAddress, buffer.count)
                #endif
                return (count, errno)
            }
            if count >= 0 {
                bytes = bytes.dropFirst(count)
            } else if failure == EAGAIN {
                var waiting = pollfd(fd: self.rawValue, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
            } else if failure != EINTR {
                throw CommandFailure(
                    .inputOutput, self == .output ? "standard output" : "standard error",
                    errorNumber: failure)
            }
        }
    }
}

extension CommandFailure {
    /// A system call's failure on something.
    init(_ exit: Sysexit, _ thing: String, errorNumber: Int32) {
        self.init(exit, field: thing, String(cString: strerror(errorNumber)))
    }
}
