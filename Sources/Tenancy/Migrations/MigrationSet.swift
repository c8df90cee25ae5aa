// The migrations of one directory, read and checked once. Whatever holds a MigrationSet holds a sound one: numbered
// from 1 without gaps, each with its up and its down file, all of them UTF-8.

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// All migrations of one kind of database, in order.
public struct MigrationSet: Sendable, Hashable {
    public let migrations: [Migration]

    /// The version that the last migration makes; 0 when there is none.
    public var latestVersion: Int { self.migrations.count }

    /// Reads `NNNN_verb_noun.up.sql` and `.down.sql` from a directory.
    ///
    /// Blocks for the time of reading a few dozen small files; call it at start-up.
    /// - Throws: `TenancyError(.migrationFile)` naming the file or directory and the rule.
    public init(directory: String) throws(TenancyError) {
        var files: [String: [UInt8]] = [:]
        do {
            for name in try FileManager.default.contentsOfDirectory(atPath: directory) where name.hasSuffix(".sql") {
                files[name] = Array(try Data(contentsOf: URL(filePath: "\(directory)/\(name)")))
            }
        } catch {
            throw TenancyError(.migrationFile, field: directory, "cannot be read", underlying: error)
        }
        guard !files.isEmpty else { throw TenancyError(.migrationFile, field: directory, "holds no .sql file") }
        try self.init(files: files)
    }

    /// The same from contents by file name.
    public init(files: [String: [UInt8]]) throws(TenancyError) {
        var scripts: [Int: [Direction: (name: String, script: MigrationScript)]] = [:]
        for (fileName, bytes) in files.sorted(by: { $0.key < $1.key }) {
            let parsed = try Self.parse(fileName)
            let script = try MigrationScript(fileName: fileName, bytes: bytes)
            if let other = scripts[parsed.version]?.values.first, other.name != parsed.name {
                throw TenancyError(
                    .migrationFile, field: fileName, "has the number of \(other.script.fileName) and another name")
            }
            scripts[parsed.version, default: [:]][parsed.direction] = (parsed.name, script)
        }
        var migrations: [Migration] = []
        for version in scripts.keys.sorted() {
            let pair = scripts[version, default: [:]]
            guard let up = pair[.up] else {
                throw TenancyError(.migrationFile, field: pair[.down]?.script.fileName, "has no .up.sql beside it")
            }
            guard let down = pair[.down] else {
                throw TenancyError(.migrationFile, field: up.script.fileName, "has no .down.sql beside it")
            }
            guard version == migrations.count + 1 else {
                throw TenancyError(
                    .migrationFile, field: up.script.fileName, "leaves a gap: \(migrations.count + 1) is missing")
            }
            migrations.append(
                Migration(
                    version: version, name: up.name, up: up.script, down: down.script,
                    previousChain: migrations.last?.chain ?? ""))
        }
        self.migrations = migrations
    }

    /// The migration that makes a version.
    public func migration(_ version: Int) -> Migration? {
        self.migrations.indices.contains(version - 1) ? self.migrations[version - 1] : nil
    }

    /// The set up to a version, for a database that shall stop there.
    public func prefix(through version: Int) -> MigrationSet {
        MigrationSet(migrations: Array(self.migrations.prefix(max(0, version))))
    }

    private init(migrations: [Migration]) { self.migrations = migrations }

    private static func parse(
        _ fileName: String
    ) throws(TenancyError) -> (version: Int, name: String, direction: Direction) {
        let parts = fileName.split(separator: ".", omittingEmptySubsequences: false)
        let rule = TenancyError(
            .migrationFile, field: fileName, "must be called NNNN_verb_noun.up.sql or NNNN_verb_noun.down.sql")
        guard parts.count == 3, parts[2] == "sql", let direction = Direction(rawValue: String(parts[1])) else {
            throw rule
        }
        let number = parts[0].prefix(4)
        let name = parts[0].dropFirst(5)
        guard number.utf8.count == 4, number.utf8.allSatisfy({ (48...57).contains($0) }), let version = Int(number),
            version >= 1, parts[0].dropFirst(4).first == "_", !name.isEmpty,
            name.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 95 })
        else {
            throw rule
        }
        return (version, String(name), direction)
    }

    private enum Direction: String { case up, down }
}
