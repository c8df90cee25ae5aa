// What these tests need that no product does: a directory that goes away, and a plain child without a leash.

import LocalServers
import Testing

@testable import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A temporary directory, removed with everything in it when the value goes away.
final class ScratchDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/chorewheel-scratch-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        // Reachable for the user who runs PostgreSQL for root.
        try #require(chmod(template, 0o711) == 0)
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        if let remover = try? Subprocess("/bin/rm", ["-rf", self.path]) { remover.wait() }
    }

    func text(of name: String) throws -> String {
        let file = try #require(fopen("\(self.path)/\(name)", "r"))
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}

/// A child as any other program would start one; killed when the value goes away.
final class Subprocess: Sendable {
    let pid: pid_t

    init(_ path: String, _ arguments: [String]) throws {
        var child: pid_t = 0
        var argv: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for pointer in argv { free(pointer) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/local/bin:/usr/bin:/bin"), nil]
        defer { for pointer in environment { free(pointer) } }
        try #require(posix_spawn(&child, path, nil, nil, &argv, &environment) == 0)
        self.pid = child
    }

    deinit { self.kill() }

    func kill() { systemKill(self.pid) }

    func wait() {
        var status: Int32 = 0
        waitpid(self.pid, &status, 0)
    }
}

private func systemKill(_ pid: pid_t) {
    kill(pid, SIGKILL)
    var status: Int32 = 0
    // An unreaped child would stay as a zombie.
    waitpid(pid, &status, 0)
}

/// Whether a process exists and has not ended. A zombie has: some containers' init never reaps.
func isAlive(_ pid: Int32) -> Bool {
    guard kill(pid, 0) == 0 else { return false }
    return !["Z", "X"].contains(stateLetter(of: pid))
}

/// The state letter of a process, as `ps` shows it; nil when there is no such process, or no /proc (macOS).
func stateLetter(of pid: Int32) -> Character? {
    guard let file = fopen("/proc/\(pid)/stat", "r") else { return nil }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = fread(&buffer, 1, buffer.count, file)
    let text = String(decoding: buffer.prefix(count), as: UTF8.self)
    return text.split(separator: ")").last?.split(separator: " ").first?.first
}
