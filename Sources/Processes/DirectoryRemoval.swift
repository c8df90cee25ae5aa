// Deletes the temporary directory of a finished test run. It runs unattended and perhaps as root, so it is suspicious:
// it deletes only what is plainly ours, below a place for temporary files, and never follows a symbolic link.

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

package enum DirectoryRemoval {
    /// What a directory's name, or its parent's, must begin with to be removable.
    package static let prefix = "chorewheel-"

    /// Where temporary files may live.
    private static let roots = ["/tmp", "/var/tmp", "/private/tmp", "/private/var/tmp", "/private/var/folders"]

    /// Checks, without deleting, that `path` may be removed, and returns its resolved form.
    ///
    /// - Throws: `.invalidArgument` naming the rule that it breaks.
    package static func check(_ path: String) throws(ProcessError) -> String {
        guard path.hasPrefix("/"), let resolved = FileSystem.resolved(path) else {
            throw ProcessError(.invalidArgument, "\(path) is not an existing absolute path: it is not removed")
        }
        var roots = self.roots
        if let variable = getenv("TMPDIR"), let temporary = FileSystem.resolved(String(cString: variable)) {
            roots.append(temporary)
        }
        guard let root = roots.first(where: { $0 != "/" && resolved.hasPrefix($0 + "/") }) else {
            throw ProcessError(.invalidArgument, "\(path) is not below a temporary directory: it is not removed")
        }
        let below = resolved.dropFirst(root.count).split(separator: "/")
        guard below.suffix(2).contains(where: { $0.hasPrefix(self.prefix) }) else {
            throw ProcessError(
                .invalidArgument, "neither \(path) nor its parent is named \(self.prefix)…: it is not removed")
        }
        var info = stat()
        guard lstat(resolved, &info) == 0, info.st_mode & S_IFMT == S_IFDIR else {
            throw ProcessError(.invalidArgument, "\(path) is not a directory: it is not removed")
        }
        guard geteuid() == 0 || info.st_uid == geteuid() else {
            throw ProcessError(.invalidArgument, "\(path) belongs to another user: it is not removed")
        }
        return resolved
    }

    /// Removes `path` with everything in it, then its parent if that is one of ours and empty now.
    ///
    /// - Throws: what `check` throws; `.fileSystem` when something resists. What could be removed is gone.
    package static func remove(_ path: String) throws(ProcessError) {
        let resolved = try self.check(path)
        try self.removeTree(resolved)
        let parent = FileSystem.parent(of: resolved)
        if FileSystem.lastComponent(of: parent).hasPrefix(self.prefix), rmdir(parent) != 0 {
            // A sibling's directory is still there; whoever removes the last one removes the parent.
            guard errno == ENOTEMPTY || errno == EEXIST || errno == ENOENT else {
                throw ProcessError(.fileSystem, "cannot remove \(parent)", errorNumber: errno)
            }
        }
    }

    /// Removes `directory`, which the caller has made itself, without the checks.
    package static func removeTree(_ directory: String) throws(ProcessError) {
        for name in FileSystem.names(in: directory) {
            let path = "\(directory)/\(name)"
            var info = stat()
            guard lstat(path, &info) == 0 else { continue }
            if info.st_mode & S_IFMT == S_IFDIR {
                try self.removeTree(path)
            } else if unlink(path) != 0, errno != ENOENT {
                throw ProcessError(.fileSystem, "cannot remove \(path)", errorNumber: errno)
            }
        }
        if rmdir(directory) != 0, errno != ENOENT {
            throw ProcessError(.fileSystem, "cannot remove \(directory)", errorNumber: errno)
        }
    }
}
