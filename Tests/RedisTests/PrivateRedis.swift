// A redis-server (or sentinel) of one test's own, with whatever settings the test needs: for clusters, sentinels and
// sockets. Ends with the test process, whatever happens to it.

import LocalServers
import Logging
import Processes
import Redis
import TestSupport

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A directory and the servers in it; both go when the last reference does.
final class PrivateRedisGroup: Sendable {
    let directory: String
    private let leash: String
    private let keeper: ChildProcess

    init() throws {
        var template = Array("/tmp/chorewheel-redis-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ProcessError(.fileSystem, "cannot make a directory in /tmp", errorNumber: errno)
        }
        self.directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.leash = try BuiltExecutable.path()
        var nothing = ChildProcess.Configuration("sleep", ["2147483647"])
        nothing.workingDirectory = "/"
        nothing.removeDirectories = [self.directory]
        self.keeper = try ChildProcess.spawn(nothing, leash: self.leash)
    }

    /// Starts a server and waits until it answers on its port (`settings["port"]` or, with port 0, its socket).
    func start(_ name: String, url: String, sentinel: Bool = false, settings: [String]) async throws -> ChildProcess {
        // Before anything is made here that the keeper should remove.
        _ = try await self.keeper.processID()
        let file = "\(self.directory)/\(name).conf"
        let lines = ["dir \(self.directory)", "logfile \(name).log", "save \"\""] + settings
        let text = lines.joined(separator: "\n") + "\n"
        guard let stream = fopen(file, "w") else {
            throw ProcessError(.fileSystem, "cannot write \(file)", errorNumber: errno)
        }
        fputs(text, stream)
        fclose(stream)
        var configuration = ChildProcess.Configuration("redis-server", [file] + (sentinel ? ["--sentinel"] : []))
        configuration.output = .discarded
        configuration.grace = .seconds(2)
        let child = try ChildProcess.spawn(configuration, leash: self.leash)
        let client = RedisClient(configuration: try RedisConfiguration(url: url), logger: .quiet)
        try await eventually("\(name) answers") {
            guard child.exitStatus == nil else { throw ProcessError(.startFailed, "\(name) has ended") }
            do {
                return try await client.send(RedisCommand("PING")) == .status("PONG")
            } catch let error as RedisError where error.canRetry {
                return false
            }
        }
        await client.close()
        return child
    }

    /// Ports that are free now, and whose number plus 10,000 (a cluster's bus) is too.
    static func freePorts(_ count: Int) throws -> [Int] {
        var ports: [Int] = []
        for _ in 0..<10_000 where ports.count < count {
            // Below the range from which the kernel gives out ports to clients.
            let port = Int.random(in: 10_000...22_000)
            if !ports.contains(port), self.isFree(port), self.isFree(port + 10_000) { ports.append(port) }
        }
        guard ports.count == count else { throw ProcessError(.startFailed, "no free ports") }
        return ports
    }

    private static func isFree(_ port: Int) -> Bool {
        #if canImport(Darwin)
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #else
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
