// One migration: a pair of plain SQL files that psql could run as well, and how they are read.
//
//   NNNN_verb_noun.up.sql, NNNN_verb_noun.down.sql
//
// A file runs in one transaction with the record of it, unless a line of it says `-- chorewheel: no-transaction`. Such
// a file holds one statement, or several parted by lines `-- chorewheel: next`; each must be safe to run again
// (IF [NOT] EXISTS), as a kill may come between a statement and the note of it.

internal import Crypto

/// One schema change, up and down.
public struct Migration: Sendable, Hashable {
    /// From 1, without gaps.
    public let version: Int
    /// `create_families`
    public let name: String
    public let up: MigrationScript
    public let down: MigrationScript
    /// SHA-256 of the up file, hexadecimal. A down file may be mended after its up file was applied.
    public let checksum: String
    /// SHA-256 over the chain before, the name and the checksum: says which files came before, and in which order.
    public let chain: String

    init(version: Int, name: String, up: MigrationScript, down: MigrationScript, previousChain: String) {
        self.version = version
        self.name = name
        self.up = up
        self.down = down
        self.checksum = Self.hash(up.text)
        self.chain = Self.hash("\(previousChain)\n\(version)_\(name)\n\(self.checksum)")
    }

    private static func hash(_ text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 0xF, radix: 16)
        }.joined()
    }
}

/// The SQL of one direction.
public struct MigrationScript: Sendable, Hashable {
    public let fileName: String
    public let text: String
    public let isTransactional: Bool
    /// The whole text, or, without a transaction, its parts.
    public let statements: [String]

    static let noTransactionMark = "-- chorewheel: no-transaction"
    static let nextMark = "-- chorewheel: next"

    /// - Throws: `TenancyError(.migrationFile)` naming the file.
    init(fileName: String, bytes: [UInt8]) throws(TenancyError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TenancyError(.migrationFile, field: fileName, "is not UTF-8")
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(Self.withoutTrailingSpace)
        self.fileName = fileName
        self.text = text
        self.isTransactional = !lines.contains { $0 == Self.noTransactionMark }
        if self.isTransactional {
            self.statements = [text]
        } else {
            self.statements = lines.split(whereSeparator: { $0 == Self.nextMark }).map { $0.joined(separator: "\n") }
        }
        guard self.statements.contains(where: Self.hasStatement) else {
            throw TenancyError(.migrationFile, field: fileName, "has no statement")
        }
        guard self.statements.allSatisfy(Self.hasStatement) else {
            throw TenancyError(.migrationFile, field: fileName, "has an empty part between its marks")
        }
        if self.isTransactional, lines.contains(where: { $0 == Self.nextMark }) {
            throw TenancyError(
                .migrationFile, field: fileName, "has '\(Self.nextMark)' but not '\(Self.noTransactionMark)'")
        }
        // A COMMIT of its own would part the change from the record of it.
        let ownTransaction: Set<String> = ["begin;", "commit;", "rollback;", "start transaction;", "end transaction;"]
        if let line = lines.first(where: { ownTransaction.contains($0.lowercased()) }) {
            throw TenancyError(.migrationFile, field: fileName, "must not have '\(line)': the engine does that")
        }
    }

    private static func withoutTrailingSpace(_ line: Substring) -> String {
        var line = line
        while let last = line.last, last.isWhitespace { line.removeLast() }
        return String(line)
    }

    /// Whether anything but comments and white space is there.
    private static func hasStatement(_ text: String) -> Bool {
        text.split(separator: "\n").contains { line in
            let line = line.drop(while: \.isWhitespace)
            return !line.isEmpty && !line.hasPrefix("--")
        }
    }
}
