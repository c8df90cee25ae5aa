// What to call a statement: the name of the file that its text is from (`begin_jobs`), else its first words without
// what differs from run to run.

internal import Processes
internal import Synchronization
internal import TestSupport

enum StatementNames {
    private static let known = Mutex<[String: String]>([:])

    /// A short name, the same in every run for the same statement.
    static func name(of text: String) -> String {
        if let name = Self.known.withLock({ $0[text] }) { return name }
        let name = Self.files[Self.trimmed(text)] ?? Self.words(of: text)
        Self.known.withLock { known in
            // Texts made for one use must not fill the memory of a long run.
            if known.count >= 10_000 { known.removeAll() }
            known[text] = name
        }
        return name
    }

    /// Names of the source tree's SQL files by their text.
    private static let files: [String: String] = {
        let root = FileSystem.parent(of: MigrationsInSource.directory)
        var names: [String: String] = [:]
        var directories = ["\(root)/Sources", "\(root)/workers", "\(root)/migrations"]
        while let directory = directories.popLast() {
            for name in FileSystem.names(in: directory) {
                let path = "\(directory)/\(name)"
                if !name.contains(".") {
                    directories.append(path)
                } else if name.hasSuffix(".sql"), let text = try? FileSystem.text(of: path) {
                    names[Self.trimmed(text)] = String(name.dropLast(".sql".count))
                }
            }
        }
        return names
    }()

    private static func trimmed(_ text: String) -> String {
        String(text.trimmingPrefix(while: \.isWhitespace).reversed().trimmingPrefix(while: \.isWhitespace).reversed())
    }

    /// The first words in capitals or of SQL's own, without comments, quoted names, literals and numbers.
    private static func words(of text: String) -> String {
        var words: [Substring] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let code = line.trimmingPrefix(while: \.isWhitespace)
            guard !code.hasPrefix("--") else { continue }
            for word in code.split(whereSeparator: { $0.isWhitespace || $0 == "," || $0 == ";" || $0 == "=" }) {
                let isPlain = word.utf8.allSatisfy { byte in
                    byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "(")
                        || (byte | 32 >= UInt8(ascii: "a") && byte | 32 <= UInt8(ascii: "z"))
                }
                if isPlain { words.append(word) }
                if words.count == 5 { return words.joined(separator: " ") }
            }
        }
        return words.isEmpty ? "statement" : words.joined(separator: " ")
    }
}
