// The few file operations that this module needs, straight over POSIX: exact permissions, atomic replacement, no
// following of symbolic links when deleting. Not a general file library.

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

package enum FileSystem {
    /// The path from the root; as it is when the working directory is gone.
    package static func absolutePath(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        guard let directory = getcwd(nil, 0) else { return path }
        defer { free(directory) }
        return "\(String(cString: directory))/\(path)"
    }

    /// Makes `path` and what is missing above it. An existing directory keeps its permissions.
    package static func makeDirectory(_ path: String, mode: UInt32) throws(ProcessError) {
        if self.isDirectory(path) { return }
        let parent = self.parent(of: path)
        if parent != path, !self.isDirectory(parent) {
            try self.makeDirectory(parent, mode: 0o755)
        }
        guard mkdir(path, mode_t(mode)) == 0 || (errno == EEXIST && self.isDirectory(path)) else {
            throw ProcessError(.fileSystem, "cannot make the directory \(path)", errorNumber: errno)
        }
        // mkdir's mode is narrowed by the umask; ours is meant exactly.
        guard chmod(path, mode_t(mode)) == 0 else {
            throw ProcessError(.fileSystem, "cannot set the permissions of \(path)", errorNumber: errno)
        }
    }

    /// Replaces the file at `path` in one step: readers see the old text or the new, never half.
    package static func write(_ text: String, to path: String, mode: UInt32) throws(ProcessError) {
        let temporary = "\(path).new.\(getpid())"
        // Not by O_TRUNC: an older file's wider permissions would stay. It is ours by name, so it may go.
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(mode))
        guard descriptor >= 0 else {
            throw ProcessError(.fileSystem, "cannot write \(temporary)", errorNumber: errno)
        }
        defer { close(descriptor) }
        guard self.writeAll(Array(text.utf8), to: descriptor), fsync(descriptor) == 0 else {
            throw ProcessError(.fileSystem, "cannot write \(temporary)", errorNumber: errno)
        }
        guard rename(temporary, path) == 0 else {
            throw ProcessError(.fileSystem, "cannot replace \(path)", errorNumber: errno)
        }
    }

    /// The whole text of a file, or nil if there is none.
    package static func text(of path: String) throws(ProcessError) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw ProcessError(.fileSystem, "cannot read \(path)", errorNumber: errno)
        }
        defer { close(descriptor) }
        guard let bytes = self.readAll(descriptor) else {
            throw ProcessError(.fileSystem, "cannot read \(path)", errorNumber: errno)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The text of a file that another process may remove or replace at any time; nil when it cannot be read now.
    package static func text(ofFileThatMayVanish path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return self.readAll(descriptor).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The last `count` lines of a log, for an error message. Reads at most its last 64 KiB.
    package static func lastLines(_ count: Int, of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "(no log at \(path))" }
        defer { close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END)
        lseek(descriptor, max(0, size - 65_536), SEEK_SET)
        let text = String(decoding: self.readAll(descriptor) ?? [], as: UTF8.self)
        return text.split(separator: "\n").suffix(count).joined(separator: "\n")
    }

    /// What is in a directory, without `.` and `..`, sorted; empty when it cannot be read.
    package static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: tuple.pointee)) {
                    String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package static func isDirectory(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    package static func isExecutable(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    package static func exists(_ path: String) -> Bool {
        var info = stat()
        return lstat(path, &info) == 0
    }

    /// Absolute, without symbolic links; nil when something on the way does not exist.
    package static func resolved(_ path: String) -> String? {
        guard let buffer = realpath(path, nil) else { return nil }
        defer { free(buffer) }
        return String(cString: buffer)
    }

    /// `path` made absolute by the working directory; does not ask whether it exists.
    package static func absolute(_ path: String) throws(ProcessError) -> String {
        if path.hasPrefix("/") { return path }
        guard let buffer = getcwd(nil, 0) else {
            throw ProcessError(.fileSystem, "cannot tell the working directory", errorNumber: errno)
        }
        defer { free(buffer) }
        return "\(String(cString: buffer))/\(path)"
    }

    package static func parent(of path: String) -> String {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    package static func lastComponent(of path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? ""
    }

    package static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8]? {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { return all }
            if count < 0 {
                if errno == EINTR { continue }
                return nil
            }
            all += buffer.prefix(count)
        }
    }
}

/// `write(2)` under a name that no method hides.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
