// Settings: present, well-formed. No server is asked.

internal import Logging
internal import Postgres
internal import Redis
internal import Tenancy
internal import WorkerRuntime

func checkSettings(_ settings: Settings, _ explain: (any Error) -> Examination.Explanation) -> [Finding] {
    let findings = [
        checkSetting("database.url", settings, explain, required: true) { url in
            let configuration = try PostgresConfiguration(url: url)
            try configuration.validate()
            return configuration.redactedURL
        },
        checkSetting("redis.url", settings, explain, required: true) { try RedisConfiguration(url: $0).redactedURL },
        checkSetting(
            "chorewheel.secret.keys", settings, explain, required: false,
            absent: "is not set here: `work` and `serve` need it to seal and open the families' passwords"
        ) { "\(try SecretBox(keys: $0))" },
        checkSetting(
            "chorewheel.token", settings, explain, required: false, absent: "is not set here: `serve` needs it"
        ) { _ in "set" },
        checkSetting(
            "stripe.webhook.secret", settings, explain, required: false,
            absent: "is not set here: without it `serve` answers webhooks with 503"
        ) { _ in "set" },
        checkSetting("chorewheel.log.level", settings, explain, required: false, absent: nil) { level in
            guard Logger.Level(rawValue: level) != nil else {
                let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                throw InvalidSetting(field: "chorewheel.log.level", rule: "must be one of \(levels)")
            }
            return level
        },
    ].compactMap { $0 }
    return findings
        + settings.unknownVariables.map { variable in
            .warn(
                "settings", "\(variable) is set, is no setting, and has no effect",
                remedy: Settings.meant(variable).map { "did you mean \($0)?" } ?? "unset it, or look up its name")
        }
}

/// - Parameters:
///   - absent: What it means that the setting is not there; nil: nothing.
///   - read: Checks the value; returns what of it may be shown.
private func checkSetting(
    _ name: String, _ settings: Settings, _ explain: (any Error) -> Examination.Explanation, required: Bool,
    absent: String? = nil, _ read: (String) throws -> String
) -> Finding? {
    let variable = Settings.variable(name)
    guard let value = settings.string(name) else {
        if required {
            return .fail(
                "settings", "\(name) is not set", remedy: "set \(variable), or \(name) in the settings file",
                cause: .configuration)
        }
        return absent.map { .warn("settings", "\(name) \($0)", remedy: "set \(variable) where that runs") }
    }
    do {
        return .ok("settings", "\(name): \(try read(value))")
    } catch {
        return .fail(
            "settings", "\(name) is wrong: \(explain(error).rule)", remedy: "mend \(variable)",
            cause: .configuration)
    }
}
