// Package.swift read as text: which targets there are, where, and on which of our own they depend. (Asking SwiftPM
// would start a second one inside the first, which waits for its lock.)

/// The package's own targets.
struct PackageManifest: Sendable {
    struct Target: Hashable, Sendable {
        let name: String
        let folder: String
        /// Our own targets that it declares to depend on.
        let dependencies: Set<String>
        let isTest: Bool
        let isPlugin: Bool
    }

    let targets: [Target]
    /// The list `workers`.
    let workers: [String]

    init(_ file: SourceFile) {
        let text = SwiftMask.withoutComments(file.text)
        self.workers = Self.strings(in: Self.brackets(of: text, after: "let workers = ") ?? "")
        let workers = self.workers
        let helper = Self.tail(of: text, after: "func worker(")
        let shared = Set(
            Self.strings(
                in: Self.brackets(of: Self.tail(of: helper, after: "-> Target {"), after: "dependencies: ") ?? ""))
        let calls = Self.calls(in: Self.tail(of: Self.tail(of: text, after: "let package = "), after: "targets: ["))
        let names = Set(calls.compactMap { Self.strings(in: $0.arguments).first })
        self.targets = calls.compactMap { call in
            guard let name = Self.strings(in: call.arguments).first else { return nil }
            let list = call.arguments.split(separator: "plugins:").first.map(String.init) ?? ""
            var dependencies = Set(Self.strings(in: list).dropFirst()).intersection(
                names.union(workers.map { "\($0)Worker" }))
            if list.contains("workers.map") { dependencies.formUnion(workers.map { "\($0)Worker" }) }
            let path = Self.strings(in: Self.tail(of: call.arguments, after: "path: ")).first
            switch call.function {
            case "worker":
                return Target(
                    name: "\(name)Worker", folder: "workers/\(name)", dependencies: dependencies.union(shared),
                    isTest: false, isPlugin: false)
            case "tests":
                return Target(
                    name: name, folder: "Tests/\(name)", dependencies: dependencies, isTest: true, isPlugin: false)
            default:
                return Target(
                    name: name, folder: path ?? "Sources/\(name)", dependencies: dependencies, isTest: false,
                    isPlugin: call.function == ".plugin")
            }
        }
    }

    private static let functions = ["module", "worker", "tests", ".executableTarget", ".systemLibrary", ".plugin"]

    /// The calls of the functions that make targets, in their order.
    private static func calls(in text: String) -> [(function: String, arguments: String)] {
        var calls: [(String, String)] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "(") {
            let before = rest[..<open]
            let word = String(before.suffix(while: { $0.isLetter || $0 == "." }))
            let arguments = Self.balanced(rest[open...], "(", ")")
            if Self.functions.contains(word) {
                calls.append((word, arguments))
                rest = rest[rest.index(open, offsetBy: arguments.count)...]
            } else {
                rest = rest[rest.index(after: open)...]
            }
        }
        return calls
    }

    /// What stands in string literals.
    private static func strings(in text: String) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
    }

    private static func tail(of text: String, after mark: String) -> String {
        text.firstRange(of: mark).map { String(text[$0.upperBound...]) } ?? ""
    }

    private static func brackets(of text: String, after mark: String) -> String? {
        let rest = Self.tail(of: text, after: mark)
        return rest.hasPrefix("[") ? Self.balanced(rest[...], "[", "]") : nil
    }

    /// From an opening character to the one that closes it.
    private static func balanced(_ text: Substring, _ open: Character, _ close: Character) -> String {
        var depth = 0
        for index in text.indices {
            if text[index] == open { depth += 1 }
            if text[index] == close { depth -= 1 }
            if depth == 0 { return String(text[...index]) }
        }
        return String(text)
    }
}

extension Substring {
    fileprivate func suffix(while isIn: (Character) -> Bool) -> Substring {
        var start = self.endIndex
        while start > self.startIndex, isIn(self[self.index(before: start)]) { start = self.index(before: start) }
        return self[start...]
    }
}
