// The settings that every Chorewheel process shares: flags over the environment over a file. A setting `a.b` is the
// variable `A_B` and the member `b` of the object `a` in the JSON file. Which settings there are is in Setting.swift.

internal import Configuration
public import Logging
internal import Processes

/// Reads settings.
public struct Settings: Sendable {
    private let reader: ConfigReader

    /// Variables that begin like this project's, and are none of its settings.
    public let unknownVariables: [String]

    /// Reads the environment, and the file that a flag or `CHOREWHEEL_CONFIG` names.
    ///
    /// - Parameters:
    ///   - flags: What flags gave, by setting name; they win.
    ///   - own: Settings that the process has besides those of this package: the file may hold them, too.
    /// - Throws: `InvalidSetting` for a file that cannot be read, is not JSON, or holds what is no setting.
    public init(flags: [String: String] = [:], file: String? = nil, own: [Setting] = []) async throws {
        let known = Setting.all + own
        let given = Self.provider(flags)
        let environment = EnvironmentVariablesProvider()
        let first = ConfigReader(providers: [given, environment])
        let variables = Set(known.map(\.variable))
        self.unknownVariables = CurrentEnvironment.variables().keys
            .filter { $0.hasPrefix("CHOREWHEEL_") && !variables.contains($0) }.sorted()
        guard let path = file ?? first.string(forKey: "chorewheel.config"), !path.isEmpty else {
            self.reader = first
            return
        }
        let values = try SettingsFile(path: path, known: known).values
        self.reader = ConfigReader(providers: [given, environment, Self.provider(values)])
    }

    private static func provider(_ values: [String: String]) -> InMemoryProvider {
        InMemoryProvider(
            values: Dictionary(
                uniqueKeysWithValues: values.map {
                    (AbsoluteConfigKey(ConfigKey($0.key)), ConfigValue(.string($0.value), isSecret: true))
                }))
    }

    /// Tells the log of variables that look like settings and are none. Not an error: they may be meant for another
    /// version of this program.
    public func warnOfUnknownVariables(_ logger: Logger) {
        for variable in self.unknownVariables {
            logger.warning("an environment variable is no setting, and has no effect", metadata: Self.hint(variable))
        }
    }

    private static func hint(_ variable: String) -> Logger.Metadata {
        var metadata: Logger.Metadata = ["variable": "\(variable)"]
        if let meant = Self.meant(variable) { metadata["meant"] = "\(meant)" }
        return metadata
    }

    /// The variable that an unknown one was probably meant to be.
    public static func meant(_ variable: String) -> String? {
        let name = String(variable.lowercased().map { $0 == "_" ? "." : $0 })
        return Setting.nearest(to: name, among: Setting.all)?.variable
    }

    /// A text; nil when it is not set, or set to nothing.
    public func string(_ name: String) -> String? {
        guard let text = self.reader.string(forKey: ConfigKey(name), isSecret: true), !text.isEmpty else { return nil }
        return text
    }

    /// A text that must be there.
    public func requiredString(_ name: String) throws(InvalidSetting) -> String {
        guard let text = self.string(name) else {
            throw InvalidSetting(
                field: name, rule: "must be set: by \(Self.variable(name)), or in the file that CHOREWHEEL_CONFIG names"
            )
        }
        return text
    }

    /// A whole number within bounds.
    public func int(_ name: String, in range: ClosedRange<Int>) throws(InvalidSetting) -> Int? {
        guard let text = self.string(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw InvalidSetting(
                field: name,
                rule: "must be a whole number from \(range.lowerBound) to \(range.upperBound), is \"\(text)\"")
        }
        return number
    }

    /// Texts, separated by commas.
    public func strings(_ name: String) -> [String] {
        (self.string(name) ?? "").split(separator: ",").map { String($0.trimming(" ")) }.filter { !$0.isEmpty }
    }

    /// The variable of a setting.
    public static func variable(_ name: String) -> String {
        String(name.map { $0 == "." ? "_" : Character($0.uppercased()) })
    }
}

extension Substring {
    fileprivate func trimming(_ character: Character) -> Substring {
        var text = self.drop { $0 == character }
        while text.last == character { text.removeLast() }
        return text
    }
}
