// The leash, as a real process: what holds it, what it holds, and how both end.

import LocalServers
import TestSupport
import Testing

@testable import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

@Suite("The leash", .timeLimit(.minutes(2)))
struct LeashTests {
    let executable: String
    let directory: ScratchDirectory

    init() throws {
        self.executable = try BuiltExecutable.path()
        self.directory = try ScratchDirectory()
    }

    @Test("hands on the exit code of its command", arguments: [0, 1, 7, 255] as [Int32])
    func exitCode(code: Int32) async throws {
        let child = try self.shell("exit \(code)")
        #expect(await child.wait() == .exited(code))
    }

    @Test("tells a command that a signal ended from one that exited with the same code")
    func signalled() async throws {
        #expect(await (try self.shell("kill -9 $$")).wait() == .signalled(SIGKILL))
        #expect(await (try self.shell("exit 137")).wait() == .exited(137))
    }

    @Test("kills its command when its parent is killed with -9")
    func parentKilled() async throws {
        // The shell holds the writing end of the leash's standard input, as our own processes do, and is then killed.
        let file = "\(self.directory.path)/pid"
        let script = """
            mkfifo "$2/held" "$2/never"
            "$1" leash --grace 1 -- sh -c 'echo $$ >"$1/pid.new"; mv "$1/pid.new" "$1/pid"; exec sleep 1000' sh "$2" \
                <"$2/held" &
            exec 9>"$2/held"
            read never <"$2/never"
            """
        let parent = try Subprocess("/bin/sh", ["-c", script, "sh", self.executable, self.directory.path])
        try await eventually("the command runs") { access(file, R_OK) == 0 }
        let pid = try #require(Int32(self.directory.text(of: "pid").filter(\.isNumber)))
        #expect(isAlive(pid))
        parent.kill()
        try await eventually("the command is gone") { !isAlive(pid) }
    }

    @Test("kills a command that ignores the stop signal after the grace, and what it has started")
    func grace() async throws {
        let child = try self.shell("trap '' TERM; sleep 1000 & echo $! >inner; mv inner pid; wait; wait")
        try await eventually("the command runs") { access("\(self.directory.path)/pid", R_OK) == 0 }
        let inner = try #require(Int32(self.directory.text(of: "pid").filter(\.isNumber)))
        #expect(await child.stop(grace: .milliseconds(100)) == .signalled(SIGKILL))
        try await eventually("its child is gone") { !isAlive(inner) }
    }

    @Test("asks its command politely first")
    func polite() async throws {
        let child = try self.shell("trap 'exit 3' INT; touch ready; while :; do sleep 0.01; done")
        try await eventually("the command runs") { access("\(self.directory.path)/ready", F_OK) == 0 }
        #expect(await child.stop(signal: .interrupt) == .exited(3))
    }

    @Test("stops its command when the last reference to the child goes away")
    func letGo() async throws {
        var child: ChildProcess? = try self.shell("exec sleep 1000")
        let pid = try await #require(child).processID()
        child = nil
        try await eventually("the command is gone") { !isAlive(pid) }
    }

    @Test("ends a command that is suspended")
    func suspended() async throws {
        let child = try self.shell("exec sleep 1000")
        _ = try await child.processID()
        child.kill(SIGSTOP)
        #expect(await child.stop() == .signalled(SIGTERM))
    }

    @Test("does not let one child keep another's leash")
    func siblings() async throws {
        var first: ChildProcess? = try self.shell("exec sleep 1000")
        let pid = try await #require(first).processID()
        let second = try self.shell("exec sleep 1000")
        _ = try await second.processID()
        first = nil
        try await eventually("the first command is gone") { !isAlive(pid) }
        #expect(second.exitStatus == nil)
        await second.stop()
    }

    @Test("says why a command could not be run")
    func missingCommand() async throws {
        let child = try ChildProcess.spawn(.init("/nonexistent/command"), leash: self.executable)
        let error = await #expect(throws: ProcessError.self) { try await child.processID() }
        #expect(error?.code == .spawnFailed)
        #expect(error?.message.contains("/nonexistent/command") == true)
        #expect(await child.wait() == .exited(127))
    }

    @Test("refuses a command whose lock another command holds, and names that")
    func lock() async throws {
        var configuration = ChildProcess.Configuration("sleep", ["1000"])
        configuration.lock = "\(self.directory.path)/lock"
        let first = try ChildProcess.spawn(configuration, leash: self.executable)
        let pid = try await first.processID()
        let second = try ChildProcess.spawn(configuration, leash: self.executable)
        let error = await #expect(throws: ProcessError.self) { try await second.processID() }
        #expect(error?.message.contains("process \(pid)") == true)
        await first.stop()
        let third = try ChildProcess.spawn(configuration, leash: self.executable)
        _ = try await third.processID()
        await third.stop()
    }

    @Test("removes the temporary directory it was told to, at the end")
    func removal() async throws {
        var configuration = ChildProcess.Configuration("true")
        let inner = "\(self.directory.path)/chorewheel-inner"
        #expect(mkdir(inner, 0o700) == 0)
        #expect(symlink("/etc", "\(inner)/link") == 0)
        configuration.removeDirectories = [inner]
        #expect(await (try ChildProcess.spawn(configuration, leash: self.executable)).wait() == .exited(0))
        #expect(access(inner, F_OK) != 0)
        #expect(access("/etc/passwd", F_OK) == 0)
    }

    @Test(
        "refuses to remove what is not a temporary directory of ours",
        arguments: ["/", "/tmp", "/usr/lib", "relative"])
    func refusedRemoval(path: String) async throws {
        var configuration = ChildProcess.Configuration("touch", ["\(self.directory.path)/ran"])
        configuration.removeDirectories = [path]
        configuration.output = .discarded
        #expect(await (try ChildProcess.spawn(configuration, leash: self.executable)).wait() == .exited(64))
        #expect(access("\(self.directory.path)/ran", F_OK) != 0)
    }

    @Test("runs a command as another user when root says so", .enabled(if: geteuid() == 0, "needs root"))
    func otherUser() async throws {
        var configuration = ChildProcess.Configuration("sh", ["-c", "id -un; id -Gn"])
        configuration.user = "nobody"
        configuration.output = .file("\(self.directory.path)/output")
        #expect(await (try ChildProcess.spawn(configuration, leash: self.executable)).wait() == .exited(0))
        #expect(try self.directory.text(of: "output").split(separator: "\n").first == "nobody")
        #expect(!(try self.directory.text(of: "output").contains("root")))
    }

    private func shell(_ script: String) throws -> ChildProcess {
        var configuration = ChildProcess.Configuration("/bin/sh", ["-c", script])
        configuration.workingDirectory = self.directory.path
        return try ChildProcess.spawn(configuration, leash: self.executable)
    }
}
