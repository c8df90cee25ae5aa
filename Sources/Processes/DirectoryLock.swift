// One user a directory at a time. The kernel releases the lock when its holder ends, however it ends, so there is no
// stale lock to clear up; the process id in the file is only for the message.

import Synchronization

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// An exclusive hold on a directory, kept until `release` or until the value is gone.
public final class DirectoryLock: Sendable {
    /// The file inside the directory.
    public static let fileName = "lock"

    private let descriptor: Mutex<Int32?>

    private init(descriptor: Int32) { self.descriptor = Mutex(descriptor) }

    deinit { self.release() }

    /// Takes the directory, making it if need be, without waiting.
    ///
    /// - Throws: `.locked`, naming the holder's process id, if another process (or this one) holds it; `.fileSystem`.
    public static func acquire(directory: String) throws(ProcessError) -> DirectoryLock {
        try FileSystem.makeDirectory(directory, mode: geteuid() == 0 ? 0o711 : 0o700)
        let path = "\(directory)/\(self.fileName)"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ProcessError(.fileSystem, "cannot open \(path)", errorNumber: errno)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw ProcessError(
                .locked, "\(directory) is in use by process \(self.holder(of: path)); stop that first")
        }
        self.record(getpid(), in: descriptor)
        return DirectoryLock(descriptor: descriptor)
    }

    /// Gives the directory back. Calling it again does nothing.
    public func release() {
        self.descriptor.withLock { descriptor in
            if let open = descriptor {
                // Closing is not enough: a process that is being started holds a copy until it has become another.
                flock(open, LOCK_UN)
                close(open)
            }
            descriptor = nil
        }
    }

    /// Writes who holds an open and locked file.
    static func record(_ pid: Int32, in descriptor: Int32) {
        ftruncate(descriptor, 0)
        lseek(descriptor, 0, SEEK_SET)
        _ = FileSystem.writeAll(Array("\(pid)\n".utf8), to: descriptor)
    }

    /// The process id that a lock file names, as text for a message.
    static func holder(of path: String) -> String {
        let text = FileSystem.text(ofFileThatMayVanish: path)?.split(separator: "\n").first.map(String.init)
        return text ?? "(unknown)"
    }

    /// Waits until nobody holds the file at `path`: a predecessor that was killed may still be shutting its server
    /// down.
    ///
    /// - Throws: `.locked`, naming the holder, after `limit`; `CancellationError`.
    package static func waitUntilFree(_ path: String, within limit: Duration) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw ProcessError(.fileSystem, "cannot open \(path)", errorNumber: errno)
            }
            let free = flock(descriptor, LOCK_EX | LOCK_NB) == 0
            close(descriptor)
            if free { return }
            guard clock.now < deadline else {
                throw ProcessError(
                    .locked, "the server of \(path) still runs as process \(self.holder(of: path)); stop that first")
            }
            try await clock.sleep(for: .milliseconds(20))
        }
    }
}
