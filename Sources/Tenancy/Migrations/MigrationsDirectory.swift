// Where the migration files are on this machine, found without a setting when the program is installed, or run out of
// its source tree. It reads no migration: that is MigrationSet's.

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A directory with `platform/` and `family/` in it.
public struct MigrationsDirectory: Sendable, Hashable {
    public let path: String
    /// The platform database's migrations.
    public var platform: String { "\(self.path)/platform" }
    /// The family databases' migrations.
    public var family: String { "\(self.path)/family" }

    /// A directory that a person named.
    ///
    /// - Throws: `TenancyError(.migrationFile)` if it has no `platform` or no `family` in it.
    public init(path: String) throws(TenancyError) {
        guard let found = Self(candidate: path) else {
            throw TenancyError(
                .migrationFile, field: "chorewheel.migrations",
                "must name a directory with platform/ and family/ in it, is \"\(path)\"")
        }
        self = found
    }

    private init?(candidate path: String) {
        for part in ["platform", "family"] {
            var isDirectory = false
            guard FileManager.default.fileExists(atPath: "\(path)/\(part)", isDirectory: &isDirectory), isDirectory
            else { return nil }
        }
        self.path = path
    }

    /// Looks at `../share/chorewheel/migrations` beside the executable, then at `migrations` in the executable's
    /// directory and each one above it, then the same from the working directory.
    ///
    /// - Parameters:
    ///   - executable: The absolute path of the running program.
    ///   - workingDirectory: nil: this process's.
    /// - Throws: `TenancyError(.migrationFile)` naming the setting that would help.
    public static func find(executable: String, workingDirectory: String? = nil) throws(TenancyError) -> Self {
        for path in self.candidates(
            executable: executable, workingDirectory: workingDirectory ?? FileManager.default.currentDirectoryPath)
        {
            if let found = Self(candidate: path) { return found }
        }
        throw TenancyError(
            .migrationFile, field: "chorewheel.migrations",
            "is not set, and there is no migrations directory at ../share/chorewheel/ of the program, or above the "
                + "program or the working directory: set CHOREWHEEL_MIGRATIONS")
    }

    /// The places in the order in which they are looked at. Pure.
    static func candidates(executable: String, workingDirectory: String) -> [String] {
        let home = self.parents(of: executable).dropFirst()
        var candidates: [String] = []
        if let above = home.dropFirst().first { candidates.append("\(above)/share/chorewheel/migrations") }
        for directory in Array(home) + self.parents(of: workingDirectory) {
            let candidate = directory == "/" ? "/migrations" : "\(directory)/migrations"
            if !candidates.contains(candidate) { candidates.append(candidate) }
        }
        return candidates
    }

    /// The path itself and the directories above it, nearest first.
    private static func parents(of path: String) -> [String] {
        var parts = path.split(separator: "/")
        var parents: [String] = []
        while !parts.isEmpty {
            parents.append("/" + parts.joined(separator: "/"))
            parts.removeLast()
        }
        return parents + ["/"]
    }
}
