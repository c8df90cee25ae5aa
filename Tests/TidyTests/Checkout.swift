// The checkout as the tidy rules see it: texts by their path. Reads the disk once; changes nothing, judges nothing.

import Testing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// One text of the checkout.
struct SourceFile: Hashable, Sendable {
    /// From the root of the checkout, with slashes.
    let path: String
    let text: String
    /// Of Swift source: what is neither comment nor string.
    let code: String

    init(path: String, text: String) {
        self.path = path
        self.text = text
        self.code = path.hasSuffix(".swift") ? SwiftMask.code(of: text) : ""
    }

    var codeLines: [Substring] { self.code.split(separator: "\n", omittingEmptySubsequences: false) }
    var lines: [Substring] { self.text.split(separator: "\n", omittingEmptySubsequences: false) }
    var name: Substring { self.path.split(separator: "/").last ?? "" }
    /// What follows the last dot of the name; empty when there is none.
    var ending: Substring { self.name.contains(".") ? self.name.split(separator: ".").last ?? "" : "" }
    /// The folders that it is in, outermost first.
    var folders: [Substring] { self.path.split(separator: "/").dropLast() }
}

/// All texts of the checkout that people write.
struct Checkout: Sendable {
    let files: [SourceFile]

    /// Read at first use, once a test process.
    static let current = Result { try Checkout(root: Self.root(of: #filePath)) }

    init(files: [SourceFile]) { self.files = files.sorted { $0.path < $1.path } }

    /// - Throws: when a file cannot be read, or is not UTF-8.
    init(root: String) throws {
        var files: [SourceFile] = []
        for entry in Self.entries {
            var isDirectory = false
            guard FileManager.default.fileExists(atPath: "\(root)/\(entry)", isDirectory: &isDirectory) else {
                continue
            }
            let paths = isDirectory ? try Self.paths(in: "\(root)/\(entry)").map { "\(entry)/\($0)" } : [entry]
            for path in paths {
                let text = try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)
                files.append(SourceFile(path: path, text: text))
            }
        }
        self.init(files: files)
    }

    /// What is read. What builds, editors and `chorewheel dev` leave behind is not among it.
    private static let entries = [
        ".ci", ".swift-format", "Benchmarks", "CHANGELOG.md", "Examples", "LICENSE", "Makefile", "Package.swift",
        "README.md", "Sources", "Tests", "deploy", "docs", "migrations", "workers",
    ]

    private static let endings: Set<String> = [
        "swift", "sql", "lua", "json", "md", "c", "h", "modulemap", "py", "rb", "txt", "yml", "yaml",
        "mutant",
    ]

    /// Every text below a folder, hidden folders left out. Files without an ending are scripts.
    private static func paths(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted().flatMap { name -> [String] in
            guard !name.hasPrefix("."), name != "Package.resolved" else { return [] }
            var isDirectory = false
            guard FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isDirectory) else {
                return []
            }
            if isDirectory { return try Self.paths(in: "\(folder)/\(name)").map { "\(name)/\($0)" } }
            let file = SourceFile(path: name, text: "")
            return file.ending.isEmpty || Self.endings.contains(String(file.ending)) ? [name] : []
        }
    }

    /// `<root>/Tests/TidyTests/<this file>`
    private static func root(of path: String) -> String {
        "/" + path.split(separator: "/").dropLast(3).joined(separator: "/")
    }

    func file(_ path: String) throws -> SourceFile {
        try #require(self.files.first { $0.path == path }, "\(path) is missing")
    }

    /// - Parameter folders: whole folders, `Sources` or `Sources/JobModel`; none: everything.
    func files(_ endings: String..., in folders: String...) -> [SourceFile] {
        self.files.filter { file in
            endings.contains(String(file.ending))
                && (folders.isEmpty || folders.contains { file.path.hasPrefix("\($0)/") })
        }
    }
}
