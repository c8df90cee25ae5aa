// Rules about what people read: links lead somewhere, quoted code is the code, the Makefile explains itself.

/// Rules over Markdown and the Makefile.
enum DocumentRules {
    /// Links to files and headings of the checkout resolve. Links to the web are not followed.
    static func brokenLinks(_ files: [SourceFile]) -> [Finding] {
        let paths = Set(files.map(\.path))
        let folders = Set(
            files.flatMap { file in
                file.folders.indices.map { file.folders[...$0].joined(separator: "/") }
            })
        let headings = Dictionary(
            uniqueKeysWithValues: files.filter { $0.ending == "md" }.map { ($0.path, Set(Self.headings(of: $0))) })
        return files.filter { $0.ending == "md" }.flatMap { file in
            Self.prose(of: file).flatMap { number, line in
                line.matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) }.compactMap { link -> Finding? in
                    guard !link.contains("://"), !link.hasPrefix("mailto:") else { return nil }
                    let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                    let path = parts[0].isEmpty ? file.path : Self.resolve(String(parts[0]), from: file)
                    guard paths.contains(path) || folders.contains(path) else {
                        return Finding(file.path, line: number, "links to \(link), which is not there")
                    }
                    guard parts.count == 2, let known = headings[path], !known.contains(String(parts[1])) else {
                        return nil
                    }
                    return Finding(file.path, line: number, "links to \(link), and there is no such heading")
                }
            }
        }
    }

    /// A fence after `<!-- same as PATH -->` stands in that file word for word.
    static func staleQuotes(_ files: [SourceFile]) -> [Finding] {
        files.filter { $0.ending == "md" }.flatMap { file -> [Finding] in
            let lines = file.lines
            return lines.indices.compactMap { index in
                guard let match = lines[index].wholeMatch(of: /<!-- same as (\S+) -->/) else { return nil }
                let path = Self.resolve(String(match.1), from: file)
                guard let source = files.first(where: { $0.path == path }) else {
                    return Finding(file.path, line: index + 1, "quotes \(path), which is not there")
                }
                let quoted = lines[(index + 1)...].dropFirst().prefix { !$0.hasPrefix("```") }.joined(separator: "\n")
                guard !quoted.isEmpty, source.text.contains(quoted) else {
                    return Finding(file.path, line: index + 1, "quotes \(path), which says something else now")
                }
                return nil
            }
        }
    }

    /// Each target that `.PHONY` names has a line of its own in `make help`: `name: … ## what it does`.
    static func silentTargets(_ makefile: SourceFile) -> [Finding] {
        let phony = makefile.lines.filter { $0.hasPrefix(".PHONY:") }.flatMap { $0.split(separator: " ").dropFirst() }
        guard !phony.isEmpty else { return [Finding(makefile.path, "has no .PHONY targets")] }
        return phony.filter { name in
            !makefile.lines.contains { $0.hasPrefix("\(name):") && $0.contains(" ## ") }
        }.map { Finding(makefile.path, "\($0) has no line in `make help`") }
    }

    /// A document's tests, written `[Name](path/to/File.swift): "what it says"`, are in those files; and each row of
    /// its table, `| L1 | …`, from 1 to `rows`, is there and has one.
    static func missingTests(in document: SourceFile, rows: Int, _ files: [SourceFile]) -> [Finding] {
        let tests = /\]\((\S+?Tests\.swift)\): "([^"]+)"/
        let missing = document.lines.enumerated().flatMap { index, line in
            line.matches(of: tests).compactMap { match -> Finding? in
                let path = Self.resolve(String(match.1), from: document)
                guard let file = files.first(where: { $0.path == path }),
                    file.text.contains("@Test(\"\(match.2)\"") || file.text.contains("func `\(match.2)`")
                else { return Finding(document.path, line: index + 1, "\(path) has no test \"\(match.2)\"") }
                return nil
            }
        }
        let bare = (1...rows).filter { number in
            !document.lines.contains { $0.hasPrefix("| L\(number) |") && $0.firstMatch(of: tests) != nil }
        }
        return missing + bare.map { Finding(document.path, "L\($0) has no row with a test") }
    }

    /// A document names all of `words`.
    static func unmentioned(_ words: [String], in file: SourceFile) -> [Finding] {
        words.filter { !file.text.contains($0) }.map { Finding(file.path, "does not mention \($0)") }
    }

    /// The parts of a queue's keys that Lua scripts name, as a document writes them: `:ring`.
    static func redisKeys(in scripts: [SourceFile]) -> [String] {
        Set(scripts.flatMap { $0.text.matches(of: /base \.\. '(:[a-z]+)/).map { String($0.1) } }).sorted()
    }

    /// The tables that a migration makes.
    static func tables(in migration: SourceFile) -> [String] {
        migration.text.matches(of: /CREATE TABLE ([a-z_]+)/).map { String($0.1) }
    }

    /// A document's path, from another's point of view.
    private static func resolve(_ link: String, from file: SourceFile) -> String {
        var parts = link.hasPrefix("/") ? [] : file.folders
        for part in link.split(separator: "/") {
            switch part {
            case ".": break
            case "..": parts = parts.dropLast()
            default: parts.append(part)
            }
        }
        return parts.joined(separator: "/")
    }

    /// The lines outside code fences, numbered from 1.
    private static func prose(of file: SourceFile) -> [(number: Int, line: Substring)] {
        var isCode = false
        return file.lines.enumerated().compactMap { index, line in
            if line.hasPrefix("```") { isCode.toggle() }
            return isCode ? nil : (index + 1, line)
        }
    }

    /// The anchors of a document's headings, as GitHub makes them.
    private static func headings(of file: SourceFile) -> [String] {
        Self.prose(of: file).filter { $0.line.hasPrefix("#") }.map { _, line in
            String(
                line.drop { $0 == "#" }.drop { $0 == " " }.lowercased()
                    .compactMap { character -> Character? in
                        if character == " " { return "-" }
                        return character.isLetter || character.isNumber || character == "-" || character == "_"
                            ? character : nil
                    })
        }
    }
}
