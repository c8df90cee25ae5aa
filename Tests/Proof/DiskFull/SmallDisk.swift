// A disk of a few megabytes, in memory, below a server's data; and a file that fills it.

internal import Processes

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// A small file system, mounted where a directory was.
struct SmallDisk: Sendable {
    let directory: String
    private var ballast: String { "\(self.directory)/ballast" }

    /// Puts a directory's files, which nobody uses now, on a disk of this size, in their old place.
    static func under(_ directory: String, megabytes: Int, leash: String) async throws -> SmallDisk {
        try await shell(
            """
            set -eu
            mkdir -p "$0"
            rm -rf "$0.before" && mv "$0" "$0.before" && mkdir "$0"
            mount -t tmpfs -o size=\(megabytes)m,mode=0700 tmpfs "$0"
            cp -a "$0.before/." "$0/" && chown --reference="$0.before" "$0" && chmod 0700 "$0" && rm -rf "$0.before"
            """, directory, leash: leash, "a small disk could not be mounted at \(directory)")
        return SmallDisk(directory: directory)
    }

    /// Takes what room is left. - Returns: How many bytes.
    func fill() throws -> Int {
        let file = open(self.ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw ProofFailure("cannot write \(self.ballast): errno \(errno)") }
        defer { close(file) }
        var bytes = 0
        for size in [1 << 20, 4096, 1] {
            let zeros = [UInt8](repeating: 0, count: size)
            while true {
                let written = write(file, zeros, size)
                if written <= 0 { break }
                bytes += written
            }
        }
        guard errno == ENOSPC else { throw ProofFailure("cannot fill \(self.directory): errno \(errno)") }
        return bytes
    }

    /// Gives the room back.
    func clear() { unlink(self.ballast) }

    /// Must be called when its server has stopped.
    func unmount(leash: String) async {
        try? await shell(#"umount "$0""#, self.directory, leash: leash, "\(self.directory) could not be unmounted")
    }
}

/// Runs a script of the shell.
private func shell(_ script: String, _ argument: String, leash: String, _ failure: String) async throws {
    let status = try await ChildProcess.run(
        .init("/bin/sh", ["-c", script, argument]), leash: leash, limit: .seconds(60))
    guard status.isSuccess else { throw ProofFailure("\(failure) (\(status)); its words are above") }
}

/// A mount name space of this process's own: what is mounted in it is gone with it, and nobody else sees it.
enum OwnMounts {
    private static let mark = "CHOREWHEEL_PROOF_MOUNTS"

    /// Begins this program anew in such a space, unless it runs in one.
    static func require(leash: String) async throws {
        guard getenv(self.mark) == nil else { return }
        #if os(Linux)
        guard geteuid() == 0 else {
            throw ProofFailure("disk-full mounts small disks, which takes root: sudo make disk-full")
        }
        let options = ["--mount", "--propagation", "private"]
        let trial = try await ChildProcess.run(.init("unshare", options + ["true"]), leash: leash, limit: .seconds(10))
        guard trial.isSuccess else {
            throw ProofFailure(
                "disk-full needs a mount name space of its own, and `unshare --mount` \(trial): in a container give "
                    + "it CAP_SYS_ADMIN, or run this on the machine itself")
        }
        setenv(self.mark, "1", 1)
        let words = ["unshare"] + options + [try Executable.current()] + CommandLine.arguments.dropFirst()
        let arguments = words.map { strdup($0) } + [nil]
        execvp("unshare", arguments)
        throw ProofFailure("unshare could not be run: errno \(errno)")
        #else
        throw ProofFailure("disk-full mounts small disks as Linux does, and this is another system")
        #endif
    }
}
