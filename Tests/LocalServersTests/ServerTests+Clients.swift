// The servers seen through their own command line clients, so that these tests trust no code of ours to look.

import LocalServers
import TestSupport
import Testing

@testable import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

extension TestServers {
    @discardableResult
    func psql(_ sql: String) async throws -> String {
        try await self.run("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.databaseURL, "-c", sql])
    }

    func redisCLI(_ words: String...) async throws -> String {
        try await self.run("redis-cli", ["--no-auth-warning", "-u", self.redis.url ?? self.redisURL] + words)
    }

    /// What a command writes, without the last line's end.
    func run(_ command: String, _ arguments: [String]) async throws -> String {
        let scratch = try ScratchDirectory()
        var configuration = ChildProcess.Configuration(command, arguments)
        configuration.output = .file("\(scratch.path)/output")
        let child = try ChildProcess.spawn(configuration, leash: self.executable)
        _ = await child.wait()
        let text = try scratch.text(of: "output")
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    func port(of url: String) throws -> String {
        let afterHost = try #require(url.split(separator: "@").last?.split(separator: ":").last)
        return try String(#require(afterHost.split(separator: "/").first))
    }
}

/// Somebody else who listens on a port.
final class Listener: Sendable {
    let descriptor: Int32

    init(port: UInt16) throws {
        #if canImport(Darwin)
        let type = SOCK_STREAM
        #else
        let type = Int32(SOCK_STREAM.rawValue)
        #endif
        let descriptor = socket(AF_INET, type, 0)
        self.descriptor = descriptor
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(bound == 0 && listen(descriptor, 1) == 0)
    }

    deinit { close(self.descriptor) }
}
