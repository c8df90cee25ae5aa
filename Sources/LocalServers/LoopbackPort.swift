// A TCP port on 127.0.0.1 that is picked once and remembered in a file, so that a server's address survives restarts.
// Another program may take the port between our look and the server's bind; the server then fails to start, and
// ServerProcess asks again.

public import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

public enum LoopbackPort {
    /// The port remembered in `file` if it is free now, else a new one, remembered.
    public static func choose(rememberedIn file: String) throws(ProcessError) -> UInt16 {
        if let text = try FileSystem.text(of: file), let port = UInt16(text.filter { !$0.isWhitespace }),
            port > 0, self.isFree(port)
        {
            return port
        }
        let port = try self.findFree()
        try FileSystem.write("\(port)\n", to: file, mode: 0o644)
        return port
    }

    /// Whether a server could listen there now.
    static func isFree(_ port: UInt16) -> Bool {
        self.withSocket { descriptor in
            // Connections that ended a moment ago do not count.
            var on: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
            return self.withAddress(port) { bind(descriptor, $0, $1) } == 0
        } && !self.answers(port)
    }

    /// Whether somebody listens there. On loopback the kernel answers at once, without the server's help.
    static func answers(_ port: UInt16) -> Bool {
        self.withSocket { descriptor in self.withAddress(port) { connect(descriptor, $0, $1) } == 0 }
    }

    /// Sends `request` to whoever listens, and returns what comes back until `isComplete`, end-of-file, or one second
    /// of silence. Blocks: call it on a thread.
    static func exchange(_ request: String, port: UInt16, until isComplete: (String) -> Bool) -> String {
        self.withSocket { descriptor in
            var limit = timeval(tv_sec: 1, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            guard self.withAddress(port, { connect(descriptor, $0, $1) }) == 0, Spawn.send(request, to: descriptor)
            else { return "" }
            var answer: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while answer.count < 65_536, !isComplete(String(decoding: answer, as: UTF8.self)) {
                let count = read(descriptor, &buffer, buffer.count)
                guard count > 0 else { break }
                answer += buffer.prefix(count)
            }
            return String(decoding: answer, as: UTF8.self)
        }
    }

    private static func findFree() throws(ProcessError) -> UInt16 {
        let port: UInt16 = self.withSocket { descriptor in
            guard self.withAddress(0, { bind(descriptor, $0, $1) }) == 0 else { return 0 }
            var address = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
            }
            return result == 0 ? UInt16(bigEndian: address.sin_port) : 0
        }
        guard port > 0 else {
            throw ProcessError(.startFailed, "there is no free port on 127.0.0.1", errorNumber: errno)
        }
        return port
    }

    private static func withSocket<Value>(_ body: (Int32) -> Value) -> Value {
        #if canImport(Darwin)
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        #else
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #endif
        // A descriptor of -1 makes every call on it fail, which says what is to be said.
        defer { if descriptor >= 0 { close(descriptor) } }
        return body(descriptor)
    }

    private static func withAddress<Value>(
        _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
    ) -> Value {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
