// Where the server programs are: Debian puts PostgreSQL's outside of PATH, by version; Homebrew puts them in a folder
// per formula, by version too. Only looks; installs nothing.

internal import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

enum ServerPrograms {
    /// The oldest PostgreSQL that this project is tested with: Debian 12's.
    static let oldestPostgres = 15

    struct Postgres: Sendable, Equatable {
        var directory: String
        /// Nil if the directory's name does not tell.
        var majorVersion: Int?

        var initdb: String { "\(self.directory)/initdb" }
        var postgres: String { "\(self.directory)/postgres" }
    }

    static func redis() throws(ProcessError) -> String {
        let homebrew = ["/opt/homebrew/opt/redis/bin", "/usr/local/opt/redis/bin"]
        if let path = Executable.find("redis-server", in: homebrew) { return path }
        throw ProcessError(
            .missingProgram, "redis-server is not installed: run deploy/install-dependencies, or put it into PATH")
    }

    /// The newest PostgreSQL here, or the one of `version`, to which existing data is bound.
    ///
    /// - Throws: `.missingProgram`, saying what was found instead.
    static func postgres(version: Int? = nil) throws(ProcessError) -> Postgres {
        let all = self.candidates().filter {
            FileSystem.isExecutable($0.initdb) && FileSystem.isExecutable($0.postgres)
        }
        if let best = self.choose(among: all, version: version) { return best }
        let found = all.isEmpty ? "none" : all.map(\.directory).joined(separator: ", ")
        if let version {
            throw ProcessError(
                .missingProgram,
                "the data was made by PostgreSQL \(version), which is not installed (found: \(found)); "
                    + "install it, or remove the data")
        }
        throw ProcessError(
            .missingProgram,
            "PostgreSQL \(self.oldestPostgres) or later is not installed (found: \(found)): "
                + "run deploy/install-dependencies, or put its bin directory into PATH")
    }

    /// The newest that is not too old. One of unknown version (from PATH) is trusted, but comes last.
    static func choose(among candidates: [Postgres], version: Int?) -> Postgres? {
        if let version {
            return candidates.first { $0.majorVersion == version } ?? candidates.first { $0.majorVersion == nil }
        }
        let known = candidates.filter { ($0.majorVersion ?? 0) >= self.oldestPostgres }
        return known.max { ($0.majorVersion ?? 0) < ($1.majorVersion ?? 0) }
            ?? candidates.first { $0.majorVersion == nil }
    }

    private static func candidates() -> [Postgres] {
        var all: [Postgres] = []
        for name in FileSystem.names(in: "/usr/lib/postgresql") {
            all.append(Postgres(directory: "/usr/lib/postgresql/\(name)/bin", majorVersion: Int(name)))
        }
        for root in ["/opt/homebrew/opt", "/usr/local/opt"] {
            for name in FileSystem.names(in: root) where name.hasPrefix("postgresql@") {
                let version = Int(name.dropFirst("postgresql@".count))
                all.append(Postgres(directory: "\(root)/\(name)/bin", majorVersion: version))
            }
        }
        for name in FileSystem.names(in: "/usr") where name.hasPrefix("pgsql-") {
            all.append(Postgres(directory: "/usr/\(name)/bin", majorVersion: Int(name.dropFirst("pgsql-".count))))
        }
        if let path = Executable.find("postgres") {
            all.append(Postgres(directory: FileSystem.parent(of: path), majorVersion: nil))
        }
        return all
    }
}
