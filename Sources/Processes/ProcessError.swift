// The module's one error type. Every failure of the leash, of a child or of a private server ends up here with a
// sentence that says what to do; nothing in it is secret, so `description` may be shown to anyone.

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Why a private server, or a child process, could not do what was asked.
public struct ProcessError: Error, Sendable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// A server's program is not installed. Installing it helps.
        case missingProgram
        /// Somebody else holds the directory. Trying again helps once the named process has ended.
        case locked
        /// The program could not be started at all.
        case spawnFailed
        /// The server ended, or did not answer, before it was ready. The message ends with its last log lines.
        case startFailed
        /// `start` was called on a server that runs, or another method on one that does not.
        case wrongState
        /// A file or directory could not be read, written or made.
        case fileSystem
        /// Something was asked that is refused for safety, or that makes no sense.
        case invalidArgument
    }

    public let code: Code
    public let message: String
    /// `errno` of the call that failed, when one did.
    public let errorNumber: Int32?
    public let file: String
    public let line: Int

    public init(
        _ code: Code, _ message: String, errorNumber: Int32? = nil, file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.message = message
        self.errorNumber = errorNumber
        self.file = file
        self.line = line
    }

    public var description: String {
        guard let errorNumber else { return self.message }
        return "\(self.message): \(Self.text(of: errorNumber))"
    }

    /// What the system calls `errno` value `number`.
    static func text(of number: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        // strerror_r, because strerror shares one buffer among threads. Both of its dialects fill or leave the buffer;
        // Swift imports the POSIX one.
        guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
