// One HTTP connection to a server on this machine: what a web tier's kept connection is, without a client's own cost.

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// A kept connection. It blocks its thread: the benchmark waits for the answer and does nothing else.
final class LoopbackHTTP {
    private let descriptor: Int32
    private let token: String

    /// - Throws: `BenchFailure` when nobody listens.
    init(port: UInt16, token: String) throws {
        self.token = token
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var on: Int32 = 1
        setsockopt(self.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var limit = timeval(tv_sec: 15, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            let number = errno
            close(self.descriptor)
            throw BenchFailure("nobody listens on port \(port): errno \(number)")
        }
    }

    deinit { close(self.descriptor) }

    /// - Returns: The answer's status, when all of it is there.
    /// - Throws: `BenchFailure` when the connection ends first, or the answer has no length.
    func send(_ method: String, _ path: String, body: String = "") throws -> Int {
        let request = """
            \(method) \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer \(self.token)\r\n\
            content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)
            """
        let bytes = Array(request.utf8)
        guard write(self.descriptor, bytes, bytes.count) == bytes.count else {
            throw BenchFailure("the request could not be sent: errno \(errno)")
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(self.descriptor, &buffer, buffer.count)
            guard count > 0 else { throw BenchFailure("the answer ended early: errno \(errno)") }
            answer += buffer[..<count]
            if let status = try Self.status(ofWhole: answer) { return status }
        }
    }

    /// nil: there is more to come.
    private static func status(ofWhole answer: [UInt8]) throws -> Int? {
        let text = String(decoding: answer, as: UTF8.self)
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let lines = parts[0].split(separator: "\r\n")
        let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst("content-length:".count).filter(\.isNumber)) }
        guard let length, let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw BenchFailure("an answer without a length or a status")
        }
        return parts[1].utf8.count >= length ? status : nil
    }
}
