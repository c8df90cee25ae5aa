// The demonstration's state directory, and the copy of the migrations in it that it may add to.

internal import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

struct DemoDirectory: Sendable {
    /// Absolute.
    let path: String
    /// Ours to remove.
    let isTemporary: Bool

    var migrations: String { "\(self.path)/migrations" }
    /// What the API and the workers have to say.
    var log: String { "\(self.path)/log" }

    var endOfLog: String { FileSystem.lastLines(15, of: self.log) }

    /// - Throws: `ProcessError(.invalidArgument)` when the named directory is not empty: the story begins at its
    ///   beginning.
    static func make(_ named: String?) throws(ProcessError) -> DemoDirectory {
        guard let named else { return try self.makeTemporary() }
        let path = try FileSystem.absolute(named)
        guard FileSystem.names(in: path).isEmpty else {
            throw ProcessError(.invalidArgument, "\(path) must be new or empty: the demonstration starts from nothing")
        }
        try FileSystem.makeDirectory(path, mode: self.mode)
        return DemoDirectory(path: path, isTemporary: false)
    }

    /// Root's PostgreSQL runs as another user, who must get through.
    private static var mode: mode_t { geteuid() == 0 ? 0o711 : 0o700 }

    /// Short enough for Unix sockets; named so that `DirectoryRemoval` takes it for ours.
    private static func makeTemporary() throws(ProcessError) -> DemoDirectory {
        let named = geteuid() == 0 ? nil : getenv("TMPDIR").map { String(cString: $0) }
        let root = named ?? "/tmp"
        let trimmed = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
        var template = Array("\(trimmed)/\(DirectoryRemoval.prefix)demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil, chmod(template, self.mode) == 0 else {
            throw ProcessError(.fileSystem, "cannot make a directory in \(trimmed)", errorNumber: errno)
        }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return DemoDirectory(path: path, isTemporary: true)
    }

    func remove() throws(ProcessError) { try DirectoryRemoval.remove(self.path) }

    /// Copies `platform/` and `family/`.
    func copyMigrations(from source: String) throws(ProcessError) {
        for part in ["platform", "family"] {
            try FileSystem.makeDirectory("\(self.migrations)/\(part)", mode: 0o755)
            for name in FileSystem.names(in: "\(source)/\(part)") where name.hasSuffix(".sql") {
                guard let text = try FileSystem.text(of: "\(source)/\(part)/\(name)") else { continue }
                try FileSystem.write(text, to: "\(self.migrations)/\(part)/\(name)", mode: 0o644)
            }
        }
    }
}
