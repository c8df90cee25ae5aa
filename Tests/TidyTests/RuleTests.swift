// Every tidy rule seen to fail, on made-up input; and to leave alone what only looks wrong.

import Testing

private func swift(_ text: String, at path: String = "Sources/Made/Up.swift") -> SourceFile {
    SourceFile(path: path, text: text)
}

@Suite("The mask over Swift source")
struct MaskTests {
    @Test(
        "blanks comments and strings, and leaves code where it is",
        arguments: [
            ("a // b", "a     "),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("a \"b\" c", "a \" \" c"),
            (#"a "\"b" c"#, #"a "   " c"#),
            (#"a "b\(c("d"))e" f"#, #"a " \(c(" ")) " f"#),
            (##"a #"b"c"# d"##, ##"a #"   "# d"##),
            ("a \"\"\"\nb \"c\"\n\"\"\" d", "a \"\"\"\n     \n\"\"\" d"),
            ("#if a", "#if a"),
            ("\"a\nb", "\" \nb"),
        ])
    func code(source: String, masked: String) {
        #expect(SwiftMask.code(of: source) == masked)
    }

    @Test("keeps strings when only comments are to go")
    func comments() {
        #expect(SwiftMask.withoutComments("a \"// b\" // c") == "a \"// b\"     ")
    }
}

@Suite("Rules over one text")
struct TextRuleTests {
    @Test("a line of 121 columns is found, one of 120 is not")
    func columns() {
        let file = swift("\(String(repeating: "ä", count: 120))\n\(String(repeating: "x", count: 121))\n")
        #expect(TextRules.longLines(file).map(\.line) == [2])
    }

    @Test("a file of 501 lines is found, one of 500 is not")
    func lines() {
        #expect(TextRules.longFile(swift(String(repeating: "x\n", count: 501))).count == 1)
        #expect(TextRules.longFile(swift(String(repeating: "x\n", count: 500))).isEmpty)
    }

    @Test("white space at an end is found", arguments: [("a \nb\n", 1), ("a", 1), ("a\n\n", 1), ("a\n", 0), ("", 0)])
    func whiteSpace(text: String, count: Int) {
        #expect(TextRules.whiteSpace(swift(text)).count == count)
    }

    @Test("notes to oneself are found in code and in prose")
    func notes() {
        let words = ["TO" + "DO", "FIX" + "ME"]
        #expect(
            TextRules.notesToOneself(swift("// \(words[0]): later\nlet a = \"\(words[1])\"\n")).map(\.line) == [1, 2])
        #expect(TextRules.notesToOneself(swift("let mas\(words[0])N = 1\n")).isEmpty)
    }

    @Test("a file without an opening comment is found")
    func header() {
        #expect(TextRules.header(swift("import Testing\n")).count == 1)
        #expect(TextRules.header(swift("// What it is.\nimport Testing\n")).isEmpty)
        #expect(TextRules.header(swift("// Not SQL's mark.\nSELECT 1\n", at: "Sources/A/a.sql")).count == 1)
        #expect(TextRules.header(swift("-- Mark.\nreturn 1\n", at: "Sources/A/a.lua")).isEmpty)
        #expect(TextRules.header(swift("# A document\n", at: "README.md")).isEmpty)
    }

    @Test(
        "banned calls are found",
        arguments: ["try! a()", "fatalError()", "assert(a)", "assertionFailure()", "print(a)", "{ print(a) }"])
    func banned(code: String) {
        #expect(TextRules.bannedCalls(swift("let a = 1\n\(code)\n")).map(\.line) == [2])
    }

    @Test(
        "what only looks like a banned call is left alone",
        arguments: ["fingerprint(a)", "a.print(b)", "// print(a)", "say(\"print(a)\")", "precondition(a)", "try a()"])
    func notBanned(code: String) {
        #expect(TextRules.bannedCalls(swift("\(code)\n")).isEmpty)
    }

    @Test("the command line may print, and only tests may not sleep")
    func exceptions() {
        #expect(TextRules.bannedCalls(swift("print(a)\n", at: "Sources/chorewheel/Main.swift")).isEmpty)
        #expect(TextRules.bannedCalls(swift("try await Task.sleep(for: a)\n", at: "Tests/A/B.swift")).count == 1)
        #expect(TextRules.bannedCalls(swift("try await Task.sleep(for: a)\n")).isEmpty)
        let endless = swift("try await Task.sleep(for: .seconds(3600))\n", at: "Tests/A/B.swift")
        #expect(TextRules.bannedCalls(endless).isEmpty)
    }

    @Test("forced unwraps are found", arguments: ["a!", "a()!.b", "a[0]!", "a as! B", "var a: B!", "(a?.b)!"])
    func forced(code: String) {
        #expect(TextRules.forcedUnwraps(swift("\(code)\n")).count == 1)
    }

    @Test(
        "other exclamations are left alone",
        arguments: ["!a", "a != b", "a!=b", "#if !os(Linux)", "// so!", "[!a, !b]"])
    func notForced(code: String) {
        #expect(TextRules.forcedUnwraps(swift("\(code)\n")).isEmpty)
    }

    @Test("all of Foundation is found, and its essentials are not")
    func foundation() {
        let fallback =
            "#if canImport(FoundationEssentials)\nimport FoundationEssentials\n#else\nimport Foundation\n#endif\n"
        #expect(TextRules.wholeFoundation(swift("internal import Foundation\n")).count == 1)
        #expect(TextRules.wholeFoundation(swift("\(fallback)import Foundation\n")).map(\.line) == [6])
        #expect(TextRules.wholeFoundation(swift("#if os(Linux)\n#else\nimport Foundation\n#endif\n")).count == 1)
        #expect(TextRules.wholeFoundation(swift(fallback)).isEmpty)
        #expect(TextRules.wholeFoundation(swift("import Foundation\n", at: "Sources/embed-text/main.swift")).isEmpty)
    }
}

@Suite("Rules over the house")
struct HouseRuleTests {
    static let package = """
        let workers = ["Paint"]
        func worker(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
            .target(name: "\\(name)Worker", dependencies: ["Kit", logging] + dependencies, path: "workers/\\(name)")
        }
        let package = Package(
            name: "house",
            products: [.library(name: "Kit", targets: ["Kit"])],
            targets: [
                .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
                module("Postgres", ["CLibPQ"]),  // with a comment, "Kit"
                module("Kit", ["Postgres", logging], plugins: ["EmbedText"]),
                worker("Paint"),
                module("WorkerCatalog", ["Kit"] + workers.map { .target(name: "\\($0)Worker") }),
                .executableTarget(name: "house", dependencies: ["WorkerCatalog"], swiftSettings: strict),
                .executableTarget(name: "embed", path: "Sources/embed-text"),
                .plugin(name: "EmbedText", capability: .buildTool(), dependencies: ["embed"],
                    path: "Sources/EmbedText"),
                tests("KitTests", ["Kit", "TestSupport"]),
            ]
        )
        """
    static let manifest = PackageManifest(swift(package, at: "Package.swift"))
    static let floors = [
        ["CLibPQ", "embed"], ["EmbedText", "Postgres"], ["Kit"], ["PaintWorker"], ["WorkerCatalog"], ["house"],
    ]
    static let catalog = swift(
        "// C\ninternal import PaintWorker\nlet a = PaintPlugin()\n", at: "Sources/WorkerCatalog/WorkerCatalog.swift")
    static let plugin = swift("// P\nimport Kit\n", at: "workers/Paint/Paint.swift")

    @Test("a manifest is read")
    func manifest() throws {
        let targets = Dictionary(uniqueKeysWithValues: Self.manifest.targets.map { ($0.name, $0) })
        #expect(Self.manifest.workers == ["Paint"])
        #expect(
            targets.mapValues(\.dependencies) == [
                "CLibPQ": [], "Postgres": ["CLibPQ"], "Kit": ["Postgres"], "PaintWorker": ["Kit"],
                "WorkerCatalog": ["Kit", "PaintWorker"], "house": ["WorkerCatalog"], "embed": [],
                "EmbedText": ["embed"],
                "KitTests": ["Kit"],
            ])
        #expect(targets["PaintWorker"]?.folder == "workers/Paint")
        #expect(targets["embed"]?.folder == "Sources/embed-text")
        #expect(targets["KitTests"]?.isTest == true)
    }

    @Test("a dependency that does not point downwards is found")
    func upward() {
        #expect(HouseRules.upwardDependencies(Self.manifest, floors: Self.floors).isEmpty)
        var flat = Self.floors
        flat[1].append("Kit")
        flat[2] = []
        #expect(HouseRules.upwardDependencies(Self.manifest, floors: flat).count == 1)
    }

    @Test("a target without a floor is found, and a floor without a target")
    func unknown() {
        #expect(HouseRules.upwardDependencies(Self.manifest, floors: Self.floors.dropLast()).count == 1)
        #expect(HouseRules.upwardDependencies(Self.manifest, floors: Self.floors + [["Attic"]]).count == 1)
    }

    @Test("a tests' module under an ordinary one is found")
    func testsModule() {
        let package = Self.package.split(separator: "worker(\"Paint\"),").joined(
            separator: "worker(\"Paint\", [\"TestSupport\"]),"
        )
        .split(separator: "tests(\"KitTests\"").joined(separator: "module(\"TestSupport\", []), tests(\"KitTests\"")
        let findings = HouseRules.upwardDependencies(
            PackageManifest(swift(package, at: "Package.swift")), floors: [["TestSupport"]] + Self.floors)
        #expect(findings.map(\.rule) == ["PaintWorker is linked with TestSupport, a tests' module"])
    }

    @Test("an import that is not declared is found")
    func undeclared() {
        let file = swift("// A\nimport Kit\n@testable import Postgres\nimport Logging\n", at: "Tests/KitTests/A.swift")
        #expect(HouseRules.undeclaredImports(Self.manifest, [file, Self.plugin]).map(\.line) == [3])
    }

    @Test("a second importer of a C library is found")
    func cLibrary() {
        let right = swift("// A\nimport CLibPQ\n", at: "Sources/Postgres/A.swift")
        let wrong = swift("// B\nprivate import struct CLibPQ.pg_conn\n", at: "Sources/Kit/B.swift")
        #expect(HouseRules.strayCImports(Self.manifest, [right, wrong]).map(\.path) == ["Sources/Kit/B.swift"])
    }

    @Test("a folder that is no target is found, and a target without a folder")
    func folders() {
        let files = Self.manifest.targets.map { swift("// A\n", at: "\($0.folder)/A.swift") }
        #expect(HouseRules.foldersWithoutTarget(Self.manifest, files).isEmpty)
        let lost = swift("// A\n", at: "Tests/LostTests/A.swift")
        #expect(HouseRules.foldersWithoutTarget(Self.manifest, files + [lost]).map(\.path) == ["Tests/LostTests"])
        #expect(
            HouseRules.foldersWithoutTarget(Self.manifest, Array(files.dropLast())).map(\.path) == ["Package.swift"])
    }

    @Test("a plugin that is missing in any of the three places is found")
    func plugins() {
        #expect(HouseRules.plugins(Self.manifest, [Self.catalog, Self.plugin]).isEmpty)
        let empty = swift("// C\n", at: Self.catalog.path)
        #expect(HouseRules.plugins(Self.manifest, [empty, Self.plugin]).map(\.path) == ["Sources/WorkerCatalog"])
        #expect(HouseRules.plugins(Self.manifest, [Self.catalog]).map(\.path).contains("workers/Paint"))
        let new = swift("// N\n", at: "workers/Plaster/Plaster.swift")
        #expect(HouseRules.plugins(Self.manifest, [Self.catalog, Self.plugin, new]).count == 3)
    }
}

@Suite("Rules over migrations")
struct MigrationRuleTests {
    static func files(_ names: [String]) -> [SourceFile] {
        names.map { SourceFile(path: "migrations/made/\($0)", text: "-- up\n") }
    }

    @Test(
        "gaps, missing ways back, doubles and odd names are found",
        arguments: [
            ["0002_make_a.up.sql", "0002_make_a.down.sql"],
            ["0001_make_a.up.sql"],
            ["0001_make_a.down.sql"],
            ["0001_make_a.up.sql", "0001_make_b.down.sql"],
            ["0001_make_a.up.sql", "0001_make_a.down.sql", "0001_make_b.up.sql"],
            ["1_make_a.up.sql"], ["0001_make.up.sql"], ["0001_make_a.sql"],
        ])
    func wrong(names: [String]) {
        #expect(!MigrationRules.numbering(Self.files(names)).isEmpty)
    }

    @Test("a sound folder is left alone")
    func right() {
        let names = ["0001_make_a.up.sql", "0001_make_a.down.sql", "0002_drop_b2.up.sql", "0002_drop_b2.down.sql"]
        #expect(MigrationRules.numbering(Self.files(names)).isEmpty)
    }
}

@Suite("Rules over documents")
struct DocumentRuleTests {
    static func document(_ text: String) -> SourceFile { SourceFile(path: "docs/a.md", text: text) }
    static let neighbours = [
        SourceFile(path: "docs/b.md", text: "# The one, and `two`\n"), swift("let a = 1\nlet b = 2\n"),
    ]

    @Test(
        "links that lead nowhere are found",
        arguments: ["[x](c.md)", "[x](../docs/c.md)", "[x](b.md#three)", "[x](#nowhere)", "[x](b.md) and [y](c.md)"])
    func broken(text: String) {
        #expect(DocumentRules.brokenLinks([Self.document("# A\n\(text)\n")] + Self.neighbours).count == 1)
    }

    @Test(
        "links that lead somewhere are left alone",
        arguments: [
            "[x](b.md)", "[x](../docs/b.md#the-one-and-two)", "[x](#a)", "[x](../Sources/Made)",
            "[x](https://swift.org/x)",
            "```\n[x](c.md)\n```",
        ])
    func sound(text: String) {
        #expect(DocumentRules.brokenLinks([Self.document("# A\n\(text)\n")] + Self.neighbours).isEmpty)
    }

    @Test("a quote that the code has left behind is found")
    func quotes() {
        func findings(_ quoted: String, from path: String = "../Sources/Made/Up.swift") -> [Finding] {
            DocumentRules.staleQuotes(
                [Self.document("<!-- same as \(path) -->\n```swift\n\(quoted)\n```\n")] + Self.neighbours)
        }
        #expect(findings("let a = 1\nlet b = 2").isEmpty)
        #expect(findings("let a = 1\nlet b = 3").count == 1)
        #expect(findings("let a = 1", from: "Gone.swift").count == 1)
    }

    @Test("a test that a document names and that is not there is found, as is a row without one")
    func namedTests() {
        let tests = SourceFile(
            path: "Tests/ATests.swift", text: "// A\n@Test(\"it holds\")\nfunc a() {}\nfunc `it holds, too`() {}\n")
        func findings(_ text: String, rows: Int = 1) -> [String] {
            DocumentRules.missingTests(in: SourceFile(path: "docs/a.md", text: text), rows: rows, [tests]).map(\.rule)
        }
        let row = "| L1 | lost | [A](../Tests/ATests.swift): \"it holds\" |\n"
        #expect(findings(row).isEmpty)
        #expect(findings(row.replacing("it holds", with: "it holds, too")).isEmpty)
        #expect(findings(row.replacing("it holds", with: "it ho")) == ["Tests/ATests.swift has no test \"it ho\""])
        #expect(findings(row.replacing("ATests", with: "BTests")).count == 1)
        #expect(findings(row, rows: 2) == ["L2 has no row with a test"])
        #expect(findings("| L1 | lost | by design |\n") == ["L1 has no row with a test"])
    }

    @Test("a planted bug that does not apply, or whose test is gone, is found")
    func mutants() {
        let files = [
            SourceFile(path: "Sources/A.lua", text: "-- A\nif a then\n    b()\nend\n"),
            SourceFile(path: "Tests/ATests/BTests.swift", text: "// B\nfunc holds() {}\n"),
        ]
        func findings(_ old: String, _ new: String = "", by test: String = "holds\\(") -> [String] {
            let text = "# x\ncaught by: ATests\\.BTests/\(test)\nfile: Sources/A.lua\n<<<<\n\(old)\n====\n\(new)>>>>\n"
            return MutantRules.stale([SourceFile(path: "a.mutant", text: text)], files).map(\.rule)
        }
        #expect(findings("    b()").isEmpty)
        #expect(findings("if a then", "if true then\n").isEmpty)
        #expect(findings("    c()") == ["does not apply to Sources/A.lua"])
        #expect(findings("n", "m\n") == ["does not apply to Sources/A.lua"])
        #expect(findings("    b()", by: "gone\\(") == ["ATests has no test \"gone(\""])
    }

    @Test("a target that make help does not show is found")
    func makeHelp() {
        let makefile = SourceFile(path: "Makefile", text: ".PHONY: a b\na: ## does a\n\ttrue\nb: a\n\ttrue\n")
        #expect(DocumentRules.silentTargets(makefile).map(\.rule) == ["b has no line in `make help`"])
        #expect(DocumentRules.silentTargets(SourceFile(path: "Makefile", text: "a:\n")).count == 1)
    }

    @Test("a word that a document should have is found missing")
    func words() {
        #expect(DocumentRules.unmentioned(["one", "two"], in: Self.document("one\n")).count == 1)
    }

    @Test("tables and keys are found in SQL and Lua")
    func stores() {
        let script = SourceFile(
            path: "a.lua", text: "-- A\nlocal a = base .. ':ring:' .. p\nget(base .. ':run:' .. s)\n")
        #expect(DocumentRules.redisKeys(in: [script, script]) == [":ring", ":run"])
        let migration = SourceFile(path: "a.sql", text: "-- A\nCREATE TABLE a_b (c text);\nCREATE TABLE d (e text);\n")
        #expect(DocumentRules.tables(in: migration) == ["a_b", "d"])
    }

    @Test("a diagram with an arrow too many, too few, or of another event differs from the code")
    func diagrams() {
        let code = LifeDiagram.walked()
        var drawn = code
        #expect(drawn.findings(against: code, path: "a").isEmpty)
        drawn.arrows.insert(.init(from: "succeeded", to: "running", event: "begin"))
        #expect(drawn.findings(against: code, path: "a").count == 1)
        drawn = code
        drawn.arrows.remove(.init(from: "running", to: "dead", event: "crash"))
        #expect(drawn.findings(against: code, path: "a").count == 1)
    }

    @Test("a diagram is read from the first Mermaid block")
    func reading() {
        let text = "# A\n```mermaid\nstateDiagram-v2\n    [*] --> a : make\n    a --> [*]\n```\n    b --> c : no\n"
        #expect(
            LifeDiagram(markdown: text).arrows == [
                .init(from: "[*]", to: "a", event: "make"), .init(from: "a", to: "[*]", event: ""),
            ])
    }

    @Test("the words of a CHECK constraint are read")
    func checks() {
        let sql = "CREATE TABLE a (b text CHECK (b IN ('x')));\nCREATE TABLE c (\n b text CHECK (b IN\n ('y', 'z')));"
        #expect(allowedWords(of: "b", inTable: "c", sql: sql) == ["y", "z"])
        #expect(allowedWords(of: "d", inTable: "c", sql: sql) == nil)
    }
}
