// A file of settings: a JSON object whose members, named from the outside in and joined by dots, are settings.
//
// Invariant: nothing in the file is silently without effect. A member that is no setting, or whose value no setting can
// have, refuses the whole file.

internal import JobQueue
internal import Processes

/// The settings of a file, by name.
struct SettingsFile {
    let values: [String: String]

    /// - Throws: `InvalidSetting` that names the file, or the member in it, and the rule.
    init(path: String, known: [Setting]) throws(InvalidSetting) {
        let text: String?
        do throws(ProcessError) {
            text = try FileSystem.text(of: path)
        } catch {
            throw InvalidSetting(field: "chorewheel.config", rule: "names a file that cannot be used: \(error)")
        }
        guard let text else { throw InvalidSetting(field: "chorewheel.config", rule: "names no file: \(path)") }
        try self.init(json: Array(text.utf8), path: path, known: known)
    }

    init(json: [UInt8], path: String, known: [Setting]) throws(InvalidSetting) {
        guard let document = try? JSONText.decode(JSONValue.self, from: json), case .object = document else {
            throw InvalidSetting(field: "chorewheel.config", rule: "must name a file with one JSON object: \(path)")
        }
        var values: [String: String] = [:]
        for (name, value) in Self.leaves(document, prefix: "") {
            guard known.contains(where: { $0.name == name }) else {
                let nearest = Setting.nearest(to: name, among: known).map { "; did you mean \($0.name)?" } ?? ""
                throw InvalidSetting(field: name, rule: "is no setting, but is in \(path)\(nearest)")
            }
            guard let text = Self.text(value) else {
                throw InvalidSetting(
                    field: name, rule: "must be a text, a number, or an array of these, and is not in \(path)")
            }
            values[name] = text
        }
        self.values = values
    }

    /// What is not an object, and empty objects, by name, in the order of names.
    private static func leaves(_ value: JSONValue, prefix: String) -> [(name: String, value: JSONValue)] {
        guard case .object(let members) = value else { return [(prefix, value)] }
        if members.isEmpty { return prefix.isEmpty ? [] : [(prefix, value)] }
        return members.sorted { $0.key < $1.key }.flatMap { name, value in
            Self.leaves(value, prefix: prefix.isEmpty ? name : "\(prefix).\(name)")
        }
    }

    /// A value as the environment would have it; arrays are lists separated by commas.
    private static func text(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .number(let number): Int64(exactly: number).map(String.init) ?? String(number)
        case .bool(let flag): String(flag)
        case .array(let values):
            values.reduce([String]?([])) { list, value in
                if case .array = value { return nil }
                guard let list, let text = Self.text(value) else { return nil }
                return list + [text]
            }?.joined(separator: ",")
        case .null, .object: nil
        }
    }
}
