// Rules that look at one text alone. Pure: a file goes in, findings come out.

/// Rules over a single file.
enum TextRules {
    static let columnsMax = 120
    static let linesMax = 500

    static func longLines(_ file: SourceFile) -> [Finding] {
        file.lines.enumerated().filter { $0.element.count > self.columnsMax }.map { index, line in
            Finding(file.path, line: index + 1, "has \(line.count) columns, more than \(self.columnsMax)")
        }
    }

    static func longFile(_ file: SourceFile) -> [Finding] {
        let count = file.text.last == "\n" ? file.lines.count - 1 : file.lines.count
        return count > self.linesMax ? [Finding(file.path, "has \(count) lines, more than \(self.linesMax)")] : []
    }

    /// Every text ends with one line break, and no line with white space.
    static func whiteSpace(_ file: SourceFile) -> [Finding] {
        var findings = file.lines.enumerated().filter { $0.element.last?.isWhitespace == true }.map { index, _ in
            Finding(file.path, line: index + 1, "ends with white space")
        }
        if !file.text.isEmpty, !file.text.hasSuffix("\n") || file.text.hasSuffix("\n\n") {
            findings.append(Finding(file.path, "must end with one line break"))
        }
        return findings
    }

    /// Notes to oneself belong to the tracker. (Their words are put together here: this file obeys its own rule.)
    static func notesToOneself(_ file: SourceFile) -> [Finding] {
        let words = ["TO" + "DO", "FIX" + "ME"]
        return file.lines.enumerated().flatMap { index, line in
            words.filter { self.containsWord($0, in: line) }.map {
                Finding(file.path, line: index + 1, "says \($0)")
            }
        }
    }

    /// A file says first what it is for.
    static func header(_ file: SourceFile) -> [Finding] {
        let marks: [Substring: String] = ["swift": "//", "sql": "-- ", "lua": "-- "]
        guard let mark = marks[file.ending], !file.text.hasPrefix(mark) else { return [] }
        return [Finding(file.path, "must open with a comment that says what it is for")]
    }

    /// What no code here does, and where it may be done after all.
    struct Ban: Sendable {
        let call: String
        let why: String
        /// A spelling of the call that means something else.
        let harmless: String?
        let isAllowed: @Sendable (SourceFile) -> Bool

        init(
            _ call: String, _ why: String, harmless: String? = nil,
            except isAllowed: @escaping @Sendable (SourceFile) -> Bool = { _ in false }
        ) {
            self.call = call
            self.why = why
            self.harmless = harmless
            self.isAllowed = isAllowed
        }
    }

    /// Where people read what is printed.
    private static let commandLines = ["Sources/chorewheel/", "Benchmarks/", "Tests/Proof/"]

    static let bans = [
        Ban("try!", "errors are handled or thrown"),
        Ban("fatalError(", "operating errors are thrown, programmer's errors are preconditions"),
        Ban("assert(", "what guards data guards it in release builds too: precondition"),
        Ban("assertionFailure(", "what guards data guards it in release builds too: preconditionFailure"),
        Ban("print(", "only the command line prints; all others log") {
            Self.commandLines.contains(where: $0.path.hasPrefix)
        },
        // An hour is nobody's pause: it is a handler that does not end.
        Ban(
            "Task.sleep(", "a test waits for a signal with a limit, or moves a clock",
            harmless: "Task.sleep(for: .seconds(3600))"
        ) { !$0.path.hasPrefix("Tests/") || $0.path.hasPrefix("Tests/Proof/") },
    ]

    static func bannedCalls(_ file: SourceFile) -> [Finding] {
        let bans = self.bans.filter { !$0.isAllowed(file) }
        return file.codeLines.enumerated().flatMap {
            index, line in
            bans.filter { ban in
                guard self.containsWord(ban.call, in: line) else { return false }
                return ban.harmless.map { !line.contains($0) } ?? true
            }.map {
                Finding(file.path, line: index + 1, "\($0.call)…: \($0.why)")
            }
        }
    }

    /// `!` after a value or a type: a crash that nobody decided on.
    static func forcedUnwraps(_ file: SourceFile) -> [Finding] {
        file.codeLines.enumerated().filter {
            let bytes = Array($0.element.utf8)
            return bytes.indices.dropFirst().contains { at in
                bytes[at] == UInt8(ascii: "!") && self.endsValue(bytes[at - 1])
                    && (at + 1 == bytes.count || bytes[at + 1] != UInt8(ascii: "="))
            }
        }.map { index, _ in Finding(file.path, line: index + 1, "forces with '!'") }
    }

    /// Foundation costs a second of start and megabytes; its essentials are there without it. The whole of it may be
    /// imported where the essentials are not to be had, or by what runs at build time alone.
    static func wholeFoundation(_ file: SourceFile) -> [Finding] {
        let buildTools = ["Sources/embed-text/", "Sources/EmbedText/"]
        guard !buildTools.contains(where: { file.path.hasPrefix($0) }) else { return [] }
        let lines = file.codeLines
        var isFallback = false
        var findings: [Finding] = []
        for (index, line) in lines.enumerated() {
            let words = line.split(separator: " ")
            if line.hasPrefix("#if") || line.hasPrefix("#endif") { isFallback = false }
            if line.hasPrefix("#else"), lines[..<index].contains("#if canImport(FoundationEssentials)") {
                isFallback = true
            }
            if words.last == "Foundation", words.contains("import"), !isFallback {
                findings.append(Finding(file.path, line: index + 1, "imports all of Foundation"))
            }
        }
        return findings
    }

    /// Whether `word` is in `line` and does not begin inside a longer name, nor as another's member.
    private static func containsWord(_ word: String, in line: Substring) -> Bool {
        // Most lines have not even the bytes; comparing characters is the dear part.
        guard line.utf8.count >= word.utf8.count, line.utf8.contains(word.utf8.first ?? 0) else { return false }
        return line.ranges(of: word).contains { range in
            guard range.lowerBound > line.startIndex else { return true }
            let before = line[line.index(before: range.lowerBound)]
            return !before.isLetter && !before.isNumber && before != "_" && before != "."
        }
    }

    private static func endsValue(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: ")"), UInt8(ascii: "]"),
            UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "}"):
            true
        default: false
        }
    }
}
