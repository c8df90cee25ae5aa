// Settings: the one list of them, files, and what is said of a wrong name.

import Testing

@testable import WorkerRuntime

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct SettingsTests {
    private func values(_ json: String) throws -> [String: String] {
        try SettingsFile(json: Array(json.utf8), path: "settings.json", known: Setting.all).values
    }

    private func refusal(_ json: String) throws -> InvalidSetting {
        try #require(throws: InvalidSetting.self) { try self.values(json) }
    }

    @Test func `a file's members are settings, by their names from the outside in`() throws {
        let values = try self.values(
            #"{"database": {"url": "postgres://x"}, "chorewheel": {"port": 81, "queues": ["a", "b"]}}"#)
        #expect(values == ["database.url": "postgres://x", "chorewheel.port": "81", "chorewheel.queues": "a,b"])
        #expect(try self.values("{}").isEmpty)
    }

    @Test(arguments: [
        (#"{"chorewheel": {"tokn": "x"}}"#, "chorewheel.tokn", "did you mean chorewheel.token?"),
        (#"{"databse": {"url": "x"}}"#, "databse.url", "did you mean database.url?"),
        (#"{"zzz": 1}"#, "zzz", "is no setting, but is in settings.json"),
        (#"{"chorewheel": {"log": {}}}"#, "chorewheel.log", "is no setting"),
        (#"{"chorewheel": {"token": null}}"#, "chorewheel.token", "must be a text"),
        (#"{"chorewheel": {"queues": [["a"]]}}"#, "chorewheel.queues", "must be a text"),
        ("[]", "chorewheel.config", "one JSON object"), ("{", "chorewheel.config", "one JSON object"),
    ])
    func `what would have no effect in a file refuses it, by name`(json: String, field: String, rule: String) throws {
        let error = try self.refusal(json)
        #expect(error.field == field)
        #expect(error.rule.contains(rule), "\(error.rule)")
    }

    @Test func `a process may have settings of its own in the file`() throws {
        let own = Setting("greeter.language", "Which one.")
        let file = try SettingsFile(
            json: Array(#"{"greeter": {"language": "de"}}"#.utf8), path: "x", known: Setting.all + [own])
        #expect(file.values == ["greeter.language": "de"])
    }

    @Test func `a variable that is no setting has the one it was meant to be`() {
        #expect(Settings.meant("CHOREWHEEL_TOKN") == "CHOREWHEEL_TOKEN")
        #expect(Settings.meant("CHOREWHEEL_LEASE_SECOND") == "CHOREWHEEL_LEASE_SECONDS")
        #expect(Settings.meant("CHOREWHEEL_SOMETHING_ELSE_ALTOGETHER") == nil)
    }

    /// The checkout that this file is in.
    private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    private static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: "\(Self.root)/\(path)")), as: UTF8.self)
    }

    @Test func `what the code reads is in the list, and what people set is in the README`() throws {
        let names = Set(Setting.all.map(\.name))
        #expect(names.count == Setting.all.count)
        var read: Set<String> = []
        for path in try FileManager.default.subpathsOfDirectory(atPath: "\(Self.root)/Sources")
        where path.hasSuffix(".swift") {
            let text = try Self.text("Sources/\(path)")
            for match in text.matches(of: #/ettings\.(?:string|strings|int|requiredString)\("([a-z.]+)"/#) {
                read.insert(String(match.1))
            }
        }
        #expect(read.count > 10)
        #expect(read.subtracting(names).isEmpty)
        let readme = try Self.text("README.md")
        // Set by programs, for programs.
        let internals = ["chorewheel.worker", "chorewheel.quarantine"]
        for setting in Setting.all where !internals.contains(setting.name) {
            #expect(readme.contains(setting.variable), "\(setting.variable)")
        }
    }
}
